// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/tiles/windows.h"
#include "engine/base/host-memory.h"

enum
{
  STEP = 8, /* sides of windows are multiples of this: those of most canvases share kernels */
};

/* The smallest windows that cover the canvas, as many as of @axis's. */
static void
even_out (PdGridAxis *axis)
{
  const guint n = axis->count;
  guint least;

  if (!axis->wrap && n == 1)
    return;
  least = axis->wrap ? (axis->canvas + n - 1) / n + axis->overlap
                     : (axis->canvas + (n - 1) * axis->overlap + n - 1) / n;
  axis->tile = MIN (axis->tile, (least + STEP - 1) / STEP * STEP);
}

gboolean
pd_windows_init (
    PdWindows *self, PdSize canvas, guint tile, guint halo, PdTorus wrap, GError **error)
{
  *self = (PdWindows){ 0 };
  if (!pd_grid_init (&self->grid, canvas, tile, 2 * halo, wrap, error))
    return FALSE;
  even_out (&self->grid.y);
  even_out (&self->grid.x);
  if ((self->starts_y = pd_try_new (guint, self->grid.y.count, _ ("the tiles"), error)) == NULL ||
      (self->starts_x = pd_try_new (guint, self->grid.x.count, _ ("the tiles"), error)) == NULL)
    return FALSE;
  pd_grid_starts (&self->grid, FALSE, 0, 0, self->starts_y, self->starts_x);
  return TRUE;
}

void
pd_windows_clear (PdWindows *self)
{
  g_clear_pointer (&self->starts_y, g_free);
  g_clear_pointer (&self->starts_x, g_free);
}

guint
pd_windows_count (const PdWindows *self)
{
  return pd_grid_n_tiles (&self->grid);
}

/* Of window @k, counted on over the edge: -1 is the last one, a canvas further left. */
static gint64
start_of (const PdGridAxis *axis, const guint *starts, gint64 k)
{
  gint64 round = k < 0 ? -1 : k / axis->count;

  return starts[k - round * axis->count] + round * (gint64) axis->canvas;
}

/* Windows @k - 1 and @k meet in the middle of what they share. */
static gint64
core_begin (const PdGridAxis *axis, const guint *starts, guint k)
{
  if (!axis->wrap && k == 0)
    return 0;
  if (!axis->wrap && k == axis->count)
    return axis->canvas;
  /* Both halves are positive or, on a small torus, at least their sum. */
  return (start_of (axis, starts, (gint64) k - 1) + axis->tile + start_of (axis, starts, k)) / 2;
}

static PdCore
core_of (const PdGridAxis *axis, const guint *starts, guint k)
{
  gint64 begin = core_begin (axis, starts, k), end = core_begin (axis, starts, k + 1);

  /* Rounding is the same at both ends of a torus only where the canvas is even. */
  if (axis->wrap && k + 1 == axis->count)
    end = core_begin (axis, starts, 0) + axis->canvas;
  return (PdCore){ .start = starts[k],
                   .first = (guint) (begin - starts[k]),
                   .length = (guint) (end - begin) };
}

void
pd_windows_core (const PdWindows *self, guint window, PdCore *y, PdCore *x)
{
  *y = core_of (&self->grid.y, self->starts_y, window / self->grid.x.count);
  *x = core_of (&self->grid.x, self->starts_x, window % self->grid.x.count);
}

GArray *
pd_windows_pieces (const PdWindows *self, guint scale, const PdRect *rect)
{
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (PdPiece));
  const PdSize canvas = { self->grid.y.canvas * scale, self->grid.x.canvas * scale };
  const guint h = rect->h * scale, w = rect->w * scale;
  PdPiece piece;

  for (piece.from_y = 0; piece.from_y < h; piece.from_y += piece.on.h)
    {
      piece.on.y = (rect->y * scale + piece.from_y) % canvas.h;
      piece.on.h = MIN (h - piece.from_y, canvas.h - piece.on.y);
      for (piece.from_x = 0; piece.from_x < w; piece.from_x += piece.on.w)
        {
          piece.on.x = (rect->x * scale + piece.from_x) % canvas.w;
          piece.on.w = MIN (w - piece.from_x, canvas.w - piece.on.x);
          g_array_append_val (pieces, piece);
        }
    }
  return pieces;
}
