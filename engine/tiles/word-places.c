// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/word-places.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

/* Of a tile that the word covers; of the word that is in a tile. */
static const double LEAST_COVER = 0.3, LEAST_PART = 0.2;

/* Below, a word is of the whole picture. */
static const double LEAST_CONTRAST = 1.5, MOST_COVER = 0.8;

/* Heads of a network of random weights agree as much in one of 600 words if they see nothing but
 * brightness (chi squared with one degree of freedom); measured are 0.6 to 1.4. */
static const double LEAST_AGREEMENT = 10;

enum
{
  CELLS_PER_ROUND = 16, /* of the map's side, for each cell that specks have at most around them */
};

/* What one axis of a 3 × 3 neighbourhood reads at @i + @step; -1: nothing, beyond an edge. */
static int
neighbour (guint i, int step, guint n, gboolean wrap)
{
  const int at = (int) i + step;

  if (at >= 0 && at < (int) n)
    return at;
  return wrap ? (at + (int) n) % (int) n : -1;
}

/* Erosion (@value 0) or dilation (1): a cell with a neighbour of @value becomes @value. */
static void
spread (const guint8 *from, PdSize size, PdTorus wrap, guint8 value, guint8 *to)
{
  for (guint y = 0; y < size.h; y++)
    for (guint x = 0; x < size.w; x++)
      {
        guint8 result = !value;

        for (int dy = -1; dy <= 1; dy++)
          for (int dx = -1; dx <= 1; dx++)
            {
              const int row = neighbour (y, dy, size.h, (wrap & PD_TORUS_Y) != 0);
              const int column = neighbour (x, dx, size.w, (wrap & PD_TORUS_X) != 0);

              if (row >= 0 && column >= 0 && from[(gsize) row * size.w + column] == value)
                result = value;
            }
        to[(gsize) y * size.w + x] = result;
      }
}

static double
contrast_of (const float *map, gsize n, const guint8 *mask)
{
  double sum[2] = { 0, 0 };
  gsize count[2] = { 0, 0 };

  for (gsize i = 0; i < n; i++)
    {
      sum[mask[i]] += map[i];
      count[mask[i]]++;
    }
  if (count[0] == 0 || count[1] == 0)
    return 0;
  return sum[1] / (double) count[1] / MAX (sum[0] / (double) count[0], G_MINFLOAT);
}

gboolean
pd_word_places_mask (
    const float *map, PdSize size, PdTorus wrap, guint8 *mask, double *contrast, GError **error)
{
  const gsize n = pd_size_area (size);
  const guint rounds = MIN (size.h, size.w) / CELLS_PER_ROUND;
  g_autofree guint8 *other = pd_try_new (guint8, n, _ ("the places of the words"), error);
  double mean = 0;

  if (other == NULL)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    mean += map[i];
  mean /= (double) n;
  for (gsize i = 0; i < n; i++)
    mask[i] = map[i] > mean;
  for (guint i = 0; i < 2 * rounds; i++)
    {
      spread (mask, size, wrap, i >= rounds, other);
      memcpy (mask, other, n);
    }
  *contrast = contrast_of (map, n, mask);
  return TRUE;
}

static gsize
count (const guint8 *mask, gsize n)
{
  gsize covered = 0;

  for (gsize i = 0; i < n; i++)
    covered += mask[i];
  return covered;
}

gboolean
pd_word_places_is_placed (const guint8 *mask, PdSize size, double contrast, double agreement)
{
  const gsize n = pd_size_area (size);

  return contrast >= LEAST_CONTRAST && agreement >= LEAST_AGREEMENT &&
         (double) count (mask, n) <= MOST_COVER * (double) n;
}

/* How many pixels of an axis of @canvas pixels, from @start on for @length, cell @i of @n has; they
 * may go round. */
static double
overlap (guint i, guint n, guint canvas, guint start, guint length)
{
  const double from = (double) i * canvas / n, to = (double) (i + 1) * canvas / n;
  double pixels = 0;

  for (guint round = 0; round < 2; round++)
    {
      const double first = MAX (from + (double) round * canvas, start);
      const double last = MIN (to + (double) round * canvas, (double) start + length);

      pixels += MAX (last - first, 0);
    }
  return pixels;
}

gboolean
pd_word_places_shown (
    const guint8 *mask, PdSize size, PdSize canvas, PdSize tile, const PdRect *place)
{
  const double cell = (double) pd_size_area (canvas) / (double) pd_size_area (size);
  const double whole = (double) count (mask, pd_size_area (size)) * cell;
  double covered = 0;

  for (guint y = 0; y < size.h; y++)
    {
      const double rows = overlap (y, size.h, canvas.h, place->y, place->h);

      for (guint x = 0; rows > 0 && x < size.w; x++)
        if (mask[(gsize) y * size.w + x])
          covered += rows * overlap (x, size.w, canvas.w, place->x, place->w);
    }
  return covered >= LEAST_COVER * (double) pd_size_area (tile) || covered >= LEAST_PART * whole;
}
