// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/diffusion/noise.h"
#include "engine/base/error.h"
#include "engine/tiles/grid.h"

/* Tells the words drawn here from those of the noise, whose first counter word is a small number.
 */
static const guint32 JITTER_COUNTER = 0x7469c3a1;

enum
{
  MAX_TILES = 1 << 20, /* what is kept of each tile fits the memory, and its number an integer */
};

static void
init_axis (PdGridAxis *axis, guint canvas, guint tile, guint overlap, gboolean wrap)
{
  const guint64 covered = wrap ? canvas : (guint64) canvas - MIN (overlap, canvas);
  const guint stride = tile - overlap;

  *axis = (PdGridAxis){ .canvas = canvas, .tile = tile, .overlap = overlap, .wrap = wrap };
  if (!wrap && tile >= canvas)
    {
      axis->tile = canvas;
      axis->overlap = MIN (overlap, canvas - 1);
      axis->count = 1;
      return;
    }
  axis->count = (guint) ((covered + stride - 1) / stride);
}

gboolean
pd_grid_init (PdGrid *self, PdSize canvas, guint tile, guint overlap, PdTorus wrap, GError **error)
{
  if (canvas.h == 0 || canvas.w == 0 || tile == 0 || overlap >= tile)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("A canvas of %u×%u latent pixels cannot be cut into tiles of %u that overlap "
                      "by %u: sizes must be positive and the overlap smaller than the tile"),
                   canvas.w, canvas.h, tile, overlap);
      return FALSE;
    }
  init_axis (&self->y, canvas.h, tile, overlap, (wrap & PD_TORUS_Y) != 0);
  init_axis (&self->x, canvas.w, tile, overlap, (wrap & PD_TORUS_X) != 0);
  if ((guint64) self->y.count * self->x.count > MAX_TILES)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_BAD_REQUEST,
          _ ("A canvas of %u × %u latent pixels would be cut into %u × %u tiles of %u that "
             "overlap by %u, more than %d; choose a larger tile, a smaller overlap or a "
             "smaller picture"),
          canvas.w, canvas.h, self->x.count, self->y.count, tile, overlap, MAX_TILES);
      return FALSE;
    }
  return TRUE;
}

guint
pd_grid_n_tiles (const PdGrid *self)
{
  return self->y.count * self->x.count;
}

PdSize
pd_grid_tile (const PdGrid *self)
{
  return (PdSize){ self->y.tile, self->x.tile };
}

/* A number in [0, range) for tile @index of axis @axis. */
static guint
draw (guint64 seed, guint step, guint axis, guint index, guint range)
{
  guint32 counter[4] = { JITTER_COUNTER, step, axis, index };
  guint32 key[2] = { (guint32) seed, (guint32) (seed >> 32) };
  guint32 words[4];

  pd_noise_philox (counter, key, words);
  return (guint) ((guint64) words[0] * range >> 32);
}

static void
place_axis (
    const PdGridAxis *axis, guint which, gboolean jitter, guint64 seed, guint step, guint *starts)
{
  guint turn = jitter && axis->wrap ? draw (seed, step, which, 0, axis->canvas) : 0;
  guint reach = axis->overlap / 4;

  for (guint k = 0; k < axis->count; k++)
    {
      if (axis->wrap)
        {
          starts[k] = (guint) (((guint64) k * axis->canvas / axis->count + turn) % axis->canvas);
          continue;
        }
      /* round (k · (canvas - tile) / (count - 1)) */
      starts[k] = axis->count > 1
                      ? (guint) (((guint64) k * (axis->canvas - axis->tile) * 2 + axis->count - 1) /
                                 (2 * (axis->count - 1)))
                      : 0;
      if (jitter && k > 0 && k + 1 < axis->count)
        starts[k] =
            CLAMP ((int) (starts[k] + draw (seed, step, which, k, 2 * reach + 1)) - (int) reach, 0,
                   (int) (axis->canvas - axis->tile));
    }
}

void
pd_grid_starts (
    const PdGrid *self, gboolean jitter, guint64 seed, guint step, guint *starts_y, guint *starts_x)
{
  place_axis (&self->y, 0, jitter, seed, step, starts_y);
  place_axis (&self->x, 1, jitter, seed, step, starts_x);
}
