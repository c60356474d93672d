// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/choices.h"

/* Where the tiles of a picture lie along one axis, in pixels. Between two tiles runs the centre
 * line of their overlap; what lies between two such lines is the cell of one tile. */
typedef struct
{
  guint size; /* of the picture */
  guint tile;
  gboolean wrap;
  guint count;
  guint *starts; /* [count], ascending unless turned on a torus; each < size */
} PdLayoutAxis;

typedef struct
{
  PdLayoutAxis x, y;
} PdLayout;

enum
{
  PD_LAYOUT_NONE = G_MAXUINT, /* no cell */
};

/* The grid the engine lays over a picture of @width × @height (engine/tiles/grid.h, no jitter). The
 * engine counts in latent pixels of @unit picture pixels: @tile and @overlap are picture pixels and
 * multiples of it; a picture has 16 pixels a side or more, a tile 8. Errors: PD_ERROR_BAD_REQUEST.
 */
PdLayout *pd_layout_new (
    guint width, guint height, guint tile, guint overlap, guint unit, PdTorus wrap, GError **error);

/* Replaces the starts of an axis with the comma-separated numbers of @text. They must ascend, leave
 * no gap, and on an axis that does not wrap cover it from end to end. Errors: PD_ERROR_BAD_REQUEST.
 */
gboolean pd_layout_axis_parse (PdLayoutAxis *axis, const char *text, GError **error);

void pd_layout_free (PdLayout *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdLayout, pd_layout_free)

/* Which positions begin the far side of a border: a start or the end of a tile, without the ends of
 * an axis that does not wrap. Returns: (transfer full) guint, no duplicates. */
GArray *pd_layout_axis_starts (const PdLayoutAxis *axis);
GArray *pd_layout_axis_ends (const PdLayoutAxis *axis);

/* The middles of the tiles, and the centre lines of the overlaps. Returns: (transfer full) guint.
 */
GArray *pd_layout_axis_middles (const PdLayoutAxis *axis);
GArray *pd_layout_axis_overlaps (const PdLayoutAxis *axis);

/* For each position the cell it belongs to; with @shifted of the grid moved by half a cell, whose
 * cells reach from the middle of one cell to that of the next (one cell less unless the axis wraps;
 * the only cell of an axis with a single tile stays). PD_LAYOUT_NONE outside.
 * Returns: (transfer full) [size]. */
guint *pd_layout_axis_cells (const PdLayoutAxis *axis, gboolean shifted, guint *n_cells);

/* The mean distance from one tile to the next; the size of the picture if there is one tile. */
double pd_layout_axis_stride (const PdLayoutAxis *axis);
