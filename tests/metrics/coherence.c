// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/metrics.h"

#include <math.h>
#include <stdlib.h>

enum
{
  BINS = 16,
  WINDOW = 8, /* of ssim */
  WINDOW_STEP = 4,
  MIN_SIDE = 64, /* of tiles reduced for the direction of edges */
};

static double
peak_signal_to_noise (const PdPixels *a, const PdPixels *b)
{
  gsize n = (gsize) a->width * a->height * 3;
  double squares = 0.0;

  for (gsize i = 0; i < n; i++)
    {
      double difference = (double) a->pixels[i] - b->pixels[i];

      squares += difference * difference;
    }
  /* Equal pictures: what is left when everything differs by a hundredth of a step. */
  return -10.0 * log10 (MAX (squares / n, 1.5e-9));
}

/* Wang et al. 2004, Image quality assessment: from error visibility to structural similarity. */
static double
window_similarity (const float *a, const float *b, gsize stride)
{
  static const double c1 = 0.01 * 255 * 0.01 * 255;
  static const double c2 = 0.03 * 255 * 0.03 * 255;
  static const double n = WINDOW * WINDOW;
  double sum_a = 0.0, sum_b = 0.0, aa = 0.0, bb = 0.0, ab = 0.0;
  double variance, covariance;

  for (guint y = 0; y < WINDOW; y++)
    for (guint x = 0; x < WINDOW; x++)
      {
        double u = a[y * stride + x];
        double v = b[y * stride + x];

        sum_a += u;
        sum_b += v;
        aa += u * u;
        bb += v * v;
        ab += u * v;
      }
  sum_a /= n;
  sum_b /= n;
  variance = aa / n - sum_a * sum_a + bb / n - sum_b * sum_b;
  covariance = ab / n - sum_a * sum_b;
  return (2 * sum_a * sum_b + c1) * (2 * covariance + c2) /
         ((sum_a * sum_a + sum_b * sum_b + c1) * (variance + c2));
}

static double
structural_similarity (const PdPixels *a, const PdPixels *b)
{
  g_autoptr (PdPlane) luma_a = pd_plane_luma (a);
  g_autoptr (PdPlane) luma_b = pd_plane_luma (b);
  double sum = 0.0;
  guint n = 0;

  for (guint y = 0; y + WINDOW <= a->height; y += WINDOW_STEP)
    for (guint x = 0; x + WINDOW <= a->width; x += WINDOW_STEP)
      {
        gsize at = (gsize) y * a->width + x;

        sum += window_similarity (luma_a->values + at, luma_b->values + at, a->width);
        n++;
      }
  return n ? sum / n : NAN;
}

/* The cell of each position on an axis of another size. */
static guint *
scaled_cells (const PdLayoutAxis *axis, guint size, guint *n_cells)
{
  g_autofree guint *cells = pd_layout_axis_cells (axis, FALSE, n_cells);
  guint *scaled = g_new (guint, size);

  for (guint i = 0; i < size; i++)
    scaled[i] = cells[(guint) (((guint64) 2 * i + 1) * axis->size / (2 * (guint64) size))];
  return scaled;
}

typedef struct
{
  double n, sum, squares;
} Moments;

/* Per cell and channel of a picture: [n_y × n_x × 3]. */
static Moments *
cell_moments (const PdPixels *picture, const guint *of_x, const guint *of_y, guint n_x, guint n_y)
{
  Moments *moments = g_new0 (Moments, 3 * n_x * n_y);

  for (guint y = 0; y < picture->height; y++)
    for (guint x = 0; x < picture->width; x++)
      for (guint c = 0; c < 3; c++)
        {
          Moments *m = &moments[(of_y[y] * n_x + of_x[x]) * 3 + c];
          double value = 255.0 * picture->pixels[((gsize) y * picture->width + x) * 3 + c];

          m->n++;
          m->sum += value;
          m->squares += value * value;
        }
  return moments;
}

static double
log_contrast (const Moments *m)
{
  double mean = m->sum / m->n;

  return log2 (sqrt (MAX (0.0, m->squares / m->n - mean * mean)) + 2.0);
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

/* The value farthest from the median. Sorts @values. */
static double
largest_deviation (double *values, guint n)
{
  double median;

  qsort (values, n, sizeof *values, compare_doubles);
  median = values[n / 2];
  return MAX (median - values[0], values[n - 1] - median);
}

static void
measure_drift (PdCoherence *self,
               const PdPixels *reduced,
               const PdPixels *base,
               const PdLayout *layout)
{
  guint n_x, n_y;
  g_autofree guint *of_x = scaled_cells (&layout->x, base->width, &n_x);
  g_autofree guint *of_y = scaled_cells (&layout->y, base->height, &n_y);
  g_autofree Moments *is = cell_moments (reduced, of_x, of_y, n_x, n_y);
  g_autofree Moments *should = cell_moments (base, of_x, of_y, n_x, n_y);
  g_autofree double *means = g_new (double, n_x *n_y);
  g_autofree double *contrasts = g_new (double, n_x *n_y);

  self->mean_drift = 0.0;
  self->contrast_drift = 0.0;
  for (guint c = 0; c < 3; c++)
    {
      guint n = 0;

      for (guint i = c; i < 3 * n_x * n_y; i += 3)
        {
          if (is[i].n == 0) /* a cell smaller than a pixel of the base */
            continue;
          means[n] = is[i].sum / is[i].n - should[i].sum / should[i].n;
          contrasts[n] = log_contrast (&is[i]) - log_contrast (&should[i]);
          n++;
        }
      self->mean_drift = MAX (self->mean_drift, largest_deviation (means, n));
      self->contrast_drift = MAX (self->contrast_drift, largest_deviation (contrasts, n));
    }
}

/* Directions of edges per cell, each histogram with the sum 1: [n_y × n_x × BINS]. */
static double *
orientations (const PdPlane *plane, const PdLayout *layout, guint *n_x, guint *n_y)
{
  g_autofree guint *of_x = scaled_cells (&layout->x, plane->width, n_x);
  g_autofree guint *of_y = scaled_cells (&layout->y, plane->height, n_y);
  double *histograms = g_new0 (double, *n_x **n_y *BINS);

  for (guint y = 1; y + 1 < plane->height; y++)
    for (guint x = 1; x + 1 < plane->width; x++)
      {
        const float *at = plane->values + (gsize) y * plane->width + x;
        double dx = at[1] - at[-1];
        double dy = at[plane->width] - at[-(gssize) plane->width];
        double turn = atan2 (dy, dx) / G_PI + 1.0; /* 0 to 2, the same again after 1 */
        guint bin = (guint) (turn * BINS) % BINS;

        histograms[(of_y[y] * *n_x + of_x[x]) * BINS + bin] += sqrt (dx * dx + dy * dy);
      }
  for (guint cell = 0; cell < *n_x * *n_y; cell++)
    {
      double sum = 1e-9;

      for (guint bin = 0; bin < BINS; bin++)
        sum += histograms[cell * BINS + bin];
      for (guint bin = 0; bin < BINS; bin++)
        histograms[cell * BINS + bin] /= sum;
    }
  return histograms;
}

static guint
steps_apart (guint a, guint b, guint n, gboolean wrap)
{
  guint steps = MAX (a, b) - MIN (a, b);

  return wrap ? MIN (steps, n - steps) : steps;
}

/* Adjacent over distant, or NaN if no two cells are distant. */
static double
measure_orientation (const PdPlane *luma, const PdLayout *layout)
{
  guint factor = MAX (1, MIN (layout->x.tile, layout->y.tile) / MIN_SIDE);
  g_autoptr (PdPlane) plane = pd_plane_reduce (luma, factor);
  guint n_x, n_y;
  g_autofree double *histograms = orientations (plane, layout, &n_x, &n_y);
  guint far_x = MAX (2, (layout->x.wrap ? n_x / 2 : n_x) / 2);
  guint far_y = MAX (2, (layout->y.wrap ? n_y / 2 : n_y) / 2);
  double near_sum = 0.0, far_sum = 0.0;
  gsize n_near = 0, n_far = 0;

  for (guint i = 0; i < n_x * n_y; i++)
    for (guint j = 0; j < i; j++)
      {
        guint x = steps_apart (i % n_x, j % n_x, n_x, layout->x.wrap);
        guint y = steps_apart (i / n_x, j / n_x, n_y, layout->y.wrap);
        gboolean adjacent = x + y == 1;
        double difference = 0.0;

        if (!adjacent && x < far_x && y < far_y)
          continue;
        for (guint bin = 0; bin < BINS; bin++)
          difference += fabs (histograms[i * BINS + bin] - histograms[j * BINS + bin]) / 2;
        if (adjacent)
          {
            near_sum += difference;
            n_near++;
          }
        else
          {
            far_sum += difference;
            n_far++;
          }
      }
  if (n_near == 0 || n_far == 0)
    return NAN;
  return (near_sum / n_near + 1e-9) / (far_sum / n_far + 1e-9);
}

PdCoherence
pd_coherence_measure (const PdPixels *picture,
                      const PdPlane *luma,
                      const PdPixels *base,
                      const PdLayout *layout)
{
  PdCoherence coherence = { NAN, NAN, NAN, NAN, NAN };

  coherence.orientation = measure_orientation (luma, layout);
  if (base)
    {
      g_autoptr (PdPixels) reduced = pd_pixels_reduce (picture, base->width, base->height);

      coherence.psnr = peak_signal_to_noise (reduced, base);
      coherence.ssim = structural_similarity (reduced, base);
      measure_drift (&coherence, reduced, base, layout);
    }
  return coherence;
}
