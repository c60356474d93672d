// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/choices.h"
#include "engine/base/rect.h"

/* Where on a canvas a word of the prompt is, from a map of the attention paid to it, and which
 * tiles show it (Lin et al. 2024, AccDiffusion). */

/* Cells where the map is above its mean, without specks: @mask becomes [size], 0 or 1. Where an
 * axis wraps the map is a torus. Returns: how much higher the map is on average within the mask
 * than outside; 0 where there is nothing of either. Errors: PD_ERROR_OUT_OF_HOST_MEMORY. */
gboolean pd_word_places_mask (
    const float *map, PdSize size, PdTorus wrap, guint8 *mask, double *contrast, GError **error);

/* Whether a word whose mask is so clear and whose heads agree so much (pd_word_maps_agreement) has
 * a place at all, rather than being of the whole picture. */
gboolean
pd_word_places_is_placed (const guint8 *mask, PdSize size, double contrast, double agreement);

/* Whether a tile of @tile pixels anywhere within @place, which is a part of a canvas of @canvas
 * pixels that may cross edges, may show the word: it covers 0.3 of the tile, as in AccDiffusion, or
 * a fifth of the word is there, so that what is small is not lost. */
gboolean pd_word_places_shown (
    const guint8 *mask, PdSize size, PdSize canvas, PdSize tile, const PdRect *place);
