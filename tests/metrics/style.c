// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/style.h"

#include <babl/babl.h>
#include <math.h>
#include <string.h>

#include "tests/metrics/plane.h"

enum
{
  COLORS = 3,
  BINS = 8,  /* of a colour channel */
  LOW = 16,  /* times smaller: what is seen from afar */
  EDGES = 2, /* times smaller: without the grain */
};

static double
distance (const double *a, const double *b, guint channels)
{
  double difference = 0, size = 0;

  for (gsize i = 0; i < (gsize) channels * channels; i++)
    {
      difference += (a[i] - b[i]) * (a[i] - b[i]);
      size += b[i] * b[i];
    }
  return sqrt (difference / size);
}

/* [BINS³], sums to 1. */
static double *
histogram (const PdPixels *picture)
{
  const gsize n = (gsize) picture->width * picture->height;
  double *bins = g_new0 (double, BINS *BINS *BINS);

  for (gsize i = 0; i < n; i++)
    for (guint corner = 0; corner < 8; corner++)
      {
        double weight = 1;
        gsize bin = 0;

        for (guint c = 0; c < COLORS; c++)
          {
            double at = picture->pixels[COLORS * i + c] * (BINS - 1);
            guint below = MIN ((guint) at, BINS - 2);

            weight *= corner >> c & 1 ? at - below : 1 - (at - below);
            bin = bin * BINS + below + (corner >> c & 1);
          }
        bins[bin] += weight / (double) n;
      }
  return bins;
}

static double
histogram_distance (const PdPixels *a, const PdPixels *b)
{
  g_autofree double *of_a = histogram (a), *of_b = histogram (b);
  double sum = 0;

  for (guint i = 0; i < BINS * BINS * BINS; i++)
    sum += fabs (of_a[i] - of_b[i]) / 2;
  return sum;
}

/* The magnitude of Sobel's gradient; 0 at the picture's edges. */
static PdPlane *
edges_of (const PdPixels *picture)
{
  g_autoptr (PdPlane) luma = pd_plane_luma (picture);
  g_autoptr (PdPlane) small = pd_plane_reduce (luma, EDGES);
  PdPlane *edges = pd_plane_new (small->width, small->height);
  const gsize pitch = small->width;

  memset (edges->values, 0, pitch * small->height * sizeof *edges->values);
  for (guint y = 1; y + 1 < small->height; y++)
    for (guint x = 1; x + 1 < small->width; x++)
      {
        const float *at = small->values + y * pitch + x, *above = at - pitch, *below = at + pitch;
        float dx = above[1] + 2 * at[1] + below[1] - above[-1] - 2 * at[-1] - below[-1];
        float dy = below[-1] + 2 * below[0] + below[1] - above[-1] - 2 * above[0] - above[1];

        edges->values[y * pitch + x] = hypotf (dx, dy);
      }
  return edges;
}

/* Pearson's correlation of two planes of one size, in @w × @h pixels from @x, @y on. */
static double
correlation (const PdPlane *a, const PdPlane *b, guint x, guint y, guint w, guint h)
{
  double n = (double) w * h, sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;

  for (guint i = y; i < y + h; i++)
    for (guint j = x; j < x + w; j++)
      {
        double of_a = a->values[(gsize) i * a->width + j];
        double of_b = b->values[(gsize) i * b->width + j];

        sum_a += of_a;
        sum_b += of_b;
        aa += of_a * of_a;
        bb += of_b * of_b;
        ab += of_a * of_b;
      }
  return (ab - sum_a * sum_b / n) / sqrt ((aa - sum_a * sum_a / n) * (bb - sum_b * sum_b / n));
}

static double
low_correlation (const PdPixels *a, const PdPixels *b)
{
  g_autoptr (PdPlane) luma_a = pd_plane_luma (a), luma_b = pd_plane_luma (b);
  g_autoptr (PdPlane) low_a = pd_plane_reduce (luma_a, LOW), low_b = pd_plane_reduce (luma_b, LOW);

  return correlation (low_a, low_b, 0, 0, low_a->width, low_a->height);
}

/* @values: [rows][columns], of windows; NaN counts nowhere. */
static PdSpread
spread (const double *values, const PdGrams *grams, const PdLayout *layout)
{
  guint n_x, n_y, used = 0;
  g_autofree guint *cells_x = pd_layout_axis_cells (&layout->x, FALSE, &n_x);
  g_autofree guint *cells_y = pd_layout_axis_cells (&layout->y, FALSE, &n_y);
  g_autofree double *sums = g_new0 (double, n_x *n_y), *squares = g_new0 (double, n_x *n_y);
  g_autofree guint *counts = g_new0 (guint, n_x * n_y);
  double sum = 0, square = 0, inside = 0;

  for (guint i = 0; i < grams->rows * grams->columns; i++)
    {
      guint y = cells_y[i / grams->columns * PD_GRAM_WINDOW + PD_GRAM_WINDOW / 2];
      guint x = cells_x[i % grams->columns * PD_GRAM_WINDOW + PD_GRAM_WINDOW / 2];

      if (x == PD_LAYOUT_NONE || y == PD_LAYOUT_NONE || isnan (values[i]))
        continue;
      counts[y * n_x + x]++;
      sums[y * n_x + x] += values[i];
      squares[y * n_x + x] += values[i] * values[i];
    }
  for (guint cell = 0; cell < n_x * n_y; cell++)
    {
      double mean = sums[cell] / counts[cell];

      if (counts[cell] == 0)
        continue;
      used++;
      sum += mean;
      square += mean * mean;
      inside += MAX (0, squares[cell] / counts[cell] - mean * mean);
    }
  if (used < 2)
    return (PdSpread){ NAN, NAN };
  return (PdSpread){ sqrt (MAX (0, square / used - sum / used * (sum / used))),
                     sqrt (inside / used) };
}

PdStyleReport
pd_style_measure (const PdStylePicture *picture,
                  const PdStylePicture *style,
                  const PdPixels *content,
                  const PdLayout *layout)
{
  const PdGrams *grams = picture->grams;
  const guint n = grams->rows * grams->columns, side = PD_GRAM_WINDOW / EDGES;
  g_autoptr (PdPlane) edges = edges_of (picture->pixels), content_edges = edges_of (content);
  g_autofree double *styles = g_new0 (double, n), *structures = g_new (double, n);
  PdStyleReport report = { .histogram = histogram_distance (picture->pixels, style->pixels),
                           .low = low_correlation (picture->pixels, content) };

  for (guint level = 0; level < PD_GRAM_LEVELS; level++)
    {
      const guint channels = grams->channels[level];
      g_autofree double *mean = pd_grams_mean (grams, level);
      g_autofree double *wanted = pd_grams_mean (style->grams, level);

      report.gram[level] = distance (mean, wanted, channels);
      for (guint i = 0; i < n; i++)
        styles[i] +=
            distance (grams->values[level] + (gsize) i * channels * channels, wanted, channels) /
            PD_GRAM_LEVELS;
    }
  report.edges = correlation (edges, content_edges, 0, 0, edges->width, edges->height);
  for (guint i = 0; i < n; i++)
    structures[i] = correlation (edges, content_edges, i % grams->columns * side,
                                 i / grams->columns * side, side, side);
  report.style_spread = spread (styles, grams, layout);
  report.structure_spread = spread (structures, grams, layout);
  return report;
}

typedef struct
{
  double mean[COLORS], deviation[COLORS];
} Colours;

/* Of L*, a*, b*. */
static Colours
colours_of (const float *lab, gsize n)
{
  Colours self = { 0 };

  for (guint c = 0; c < COLORS; c++)
    {
      double sum = 0, square = 0;

      for (gsize i = 0; i < n; i++)
        {
          sum += lab[COLORS * i + c];
          square += (double) lab[COLORS * i + c] * lab[COLORS * i + c];
        }
      self.mean[c] = sum / (double) n;
      self.deviation[c] = sqrt (MAX (0, square / (double) n - self.mean[c] * self.mean[c]));
    }
  return self;
}

static float *
to_lab (const PdPixels *picture)
{
  const gsize n = (gsize) picture->width * picture->height;
  float *lab = g_new (float, COLORS *n);

  babl_process (babl_fish ("R'G'B' float", "CIE Lab float"), picture->pixels, lab, (long) n);
  return lab;
}

PdPixels *
pd_style_match_colours (const PdPixels *content, const PdPixels *style)
{
  const gsize n = (gsize) content->width * content->height;
  g_autofree float *lab = to_lab (content), *wanted = to_lab (style);
  const Colours from = colours_of (lab, n);
  const Colours to = colours_of (wanted, (gsize) style->width * style->height);
  float *rgb = g_new (float, COLORS *n);

  for (gsize i = 0; i < COLORS * n; i++)
    {
      guint c = i % COLORS;
      double scale = from.deviation[c] > 0 ? to.deviation[c] / from.deviation[c] : 1;

      lab[i] = (float) ((lab[i] - from.mean[c]) * scale + to.mean[c]);
    }
  babl_process (babl_fish ("CIE Lab float", "R'G'B' float"), lab, rgb, (long) n);
  for (gsize i = 0; i < COLORS * n; i++)
    rgb[i] = CLAMP (rgb[i], 0.0f, 1.0f);
  return pd_pixels_new (content->width, content->height, rgb);
}
