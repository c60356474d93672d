// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/layout.h"
#include "engine/base/error.h"
#include "engine/tiles/grid.h"

#include <glib/gi18n-lib.h>

enum
{
  MIN_PICTURE = 16,
  MIN_TILE = 8,
};

static void
init_axis (PdLayoutAxis *axis, const PdGridAxis *grid, guint size, guint unit)
{
  axis->size = size;
  axis->tile = grid->wrap ? grid->tile * unit : MIN (grid->tile * unit, size);
  axis->wrap = grid->wrap;
  axis->count = grid->count;
  axis->starts = g_new (guint, grid->count);
}

PdLayout *
pd_layout_new (
    guint width, guint height, guint tile, guint overlap, guint unit, PdTorus wrap, GError **error)
{
  PdGrid grid;
  PdLayout *self;

  if (MIN (width, height) < MIN_PICTURE || tile < MIN_TILE)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("A picture of %u×%u pixels in tiles of %u is too small to measure: expected "
                      "at least %u pixels a side and tiles of %u"),
                   width, height, tile, MIN_PICTURE, MIN_TILE);
      return NULL;
    }
  if (unit == 0 || tile % unit || overlap % unit || ((wrap & PD_TORUS_X) && width % unit) ||
      ((wrap & PD_TORUS_Y) && height % unit))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("Tiles of %u pixels that overlap by %u are not whole latent pixels: sizes "
                      "must be multiples of the unit %u, on axes that wrap also the picture's"),
                   tile, overlap, unit);
      return NULL;
    }
  /* The last latent pixel of a picture that is no multiple of the unit reaches beyond it. */
  if (!pd_grid_init (&grid, (PdSize){ (height + unit - 1) / unit, (width + unit - 1) / unit },
                     tile / unit, overlap / unit, wrap, error))
    return NULL;
  self = g_new0 (PdLayout, 1);
  init_axis (&self->x, &grid.x, width, unit);
  init_axis (&self->y, &grid.y, height, unit);
  pd_grid_starts (&grid, FALSE, 0, 0, self->y.starts, self->x.starts);
  for (guint k = 0; k < self->x.count; k++)
    self->x.starts[k] *= unit;
  for (guint k = 0; k < self->y.count; k++)
    self->y.starts[k] *= unit;
  return self;
}

gboolean
pd_layout_axis_parse (PdLayoutAxis *axis, const char *text, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  guint count = g_strv_length (words);
  g_autofree guint *starts = g_new (guint, count);
  gboolean good = count > 0;

  for (guint k = 0; k < count; k++)
    {
      guint64 start;

      if (!g_ascii_string_to_unsigned (words[k], 10, 0, axis->size - 1, &start, error))
        return FALSE;
      starts[k] = (guint) start;
      good &= k == 0 || (starts[k] > starts[k - 1] && starts[k] - starts[k - 1] <= axis->tile);
    }
  if (good && axis->wrap)
    good = axis->size - starts[count - 1] + starts[0] <= axis->tile;
  else if (good)
    good = starts[0] == 0 && starts[count - 1] + axis->tile >= axis->size;
  if (!good)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("Tiles of %u pixels that start at %s do not cover %u pixels: starts must "
                      "ascend and leave no gap"),
                   axis->tile, text, axis->size);
      return FALSE;
    }
  g_free (axis->starts);
  axis->starts = g_steal_pointer (&starts);
  axis->count = count;
  return TRUE;
}

void
pd_layout_free (PdLayout *self)
{
  if (!self)
    return;
  g_free (self->x.starts);
  g_free (self->y.starts);
  g_free (self);
}

static void
add_once (GArray *positions, guint position)
{
  for (guint i = 0; i < positions->len; i++)
    if (g_array_index (positions, guint, i) == position)
      return;
  g_array_append_val (positions, position);
}

/* The position @offset pixels after the start of tile @k, or PD_LAYOUT_NONE beyond the picture. */
static guint
after_start (const PdLayoutAxis *axis, guint k, guint offset)
{
  guint position = axis->starts[k] + offset;

  if (axis->wrap)
    return position % axis->size;
  return position < axis->size ? position : PD_LAYOUT_NONE;
}

/* Positions at one offset of every tile, without 0 on an axis that does not wrap. */
static GArray *
positions_at (const PdLayoutAxis *axis, guint offset)
{
  GArray *positions = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint k = 0; k < axis->count; k++)
    {
      guint position = after_start (axis, k, offset);

      if (position != PD_LAYOUT_NONE && (axis->wrap || position > 0))
        add_once (positions, position);
    }
  return positions;
}

GArray *
pd_layout_axis_starts (const PdLayoutAxis *axis)
{
  return positions_at (axis, 0);
}

GArray *
pd_layout_axis_ends (const PdLayoutAxis *axis)
{
  return positions_at (axis, axis->tile);
}

GArray *
pd_layout_axis_middles (const PdLayoutAxis *axis)
{
  return positions_at (axis, axis->tile / 2);
}

/* Where the cell of tile @k begins. */
static guint
cell_start (const PdLayoutAxis *axis, guint k)
{
  guint previous = axis->starts[(k + axis->count - 1) % axis->count];
  guint distance = (axis->starts[k] + axis->size - previous) % axis->size;

  if (k == 0 && !axis->wrap)
    return 0;
  if (distance == 0) /* a single tile around a torus */
    distance = axis->size;
  return (previous + (distance + axis->tile) / 2) % axis->size;
}

GArray *
pd_layout_axis_overlaps (const PdLayoutAxis *axis)
{
  GArray *positions = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint k = axis->wrap ? 0 : 1; k < axis->count; k++)
    add_once (positions, cell_start (axis, k));
  return positions;
}

static guint
cell_size (const PdLayoutAxis *axis, guint k)
{
  guint start = cell_start (axis, k);
  guint next = k + 1 < axis->count ? cell_start (axis, k + 1)
               : axis->wrap        ? cell_start (axis, 0)
                                   : axis->size;

  return axis->count == 1 ? axis->size : (next + axis->size - start) % axis->size;
}

guint *
pd_layout_axis_cells (const PdLayoutAxis *axis, gboolean shifted, guint *n_cells)
{
  guint *cells = g_new (guint, axis->size);

  shifted = shifted && axis->count > 1;
  *n_cells = shifted && !axis->wrap ? axis->count - 1 : axis->count;
  for (guint i = 0; i < axis->size; i++)
    cells[i] = PD_LAYOUT_NONE;
  for (guint k = 0; k < *n_cells; k++)
    {
      guint begin = cell_start (axis, k);
      guint size = cell_size (axis, k);

      if (shifted)
        {
          guint half = size / 2;

          begin += half;
          size = size - half + cell_size (axis, (k + 1) % axis->count) / 2;
        }
      for (guint i = 0; i < size; i++)
        cells[(begin + i) % axis->size] = k;
    }
  return cells;
}

double
pd_layout_axis_stride (const PdLayoutAxis *axis)
{
  if (axis->wrap || axis->count == 1)
    return (double) axis->size / axis->count;
  return (double) (axis->starts[axis->count - 1] - axis->starts[0]) / (axis->count - 1);
}
