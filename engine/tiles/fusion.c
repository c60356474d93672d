// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/tiles/fusion.h"

void
pd_fusion_profile (PdBlend blend, guint tile, guint overlap, float *weights)
{
  for (guint i = 0; i < tile; i++)
    {
      double weight = 1;

      if (blend == PD_BLEND_GAUSSIAN)
        {
          double u = (i - (tile - 1) / 2.0) / tile;

          weight = exp (-u * u / (2 * 0.01)) / sqrt (2 * G_PI * 0.01);
        }
      else if (blend == PD_BLEND_RAMP && overlap > 0)
        {
          double inside = (MIN (i, tile - 1 - i) + 0.5) / overlap;

          weight = inside < 1 ? 0.5 - 0.5 * cos (G_PI * inside) : 1;
        }
      weights[i] = (float) weight;
    }
}

static guint
wrapped (const PdGridAxis *axis, guint start, guint i)
{
  guint at = start + i;

  return axis->wrap ? at % axis->canvas : at;
}

void
pd_fusion_read (const PdGrid *grid,
                guint channels,
                const float *canvas,
                guint start_y,
                guint start_x,
                float *tile)
{
  const PdGridAxis *y = &grid->y, *x = &grid->x;

  for (guint c = 0; c < channels; c++)
    for (guint i = 0; i < y->tile; i++)
      {
        const float *row = canvas + ((gsize) c * y->canvas + wrapped (y, start_y, i)) * x->canvas;

        for (guint j = 0; j < x->tile; j++)
          *tile++ = row[wrapped (x, start_x, j)];
      }
}

void
pd_fusion_add (
    const PdFusion *self, const float *tile, const float *shares, guint start_y, guint start_x)
{
  const PdGridAxis *y = &self->grid->y, *x = &self->grid->x;

  for (guint i = 0; i < y->tile; i++)
    for (guint j = 0; j < x->tile; j++)
      {
        float share = shares != NULL ? shares[(gsize) i * x->tile + j] : 1;
        float weight = self->profile_y[i] * self->profile_x[j] * share;
        gsize at = (gsize) wrapped (y, start_y, i) * x->canvas + wrapped (x, start_x, j);

        for (guint c = 0; c < self->channels; c++)
          self->sum[c * (gsize) y->canvas * x->canvas + at] +=
              weight * tile[((gsize) c * y->tile + i) * x->tile + j];
        if (self->mass != NULL)
          self->mass[at] += weight;
      }
}

void
pd_fusion_divide (guint channels, gsize pixels, float *sum, const float *mass)
{
  for (guint c = 0; c < channels; c++)
    for (gsize i = 0; i < pixels; i++)
      if (mass[i] > 0)
        sum[c * pixels + i] /= mass[i];
}
