// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/metrics.h"

#include <math.h>
#include <string.h>

#include "engine/tiles/resample.h"

enum
{
  MIN_CELLS = 4, /* for a deviation over the cells */
  NEAR = 1,      /* steps between cells: neighbours, and a tile and a half apart */
  FAR = 3,
};

/* Standard deviation in pixels of the Gaussian that halves the amplitude of a wavelength. */
static const double sigma_of_wavelength = 0.18739;
/* The mean square of rounding to 8 bits, in 1/255. */
static const double rounding = 1.0 / 12;

/* Means over cells × channels. */
typedef struct
{
  guint n_x, n_y;
  double *means; /* [n_y × n_x × channels] */
} Cells;

static double
square (double x)
{
  return x * x;
}

/* @values: [height × width × channels]; what is left over at the right and below is dropped. */
static Cells
mean_cells (const float *values, guint width, guint height, guint channels, guint side)
{
  Cells cells = { width / side, height / side, NULL };

  cells.means = g_new0 (double, (gsize) MAX (1, cells.n_x * cells.n_y) * channels);
  for (guint y = 0; y < cells.n_y * side; y++)
    for (guint x = 0; x < cells.n_x * side; x++)
      for (guint c = 0; c < channels; c++)
        cells.means[(y / side * cells.n_x + x / side) * channels + c] +=
            values[((gsize) y * width + x) * channels + c] / square (side);
  return cells;
}

/* Root mean square over the channels of the deviations over the cells. */
static double
deviation (const Cells *cells, guint channels)
{
  guint n = cells->n_x * cells->n_y;
  double variance = 0;

  if (n < MIN_CELLS)
    return NAN;
  for (guint c = 0; c < channels; c++)
    {
      double mean = 0;

      for (guint i = 0; i < n; i++)
        mean += cells->means[i * channels + c] / n;
      for (guint i = 0; i < n; i++)
        variance += square (cells->means[i * channels + c] - mean) / (n - 1) / channels;
    }
  return sqrt (variance);
}

static guint
steps_apart (guint a, guint b, guint n, gboolean wrap)
{
  guint steps = MAX (a, b) - MIN (a, b);

  return wrap ? MIN (steps, n - steps) : steps;
}

/* Root mean squares of the differences of distant cells over those of neighbours. */
static double
far_over_near (const Cells *cells, guint channels, const PdLayout *layout)
{
  double sums[2] = { 0, 0 };
  gsize counts[2] = { 0, 0 };

  for (guint i = 0; i < cells->n_x * cells->n_y; i++)
    for (guint j = 0; j < i; j++)
      {
        guint x = steps_apart (i % cells->n_x, j % cells->n_x, cells->n_x, layout->x.wrap);
        guint y = steps_apart (i / cells->n_x, j / cells->n_x, cells->n_y, layout->y.wrap);
        gboolean far = x * x + y * y >= FAR * FAR;

        if (!far && x + y != NEAR)
          continue;
        counts[far]++;
        for (guint c = 0; c < channels; c++)
          sums[far] += square (cells->means[i * channels + c] - cells->means[j * channels + c]);
      }
  if (counts[0] == 0 || counts[1] == 0)
    return NAN;
  return sqrt ((sums[1] / counts[1] + 1e-9) / (sums[0] / counts[0] + 1e-9));
}

static PdPlane *
blur (const PdPlane *plane, double sigma, PdTorus wrap)
{
  PdPlane *blurred = pd_plane_new (plane->width, plane->height);

  memcpy (blurred->values, plane->values,
          (gsize) plane->width * plane->height * sizeof *plane->values);
  pd_low_pass (blurred->values, (PdSize){ plane->height, plane->width }, sigma, wrap, NULL);
  return blurred;
}

/* Squares of the differences of two planes, in place of the first. */
static void
square_difference (PdPlane *a, const PdPlane *b)
{
  for (gsize i = 0; i < (gsize) a->width * a->height; i++)
    a->values[i] = (float) square (a->values[i] - b->values[i]);
}

static double
root_mean (const PdPlane *plane)
{
  double sum = 0;
  gsize n = (gsize) plane->width * plane->height;

  for (gsize i = 0; i < n; i++)
    sum += plane->values[i];
  return sqrt (sum / n);
}

/* How the strength of the details between two blurs differs from cell to cell. */
static double
grain (const PdPlane *luma, const double sigmas[2], PdTorus wrap, guint side)
{
  g_autoptr (PdPlane) fine = blur (luma, sigmas[0], wrap), coarse = blur (luma, sigmas[1], wrap);
  Cells cells;
  double result;

  square_difference (fine, coarse);
  cells = mean_cells (fine->values, fine->width, fine->height, 1, side);
  for (guint i = 0; i < cells.n_x * cells.n_y; i++)
    cells.means[i] = log (cells.means[i] + rounding);
  result = deviation (&cells, 1);
  g_free (cells.means);
  return result;
}

double
pd_evenness_spread (const PdPixels *picture, guint tile)
{
  guint side = MAX (1, tile / 2);
  Cells cells = mean_cells (picture->pixels, picture->width, picture->height, 3, side);
  double result = 255 * deviation (&cells, 3);

  g_free (cells.means);
  return result;
}

PdEvenness
pd_evenness_measure (const PdPixels *picture,
                     const PdPlane *luma,
                     const PdLayout *layout,
                     guint unit)
{
  guint tile = MIN (layout->x.tile, layout->y.tile), side = MAX (1, tile / 2);
  PdTorus wrap =
      (layout->x.wrap ? PD_TORUS_X : PD_TORUS_NONE) | (layout->y.wrap ? PD_TORUS_Y : PD_TORUS_NONE);
  Cells cells = mean_cells (picture->pixels, picture->width, picture->height, 3, side);
  g_autoptr (PdPlane) small = blur (luma, sigma_of_wavelength * tile / 4, wrap);
  g_autoptr (PdPlane) large = blur (luma, sigma_of_wavelength * tile, wrap);
  g_autoptr (PdPlane) fine = blur (luma, 0, wrap);
  PdEvenness self = { .spread = 255 * deviation (&cells, 3),
                      .far_over_near = far_over_near (&cells, 3, layout) };

  for (guint i = 0; i < PD_N_GRAINS; i++)
    {
      const double sigmas[] = { i == 0 ? 0 : unit << (i - 1), unit << i };

      self.grain[i] = grain (luma, sigmas, wrap, side);
    }
  square_difference (fine, small);
  self.fine = root_mean (fine);
  square_difference (small, large);
  self.mid = root_mean (small);
  g_free (cells.means);
  return self;
}
