// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/metrics.h"

#include <math.h>

enum
{
  MIN_CELLS = 4, /* for a deviation over the cells */
};

typedef struct
{
  guint n_x, n_y;
  guint *of_x, *of_y; /* the cell of each column and row */
  double *sums;       /* [n_y × n_x × 3] */
  gsize *counts;      /* [n_y × n_x] */
} Cells;

static void
init_cells (Cells *self, const PdLayout *layout, gboolean shifted)
{
  self->of_x = pd_layout_axis_cells (&layout->x, shifted, &self->n_x);
  self->of_y = pd_layout_axis_cells (&layout->y, shifted, &self->n_y);
  self->sums = g_new0 (double, 3 * self->n_x * self->n_y);
  self->counts = g_new0 (gsize, self->n_x * self->n_y);
}

static void
finish_cells (Cells *self)
{
  g_free (self->of_x);
  g_free (self->of_y);
  g_free (self->sums);
  g_free (self->counts);
}

static void
add_row (Cells *self, guint y, const float *differences, guint width)
{
  if (self->of_y[y] == PD_LAYOUT_NONE)
    return;
  for (guint x = 0; x < width; x++)
    {
      guint cell;

      if (self->of_x[x] == PD_LAYOUT_NONE)
        continue;
      cell = self->of_y[y] * self->n_x + self->of_x[x];
      for (guint c = 0; c < 3; c++)
        self->sums[3 * cell + c] += differences[3 * x + c];
      self->counts[cell]++;
    }
}

/* Root mean square over the channels of the deviation over the cells, in 1/255. */
static double
deviation (const Cells *self)
{
  guint n = self->n_x * self->n_y;
  double variance = 0.0;

  if (n < MIN_CELLS)
    return NAN;
  for (guint c = 0; c < 3; c++)
    {
      double sum = 0.0;
      double squares = 0.0;

      for (guint i = 0; i < n; i++)
        {
          double mean = self->sums[3 * i + c] / self->counts[i];

          sum += mean;
          squares += mean * mean;
        }
      variance += MAX (0.0, (squares - sum * sum / n) / (n - 1)) / 3;
    }
  return 255.0 * sqrt (variance);
}

PdOffsets
pd_offsets_measure (const PdPixels *picture, const PdPixels *reference, const PdLayout *layout)
{
  Cells grid, shifted;
  g_autofree float *row = g_new (float, (gsize) picture->width * 3);
  PdOffsets offsets;

  init_cells (&grid, layout, FALSE);
  init_cells (&shifted, layout, TRUE);
  for (guint y = 0; y < picture->height; y++)
    {
      const float *pixels = picture->pixels + (gsize) y * picture->width * 3;

      pd_pixels_enlarged_row (reference, picture->width, picture->height, y, row);
      for (guint i = 0; i < 3 * picture->width; i++)
        row[i] = pixels[i] - row[i];
      add_row (&grid, y, row, picture->width);
      add_row (&shifted, y, row, picture->width);
    }
  offsets.on_grid = deviation (&grid);
  offsets.shifted = deviation (&shifted);
  offsets.offset = sqrt (
      MAX (0.0, offsets.on_grid * offsets.on_grid - offsets.shifted * offsets.shifted) / 0.75);
  if (isnan (offsets.on_grid) || isnan (offsets.shifted))
    offsets.offset = NAN;
  /* Rounding of pixels alone leaves about 0.01; below it a ratio says nothing. */
  offsets.ratio = offsets.on_grid / MAX (offsets.shifted, 0.01);
  finish_cells (&grid);
  finish_cells (&shifted);
  return offsets;
}
