// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank.h"
#include "engine/tiles/predictor.h"
#include "engine/tiles/prompts.h"

/* The whole canvas as one more tile: its self-attention layers' keys and values, pooled, are what
 * every tile sees of the rest. */
typedef struct _PdThumbnail PdThumbnail;

typedef struct
{
  PdDenoiser *denoiser;
  guint height, width;  /* of the canvas, latent pixels */
  guint tile_h, tile_w; /* the thumbnail is no larger, in the canvas's proportions */
  guint64 seed;
  guint branches;
  const PdCondition *const *conditions; /* [branches] */
  const PdPrompts *prompts;             /* of parts of the canvas; NULL: none */
  const PdMap *map;                     /* of the canvas; NULL: none */
  guint bank_tokens, bank_depth;        /* see PdBankOptions */
} PdThumbnailOptions;

/* Records its pass and makes the bank. What the options point to is borrowed, the map for the call
 * alone. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdThumbnail *pd_thumbnail_new (const PdThumbnailOptions *options, GError **error);
void pd_thumbnail_free (PdThumbnail *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdThumbnail, pd_thumbnail_free)

PdBank *pd_thumbnail_bank (PdThumbnail *self);

/* The clean canvas is now a · scale_a + b · scale_b, each [channels][height][width]; @b may be
 * NULL. */
void pd_thumbnail_set_clean (
    PdThumbnail *self, const float *a, double scale_a, const float *b, double scale_b);

/* Images predicted so far. */
guint pd_thumbnail_forwards (const PdThumbnail *self);

/* The small clean canvas, *n numbers; borrowed. Setting it to the same gives the same banks. */
float *pd_thumbnail_clean (PdThumbnail *self, gsize *n);

/* Writes the bank for a step: the small clean canvas, noised to the step's level (a small copy of
 * the noisy canvas would have too little noise), goes through the denoiser. Where parts of the
 * canvas have prompts of their own, it does so for each, and what it writes is mixed. */
gboolean
pd_thumbnail_run (PdThumbnail *self, const PdStep *step, GCancellable *cancellable, GError **error);
