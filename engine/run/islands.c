// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/islands.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

enum
{
  CELL =
      64, /* pixels a side: cells that show something and touch, at a corner too, are an island */
  NONE = G_MAXUINT,
};

typedef struct
{
  guint top, left, bottom, right; /* with the last row and column */
  guint joined;                   /* the island that it is a part of; its own number: of none */
} Island;

typedef struct
{
  guint columns;     /* of cells */
  GArray *islands;   /* Island */
  guint *above, *at; /* islands of the cells of two rows, [columns] */
} Finding;

static guint
root_of (const Finding *self, guint island)
{
  guint next;

  while ((next = g_array_index (self->islands, Island, island).joined) != island)
    island = next;
  return island;
}

/* The one that was found first has both. */
static guint
join (const Finding *self, guint a, guint b)
{
  const guint first = MIN (root_of (self, a), root_of (self, b));
  const guint second = MAX (root_of (self, a), root_of (self, b));
  Island *into = &g_array_index (self->islands, Island, first);
  Island *from = &g_array_index (self->islands, Island, second);

  into->top = MIN (into->top, from->top);
  into->left = MIN (into->left, from->left);
  into->bottom = MAX (into->bottom, from->bottom);
  into->right = MAX (into->right, from->right);
  from->joined = first;
  return first;
}

/* The cell at @column of the row shows @shown. */
static void
add_cell (Finding *self, guint column, Island shown)
{
  const guint last = self->columns - 1;
  guint island = self->islands->len;

  shown.joined = island;
  g_array_append_val (self->islands, shown);
  if (column > 0 && self->at[column - 1] != NONE)
    island = join (self, self->at[column - 1], island);
  for (guint x = column > 0 ? column - 1 : 0; x <= MIN (column + 1, last); x++)
    if (self->above[x] != NONE)
      island = join (self, self->above[x], island);
  self->at[column] = island;
}

/* @values: @rows rows of the mask from @y on, @width each. */
static void
add_rows (Finding *self, const float *values, guint y, guint rows, guint width)
{
  guint *above = self->at;

  self->at = self->above;
  self->above = above;
  for (guint column = 0; column < self->columns; column++)
    {
      Island shown = { .top = NONE };

      self->at[column] = NONE;
      for (guint i = 0; i < rows; i++)
        for (guint x = column * CELL; x < MIN (width, (column + 1) * CELL); x++)
          if (values[(gsize) i * width + x] > 0)
            {
              if (shown.top == NONE)
                shown = (Island){ y + i, x, y + i, x, 0 };
              shown.left = MIN (shown.left, x);
              shown.right = MAX (shown.right, x);
              shown.bottom = y + i;
            }
      if (shown.top != NONE)
        add_cell (self, column, shown);
    }
}

static GArray *
list_roots (const Finding *self)
{
  GArray *rects = g_array_new (FALSE, FALSE, sizeof (PdRect));

  for (guint i = 0; i < self->islands->len; i++)
    {
      const Island *island = &g_array_index (self->islands, Island, i);
      const PdRect rect = { island->top, island->left, island->bottom + 1 - island->top,
                            island->right + 1 - island->left };

      if (island->joined == i)
        g_array_append_val (rects, rect);
    }
  return rects;
}

GArray *
pd_islands_find (GeglBuffer *mask, GError **error)
{
  const guint width = (guint) gegl_buffer_get_width (mask);
  const guint height = (guint) gegl_buffer_get_height (mask);
  const guint columns = (width + CELL - 1) / CELL;
  const char *what = _ ("rows of the mask");
  g_autofree float *values = pd_try_new (float, (gsize) width *CELL, what, error);
  g_autofree guint *numbers = values != NULL ? pd_try_new (guint, 2 * columns, what, error) : NULL;
  g_autoptr (GArray) islands = g_array_new (FALSE, FALSE, sizeof (Island));
  Finding self = {
    .columns = columns, .islands = islands, .above = numbers, .at = numbers + columns
  };

  if (numbers == NULL)
    return NULL;
  for (guint i = 0; i < 2 * columns; i++)
    numbers[i] = NONE;
  for (guint y = 0; y < height; y += CELL)
    {
      const guint rows = MIN (CELL, height - y);

      gegl_buffer_get (mask, GEGL_RECTANGLE (0, (int) y, (int) width, (int) rows), 1.0,
                       babl_format ("Y float"), values, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      add_rows (&self, values, y, rows, width);
    }
  if (islands->len == 0)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_BAD_REQUEST,
          _ ("The mask is black or transparent everywhere: make white and opaque what is to "
             "be repainted"));
      return NULL;
    }
  return list_roots (&self);
}
