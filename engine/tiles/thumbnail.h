// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/schedule.h"
#include "engine/tiles/canvas.h"

/* The whole canvas as one more tile: its self-attention layers' keys and values, pooled, are what
 * every tile sees of the rest. */
typedef struct _PdThumbnail PdThumbnail;

/* Of at most tile_h × tile_w latent pixels, in the canvas's proportions. Records its UNet pass and
 * makes the bank. */
PdThumbnail *
pd_thumbnail_new (const PdCanvasOptions *options, guint tile_h, guint tile_w, GError **error);
void pd_thumbnail_free (PdThumbnail *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdThumbnail, pd_thumbnail_free)

/* NULL for NULL. */
PdBank *pd_thumbnail_bank (PdThumbnail *self);

/* The clean canvas is now a · scale_a + b · scale_b, each [channels][height][width]; @b may be
 * NULL. */
void pd_thumbnail_set_clean (
    PdThumbnail *self, const float *a, double scale_a, const float *b, double scale_b);

/* UNet images so far. */
guint pd_thumbnail_unet_forwards (const PdThumbnail *self);

/* The small clean canvas, *n numbers; borrowed. Setting it to the same gives the same banks. */
float *pd_thumbnail_clean (PdThumbnail *self, gsize *n);

/* Writes the bank for step @i: the small clean canvas, noised to the step's level (a small copy of
 * the noisy canvas would have too little noise), goes through the UNet. Where parts of the canvas
 * have prompts of their own, it does so for each, and what it writes is mixed. */
gboolean pd_thumbnail_run (PdThumbnail *self,
                           const PdSchedule *schedule,
                           guint i,
                           GCancellable *cancellable,
                           GError **error);
