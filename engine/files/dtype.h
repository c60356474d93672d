// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Types of the values in files of tensors. */
typedef enum
{
  PD_DTYPE_F64,
  PD_DTYPE_F32,
  PD_DTYPE_F16,
  PD_DTYPE_BF16,
  PD_DTYPE_I64,
  PD_DTYPE_I32,
  PD_DTYPE_I16,
  PD_DTYPE_I8,
  PD_DTYPE_U8,
  PD_DTYPE_BOOL,
  PD_DTYPE_F8_E4M3, /* 4 bits of exponent, no infinities */
  PD_DTYPE_F8_E5M2,
  PD_DTYPE_OTHER, /* one whose elements cannot be read */
} PdDtype;

PdDtype pd_dtype_from_name (const char *name);
gsize pd_dtype_size (PdDtype dtype); /* bytes per element; 0 of PD_DTYPE_OTHER */
gboolean pd_dtype_is_float (PdDtype dtype);

/* @count values at @bytes, which need not be aligned, as f32; zeros of PD_DTYPE_OTHER. */
void pd_dtype_to_floats (PdDtype dtype, const guint8 *bytes, gsize count, float *out);
