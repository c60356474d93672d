// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/metrics.h"

#include <math.h>

enum
{
  SEED = 20,
  MAX_TILES_APART = 3,
  OTHER_LAGS = 24,
  LAG_PIXELS = 4 << 20, /* looked at per lag */
  MAX_TILES = 400,
  MAX_CROP_SETS = 8,
  MIN_SIDE = 64, /* of reduced tiles; the largest is one less than twice that */
};

/* --- the picture against itself, moved --- */

/* Correlation of the detail with itself @dx to the right and @dy down, over every @step-th row. */
static double
correlation_at (const PdPlane *plane, guint dx, guint dy, guint step)
{
  guint width = plane->width - dx;
  double products = 0.0;
  double first = 0.0;
  double second = 0.0;

  for (guint y = 0; y + dy < plane->height; y += step)
    {
      const float *a = plane->values + (gsize) y * plane->width;
      const float *b = plane->values + (gsize) (y + dy) * plane->width + dx;

      for (guint x = 0; x < width; x++)
        {
          products += a[x] * b[x];
          first += a[x] * a[x];
          second += b[x] * b[x];
        }
    }
  return first > 0.0 && second > 0.0 ? products / sqrt (first * second) : 0.0;
}

/* The distances between tiles up to MAX_TILES_APART apart: guint, no duplicates. */
static GArray *
tile_lags (const PdLayoutAxis *axis)
{
  GArray *lags = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint apart = 1; apart <= MAX_TILES_APART; apart++)
    for (guint k = 0; k + apart < axis->count; k++)
      {
        guint a = axis->starts[k];
        guint b = axis->starts[k + apart];
        guint lag = MAX (a, b) - MIN (a, b);
        gboolean known = FALSE;

        for (guint i = 0; i < lags->len && !known; i++)
          known = g_array_index (lags, guint, i) == lag;
        if (!known)
          g_array_append_val (lags, lag);
      }
  return lags;
}

static gboolean
is_near (const GArray *lags, guint lag)
{
  for (guint i = 0; i < lags->len; i++)
    if (ABS ((int) g_array_index (lags, guint, i) - (int) lag) <= 8)
      return TRUE;
  return FALSE;
}

/* Raises @here and @elsewhere to what is found along one axis. */
static void
measure_lags (const PdPlane *detail,
              const PdLayoutAxis *axis,
              gboolean down,
              GRand *random,
              double *here,
              double *elsewhere)
{
  g_autoptr (GArray) lags = tile_lags (axis);
  guint step = (guint) (((gsize) detail->width * detail->height + LAG_PIXELS - 1) / LAG_PIXELS);
  guint shortest = axis->size;
  guint longest = 0;

  if (lags->len == 0)
    return;
  for (guint i = 0; i < lags->len; i++)
    {
      guint lag = g_array_index (lags, guint, i);

      *here = fmax (*here, correlation_at (detail, down ? 0 : lag, down ? lag : 0, step));
      shortest = MIN (shortest, lag);
      longest = MAX (longest, lag);
    }
  for (guint n = 0; n < OTHER_LAGS / 2; n++)
    {
      guint lag = (guint) g_rand_int_range (random, (gint32) (shortest / 2), (gint32) longest + 16);

      if (lag < axis->size && !is_near (lags, lag))
        *elsewhere =
            fmax (*elsewhere, correlation_at (detail, down ? 0 : lag, down ? lag : 0, step));
    }
}

/* --- tiles against tiles --- */

typedef struct
{
  guint x, y;  /* of the upper left corner, in the reduced plane */
  guint index; /* of the tile */
} Corner;

/* A square that begins at @corner, scaled to length 1: [side × side]. */
static void
cut_square (const PdPlane *plane, Corner corner, guint side, float *square)
{
  double energy = 0.0;
  float scale;

  for (guint y = 0; y < side; y++)
    for (guint x = 0; x < side; x++)
      {
        float value = plane->values[(gsize) ((corner.y + y) % plane->height) * plane->width +
                                    (corner.x + x) % plane->width];

        square[y * side + x] = value;
        energy += (double) value * value;
      }
  scale = energy > 0.0 ? (float) (1.0 / sqrt (energy)) : 0.0f;
  for (guint i = 0; i < side * side; i++)
    square[i] *= scale;
}

static float
dot_product (const float *a, const float *b, guint n)
{
  float sums[8] = { 0.0f }; /* independent, so that they can be added at once */
  guint i = 0;

  for (; i + 8 <= n; i += 8)
    for (guint lane = 0; lane < 8; lane++)
      sums[lane] += a[i + lane] * b[i + lane];
  for (; i < n; i++)
    sums[0] += a[i] * b[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static guint
distance (guint a, guint b)
{
  return MAX (a, b) - MIN (a, b);
}

/* For each of @corners the best correlation with another that is at least @apart away in x or y;
 * their mean. @best receives the highest of all, @a and @b its pair. */
static double
best_matches (const PdPlane *plane,
              const GArray *corners,
              guint side,
              guint apart,
              double *best,
              guint *a,
              guint *b)
{
  guint n = corners->len;
  gsize area = (gsize) side * side;
  g_autofree float *squares = g_new (float, n *area);
  g_autofree double *bests = g_new (double, n);
  double sum = 0.0;
  guint n_matched = 0;

  *best = NAN;
  for (guint i = 0; i < n; i++)
    {
      bests[i] = NAN;
      cut_square (plane, g_array_index (corners, Corner, i), side, squares + i * area);
    }
  for (guint i = 0; i < n; i++)
    for (guint j = 0; j < i; j++)
      {
        Corner first = g_array_index (corners, Corner, j);
        Corner second = g_array_index (corners, Corner, i);
        double match;

        if (distance (first.x, second.x) < apart && distance (first.y, second.y) < apart)
          continue;
        match = dot_product (squares + i * area, squares + j * area, (guint) area);
        bests[i] = fmax (bests[i], match);
        bests[j] = fmax (bests[j], match);
        if (!(match <= *best))
          {
            *best = match;
            *a = first.index;
            *b = second.index;
          }
      }
  for (guint i = 0; i < n; i++)
    if (!isnan (bests[i]))
      {
        sum += bests[i];
        n_matched++;
      }
  return n_matched ? sum / n_matched : NAN;
}

/* The corners of all tiles, or of MAX_TILES of them. */
static GArray *
tile_corners (const PdLayout *layout, guint factor, GRand *random)
{
  GArray *corners = g_array_new (FALSE, FALSE, sizeof (Corner));

  for (guint v = 0; v < layout->y.count; v++)
    for (guint u = 0; u < layout->x.count; u++)
      {
        Corner corner = { layout->x.starts[u] / factor, layout->y.starts[v] / factor,
                          v * layout->x.count + u };

        g_array_append_val (corners, corner);
      }
  while (corners->len > MAX_TILES)
    g_array_remove_index_fast (corners,
                               (guint) g_rand_int_range (random, 0, (gint32) corners->len));
  return corners;
}

static GArray *
random_corners (const PdPlane *plane, const PdLayout *layout, guint side, guint n, GRand *random)
{
  GArray *corners = g_array_new (FALSE, FALSE, sizeof (Corner));
  guint range_x = layout->x.wrap ? plane->width : plane->width - side + 1;
  guint range_y = layout->y.wrap ? plane->height : plane->height - side + 1;

  for (guint i = 0; i < n; i++)
    {
      Corner corner = { (guint) g_rand_int_range (random, 0, (gint32) range_x),
                        (guint) g_rand_int_range (random, 0, (gint32) range_y), i };

      g_array_append_val (corners, corner);
    }
  return corners;
}

static void
measure_tiles (PdRepetition *self, const PdPlane *luma, const PdLayout *layout, GRand *random)
{
  guint tile = MIN (layout->x.tile, layout->y.tile);
  guint factor = MAX (1, tile / MIN_SIDE);
  guint side = tile / factor;
  guint apart =
      (guint) MAX (pd_layout_axis_stride (&layout->x), pd_layout_axis_stride (&layout->y)) /
      factor / 2;
  g_autoptr (PdPlane) reduced = pd_plane_reduce (luma, factor);
  g_autoptr (PdPlane) plane = NULL;
  g_autoptr (GArray) tiles = tile_corners (layout, factor, random);
  guint n_sets = CLAMP (MAX_TILES / tiles->len, 1, MAX_CROP_SETS);

  if (reduced->width < side || reduced->height < side)
    return;
  plane = pd_plane_detail (reduced, side / 8, layout->x.wrap, layout->y.wrap);
  self->tiles = best_matches (plane, tiles, side, apart, &self->strongest, &self->a, &self->b);
  self->crops = 0.0;
  for (guint set = 0; set < n_sets; set++)
    {
      g_autoptr (GArray) crops = random_corners (plane, layout, side, tiles->len, random);
      double highest;
      guint a, b;

      self->crops += best_matches (plane, crops, side, apart, &highest, &a, &b) / n_sets;
    }
}

PdRepetition
pd_repetition_measure (const PdPlane *luma, const PdPlane *detail, const PdLayout *layout)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (SEED);
  PdRepetition repetition = { NAN, NAN, NAN, NAN, NAN, 0, 0 };

  measure_lags (detail, &layout->x, FALSE, random, &repetition.lags, &repetition.other_lags);
  measure_lags (detail, &layout->y, TRUE, random, &repetition.lags, &repetition.other_lags);
  measure_tiles (&repetition, luma, layout, random);
  return repetition;
}
