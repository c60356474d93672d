// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/changes.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

static PdChanges *
allocate (PdSize canvas, PdTorus wrap, GError **error)
{
  g_autoptr (PdChanges) self = g_new (PdChanges, 1);

  *self = (PdChanges){ .canvas = canvas, .wrap = wrap };
  self->cells = pd_try_new0 (guint8, pd_size_area (canvas), _ ("the canvas"), error);
  return self->cells != NULL ? g_steal_pointer (&self) : NULL;
}

PdChanges *
pd_changes_new (PdSize canvas, PdTorus wrap, const float *mask, GError **error)
{
  PdChanges *self = allocate (canvas, wrap, error);

  for (gsize i = 0; self != NULL && i < pd_size_area (canvas); i++)
    self->cells[i] = mask[i] > 0;
  return self;
}

void
pd_changes_free (PdChanges *self)
{
  if (self == NULL)
    return;
  g_free (self->cells);
  g_free (self);
}

/* A line of @n cells, @stride apart, grows to both sides, over its ends if it @wraps. */
static void
grow_line (guint8 *line, guint n, gsize stride, guint reach, gboolean wraps, guint8 *grown)
{
  /* How far the last one that changes is behind; more than reach: too far. */
  const guint none = reach + 1, rounds = wraps ? 2 : 1;
  guint ahead = none, behind = none;

  memset (grown, 0, n);
  for (guint i = 0; i < rounds * n; i++)
    {
      const guint from_end = n - 1 - i % n;

      ahead = line[i % n * stride] ? 0 : MIN (ahead + 1, none);
      behind = line[from_end * stride] ? 0 : MIN (behind + 1, none);
      grown[i % n] |= ahead <= reach;
      grown[from_end] |= behind <= reach;
    }
  for (guint i = 0; i < n; i++)
    line[i * stride] = grown[i];
}

PdChanges *
pd_changes_grow (const PdChanges *self, guint reach, GError **error)
{
  const PdSize canvas = self->canvas;
  g_autoptr (PdChanges) grown = allocate (canvas, self->wrap, error);
  g_autofree guint8 *line = NULL;

  if (grown == NULL ||
      (line = pd_try_new (guint8, MAX (canvas.h, canvas.w), _ ("the canvas"), error)) == NULL)
    return NULL;
  memcpy (grown->cells, self->cells, pd_size_area (canvas));
  for (guint y = 0; y < canvas.h; y++)
    grow_line (grown->cells + (gsize) y * canvas.w, canvas.w, 1, reach,
               (self->wrap & PD_TORUS_X) != 0, line);
  for (guint x = 0; x < canvas.w; x++)
    grow_line (grown->cells + x, canvas.h, canvas.w, reach, (self->wrap & PD_TORUS_Y) != 0, line);
  return g_steal_pointer (&grown);
}

float *
pd_changes_weights (const PdChanges *self, GError **error)
{
  const gsize n = pd_size_area (self->canvas);
  float *weights = pd_try_new (float, n, _ ("the canvas"), error);

  for (gsize i = 0; weights != NULL && i < n; i++)
    weights[i] = self->cells[i];
  return weights;
}

gboolean
pd_changes_touch (const PdChanges *self, const PdRect *rect)
{
  if (self == NULL)
    return TRUE;
  for (guint y = rect->y; y < rect->y + rect->h; y++)
    {
      const guint8 *row = self->cells + (gsize) (y % self->canvas.h) * self->canvas.w;

      for (guint x = rect->x, length; x < rect->x + rect->w; x += length)
        {
          const guint at = x % self->canvas.w;

          length = MIN (rect->x + rect->w - x, self->canvas.w - at);
          if (memchr (row + at, 1, length) != NULL)
            return TRUE;
        }
    }
  return FALSE;
}

gboolean
pd_changes_touch_tile (const PdChanges *self,
                       const PdGrid *grid,
                       const guint *starts_y,
                       const guint *starts_x,
                       guint tile)
{
  const PdSize size = pd_grid_tile (grid);
  const PdRect rect = { starts_y[tile / grid->x.count], starts_x[tile % grid->x.count], size.h,
                        size.w };

  return pd_changes_touch (self, &rect);
}

gboolean
pd_changes_count_tiles (const PdChanges *self, const PdGrid *grid, guint *n, GError **error)
{
  g_autofree guint *starts_y = pd_try_new (guint, grid->y.count, _ ("the tiles"), error);
  g_autofree guint *starts_x = pd_try_new (guint, grid->x.count, _ ("the tiles"), error);

  if (starts_y == NULL || starts_x == NULL)
    return FALSE;
  pd_grid_starts (grid, FALSE, 0, 0, starts_y, starts_x);
  *n = 0;
  for (guint tile = 0; tile < pd_grid_n_tiles (grid); tile++)
    *n += pd_changes_touch_tile (self, grid, starts_y, starts_x, tile);
  return TRUE;
}
