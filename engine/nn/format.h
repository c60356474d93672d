// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* How the values of a matrix are stored, on the device and by those who give them. */
typedef enum
{
  PD_FORMAT_F32,
  PD_FORMAT_F16,
} PdFormat;

/* Bytes of @n values in a row. */
gsize pd_format_bytes (PdFormat self, gsize n);

/* @n @values in place; they have room for either format. */
void pd_format_convert (guint8 *values, gsize n, PdFormat from, PdFormat to);

/* A panel of a packed matrix (weights.h). */
typedef struct
{
  guint in, taps;
  guint width; /* columns */
  guint lanes; /* of them that have values */
} PdPanel;

/* Puts @values, [lane][in][taps], in their places in @packed. What pads it is left as it is. */
void pd_format_pack (PdFormat self, const PdPanel *panel, const void *values, void *packed);
