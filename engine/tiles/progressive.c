// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/tiles/progressive.h"

/* A base of up to 2^0.7 times the native size costs more tiles, one of less than 2^-0.3 is more
 * than a model can draw well. */
static const double ROUNDING = 0.3;

/* @size / 2^@times, as a multiple of @scale. */
static guint
halve (guint size, guint times, guint scale)
{
  return (guint) (((size + ((guint64) scale << times) - 1) / ((guint64) scale << times)) * scale);
}

guint
pd_levels_plan (PdProgressive when,
                guint width,
                guint height,
                guint native,
                guint scale,
                PdLevel levels[PD_MAX_LEVELS])
{
  double size = sqrt ((double) width * height);
  guint rises = 0;

  if (when == PD_PROGRESSIVE_ON || (when == PD_PROGRESSIVE_AUTO && size > 2.0 * native))
    rises = (guint) MAX (0.0, floor (log2 (size / native) + ROUNDING));
  while (rises > 0 && MIN (width, height) < (guint64) native << (rises - 1))
    rises--;
  for (guint i = 0; i < rises; i++)
    levels[i] = (PdLevel){ halve (width, rises - i, scale), halve (height, rises - i, scale) };
  levels[rises] = (PdLevel){ width, height };
  return rises + 1;
}

guint
pd_levels_enlarge (guint width, guint height, guint factor, PdLevel levels[PD_MAX_LEVELS])
{
  guint n = 0;

  for (guint times = 2; times <= factor; times *= 2)
    levels[n++] = (PdLevel){ width * times, height * times };
  return n;
}

double
pd_level_strength (double first, guint rise)
{
  static const double shares[] = { 1, 0.8, 0.7 };

  return first * shares[MIN (rise, G_N_ELEMENTS (shares)) - 1];
}

double
pd_level_fade (guint step, guint n_steps)
{
  return (1 + cos (G_PI * step / n_steps)) / 2;
}
