// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/choices.h"

/* Pictures above a model's native size in levels: a base picture of about the native size, then
 * pictures of twice the size of the one before, up to the target (Du et al. 2024, DemoFusion). */

/* Pixels of a level's picture. */
typedef struct
{
  guint width, height;
} PdLevel;

enum
{
  PD_MAX_LEVELS = 17, /* 65536 pixels from a single one */
};

/* The levels of a picture of @width × @height pixels, the last, for a model with latents of
 * 1 / @scale and made for @native² pixels. The others have sides that are multiples of @scale; the
 * base has 0.8 to 1.6 times the native size by area, but no side below half of it.
 * Returns: their number, 1 … PD_MAX_LEVELS. */
guint pd_levels_plan (PdProgressive when,
                      guint width,
                      guint height,
                      guint native,
                      guint scale,
                      PdLevel levels[PD_MAX_LEVELS]);

/* The levels of an enlargement: twice @width × @height, and so on up to @factor, a power of two.
 * Returns: their number. */
guint pd_levels_enlarge (guint width, guint height, guint factor, PdLevel levels[PD_MAX_LEVELS]);

/* How far a level departs from the one before, as the strength of a solver's run: @first for the
 * first one after the base (@rise 1), then less. */
double pd_level_strength (double first, guint rise);

/* Falls from 1 at the first of @n_steps steps towards 0 after the last, as a cosine. */
double pd_level_fade (guint step, guint n_steps);
