// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/autoencoder.h"
#include "tests/metrics/pixels.h"

enum
{
  PD_GRAM_LEVELS = 2,  /* of the encoder: its first two blocks */
  PD_GRAM_WINDOW = 64, /* pixels a side */
};

/* What an encoder's features have in common, window by window (Gatys et al. 2016): for every pair
 * of channels of a block's result the mean of their product. A picture is cut into windows that are
 * encoded each for itself; a rest at the right and lower edge is dropped. */
typedef struct
{
  guint rows, columns; /* of windows */
  guint channels[PD_GRAM_LEVELS];
  double *values[PD_GRAM_LEVELS]; /* [rows · columns][channels²] */
} PdGrams;

/* Errors: PD_ERROR_BAD_REQUEST (a picture smaller than a window, an autoencoder without an encoder
 * or without such blocks), and those of pd_autoencoder_encode. */
PdGrams *pd_grams_new (PdAutoencoder *autoencoder, const PdPixels *picture, GError **error);
void pd_grams_free (PdGrams *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdGrams, pd_grams_free)

/* The mean of all windows, [channels²]. Returns: (transfer full). */
double *pd_grams_mean (const PdGrams *self, guint level);
