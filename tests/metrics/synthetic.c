// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/synthetic.h"

#include <math.h>
#include <string.h>

static double
draw_normal (GRand *random)
{
  double u = 1.0 - g_rand_double (random);

  return sqrt (-2.0 * log (u)) * cos (2.0 * G_PI * g_rand_double (random));
}

/* Adds to every channel (almost the same) random numbers at points @spacing apart, smoothly joined.
 */
static void
add_value_noise (PdPixels *picture, guint spacing, double amplitude, GRand *random)
{
  guint n = picture->width / spacing;
  g_autofree double *points = g_new (double, n *n * 3);

  for (guint i = 0; i < n * n; i++)
    {
      double common = draw_normal (random);

      for (guint c = 0; c < 3; c++)
        points[3 * i + c] = amplitude * (common + 0.3 * draw_normal (random));
    }
  for (guint y = 0; y < picture->height; y++)
    for (guint x = 0; x < picture->width; x++)
      {
        double u = (double) (x % spacing) / spacing;
        double v = (double) (y % spacing) / spacing;
        guint left = x / spacing;
        guint right = (left + 1) % n;
        const double *a = points + (gsize) (y / spacing) * n * 3;
        const double *b = points + (gsize) ((y / spacing + 1) % n) * n * 3;

        u = u * u * (3.0 - 2.0 * u);
        v = v * v * (3.0 - 2.0 * v);
        for (guint c = 0; c < 3; c++)
          picture->pixels[((gsize) y * picture->width + x) * 3 + c] +=
              (float) ((1.0 - v) * ((1.0 - u) * a[3 * left + c] + u * a[3 * right + c]) +
                       v * ((1.0 - u) * b[3 * left + c] + u * b[3 * right + c]));
      }
}

static void
set_pixel (PdPixels *picture, guint x, guint y, double value)
{
  for (guint c = 0; c < 3; c++)
    picture->pixels[((gsize) y * picture->width + x) * 3 + c] = (float) (value + 0.02 * c);
}

PdPixels *
pd_synthetic_picture (PdSyntheticKind kind, guint side, guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  PdPixels *picture = pd_pixels_new (side, side, g_new (float, (gsize) side *side * 3));
  double direction = g_rand_double (random) * 2.0 * G_PI;
  double centre_x = (0.3 + 0.4 * g_rand_double (random)) * side;
  double centre_y = (0.3 + 0.4 * g_rand_double (random)) * side;

  for (guint y = 0; y < side; y++)
    for (guint x = 0; x < side; x++)
      {
        double slope = (cos (direction) * x + sin (direction) * y) / side;
        double radius = hypot (x - centre_x, y - centre_y);

        if (kind == PD_SYNTHETIC_NOISE)
          set_pixel (picture, x, y, 0.5 + 0.04 * draw_normal (random));
        else if (kind == PD_SYNTHETIC_GRADIENT)
          set_pixel (picture, x, y, 0.5 + 0.2 * slope + 0.08 * cos (2.0 * radius / side));
        else if (kind == PD_SYNTHETIC_RINGS)
          set_pixel (picture, x, y, 0.5 + 0.25 * cos (radius / 3.0));
        else
          set_pixel (picture, x, y, 0.5);
      }
  if (kind == PD_SYNTHETIC_TEXTURE)
    for (guint spacing = 1; spacing <= side / 4; spacing *= 2)
      add_value_noise (picture, spacing, 0.012 * pow (spacing, 0.4), random);
  return picture;
}

void
pd_synthetic_round (PdPixels *picture)
{
  for (gsize i = 0; i < (gsize) picture->width * picture->height * 3; i++)
    picture->pixels[i] = roundf (255.0f * CLAMP (picture->pixels[i], 0.0f, 1.0f)) / 255.0f;
}

/* How far position @at lies inside tile @k, from 1 at its first and last pixel on; 0 outside. */
static guint
depth_in_tile (const PdLayoutAxis *axis, guint k, guint at)
{
  guint from_start = (at + axis->size - axis->starts[k]) % axis->size;

  if ((!axis->wrap && at < axis->starts[k]) || from_start >= axis->tile)
    return 0;
  return MIN (from_start + 1, axis->tile - from_start);
}

/* The share of each tile in the pixels of an axis: [size × count], the sums over the tiles are 1.
 */
static double *
tile_shares (const PdLayoutAxis *axis, gboolean feathered)
{
  double *shares = g_new0 (double, (gsize) axis->size * axis->count);
  guint overlap = (guint) MAX (0.0, axis->tile - pd_layout_axis_stride (axis));

  for (guint at = 0; at < axis->size; at++)
    {
      double *share = shares + (gsize) at * axis->count;
      double sum = 0.0;

      for (guint k = 0; k < axis->count; k++)
        {
          guint depth = depth_in_tile (axis, k, at);

          if (depth == 0)
            continue;
          if (!feathered)
            for (guint hidden = 0; hidden < k; hidden++)
              share[hidden] = 0.0;
          share[k] = feathered ? MIN (depth, overlap + 1) : 1.0;
          /* The outer tiles have no neighbour to fade into. */
          if (feathered && !axis->wrap &&
              ((k == 0 && at < axis->tile / 2) ||
               (k + 1 == axis->count && at >= axis->size - axis->tile / 2)))
            share[k] = overlap + 1;
        }
      for (guint k = 0; k < axis->count; k++)
        sum += share[k];
      for (guint k = 0; k < axis->count; k++)
        share[k] /= sum;
    }
  return shares;
}

double
pd_synthetic_add_offsets (
    PdPixels *picture, const PdLayout *layout, gboolean feathered, double steps, guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autofree double *shares_x = tile_shares (&layout->x, feathered);
  g_autofree double *shares_y = tile_shares (&layout->y, feathered);
  guint n_x = layout->x.count;
  guint n_y = layout->y.count;
  g_autofree double *offsets = g_new (double, n_x *n_y);
  double sum = 0.0;
  double squares = 0.0;

  for (guint i = 0; i < n_x * n_y; i++)
    {
      double drawn = draw_normal (random) * steps;

      offsets[i] = drawn / 255.0;
      sum += drawn;
      squares += drawn * drawn;
    }
  for (guint y = 0; y < picture->height; y++)
    for (guint x = 0; x < picture->width; x++)
      {
        double offset = 0.0;

        for (guint i = 0; i < n_x * n_y; i++)
          offset += shares_y[(gsize) y * n_y + i / n_x] * shares_x[(gsize) x * n_x + i % n_x] *
                    offsets[i];
        for (guint c = 0; c < 3; c++)
          picture->pixels[((gsize) y * picture->width + x) * 3 + c] += (float) offset;
      }
  return sqrt ((squares - sum * sum / (n_x * n_y)) / (n_x * n_y - 1));
}

void
pd_synthetic_mix_tile (PdPixels *picture,
                       const PdLayout *layout,
                       const PdPixels *repeated,
                       double mix)
{
  g_autofree double *shares_x = tile_shares (&layout->x, TRUE);
  g_autofree double *shares_y = tile_shares (&layout->y, TRUE);
  guint n_x = layout->x.count;
  guint n_y = layout->y.count;

  for (guint y = 0; y < picture->height; y++)
    for (guint x = 0; x < picture->width; x++)
      {
        float *pixel = picture->pixels + ((gsize) y * picture->width + x) * 3;
        double sum[3] = { 0.0 };

        for (guint i = 0; i < n_x * n_y; i++)
          {
            double share =
                shares_y[(gsize) y * n_y + i / n_x] * shares_x[(gsize) x * n_x + i % n_x];
            guint u = (x + layout->x.size - layout->x.starts[i % n_x]) % layout->x.size;
            guint v = (y + layout->y.size - layout->y.starts[i / n_x]) % layout->y.size;

            if (share > 0.0)
              for (guint c = 0; c < 3; c++)
                sum[c] += share * repeated->pixels[((gsize) v * repeated->width + u) * 3 + c];
          }
        for (guint c = 0; c < 3; c++)
          pixel[c] = (float) ((1.0 - mix) * pixel[c] + mix * sum[c]);
      }
}

void
pd_synthetic_blur_overlaps (PdPixels *picture, const PdLayout *layout, double loss)
{
  g_autoptr (PdPlane) plane = pd_plane_new (picture->width, picture->height);

  for (guint c = 0; c < 3; c++)
    {
      g_autoptr (PdPlane) detail = NULL;

      for (gsize i = 0; i < (gsize) picture->width * picture->height; i++)
        plane->values[i] = picture->pixels[3 * i + c];
      detail = pd_plane_detail (plane, 4, layout->x.wrap, layout->y.wrap);
      for (guint x = 0; x < picture->width; x++)
        {
          guint n_tiles = 0;

          for (guint k = 0; k < layout->x.count; k++)
            n_tiles += depth_in_tile (&layout->x, k, x) > 0;
          if (n_tiles < 2)
            continue;
          for (guint y = 0; y < picture->height; y++)
            {
              gsize at = (gsize) y * picture->width + x;

              picture->pixels[3 * at + c] -= (float) loss * detail->values[at];
            }
        }
    }
}

void
pd_synthetic_shuffle_tiles (PdPixels *picture, const PdLayout *layout, guint32 seed)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autofree float *before =
      g_memdup2 (picture->pixels, (gsize) picture->width * picture->height * 3 * sizeof (float));
  guint n_x = layout->x.count;
  guint n = n_x * layout->y.count;
  g_autofree guint *from = g_new (guint, n);

  for (guint i = 0; i < n; i++)
    from[i] = i;
  for (guint i = n - 1; i > 0; i--)
    {
      guint other = (guint) g_rand_int_range (random, 0, (gint32) i + 1);
      guint kept = from[i];

      from[i] = from[other];
      from[other] = kept;
    }
  for (guint i = 0; i < n; i++)
    for (guint y = 0; y < layout->y.tile; y++)
      memcpy (picture->pixels + ((gsize) (layout->y.starts[i / n_x] + y) * picture->width +
                                 layout->x.starts[i % n_x]) *
                                    3,
              before + ((gsize) (layout->y.starts[from[i] / n_x] + y) * picture->width +
                        layout->x.starts[from[i] % n_x]) *
                           3,
              layout->x.tile * 3 * sizeof (float));
}

void
pd_synthetic_drift_tile (
    PdPixels *picture, const PdLayout *layout, guint index, double contrast, double steps)
{
  g_autofree double *shares_x = tile_shares (&layout->x, TRUE);
  g_autofree double *shares_y = tile_shares (&layout->y, TRUE);
  guint column = index % layout->x.count;
  guint row = index / layout->x.count;

  for (guint y = 0; y < picture->height; y++)
    for (guint x = 0; x < picture->width; x++)
      {
        double share = shares_y[(gsize) y * layout->y.count + row] *
                       shares_x[(gsize) x * layout->x.count + column];
        float *pixel = picture->pixels + ((gsize) y * picture->width + x) * 3;

        for (guint c = 0; c < 3; c++)
          pixel[c] += (float) (share * ((contrast - 1.0) * (pixel[c] - 0.5) + steps / 255.0));
      }
}
