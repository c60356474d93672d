// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Makes new pixels meet the original around them: where a picture is kept, the original and what
 * the model gave for it differ a little in colour (the autoencoder loses some, the model adds
 * some). That difference, smoothed a little, is carried on into what was repainted as a membrane
 * does (Pérez et al. 2003, Poisson image editing), and added there.
 *
 * Rows of pixels are given from top to bottom, each once, in groups of any number. */
typedef struct _PdRim PdRim;

/* For @width × @height pixels. Differences are taken over squares of 2 × 2 pixels, over larger ones
 * where these would take too much memory. */
PdRim *pd_rim_new (guint width, guint height, GError **error);
void pd_rim_free (PdRim *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdRim, pd_rim_free)

/* Rows y … y + rows - 1: @original and @made [rows][width][3], @mask [rows][width]. A pixel counts
 * with 1 - its mask. */
void pd_rim_add (
    PdRim *self, guint y, guint rows, const float *original, const float *made, const float *mask);

/* After all rows have been added. */
gboolean pd_rim_solve (PdRim *self, GError **error);

/* Adds the offset to these rows of @made. Where nothing is kept at all, it is 0. */
void pd_rim_apply (const PdRim *self, guint y, guint rows, float *made);
