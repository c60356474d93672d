// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/grid.h"

/* Windows over a canvas that are computed whole, of which only the core counts: the cores partition
 * the canvas, and every pixel of a core is at least @halo pixels away from those edges of its
 * window that are not edges of the canvas. All windows have the same size. */
typedef struct
{
  PdGrid grid; /* its tiles are the windows */
  guint *starts_y, *starts_x;
} PdWindows;

/* The part of a window that counts, along one axis. */
typedef struct
{
  guint start; /* of the window, on the canvas */
  guint first; /* of the core, in the window */
  guint
      length; /* of the core: first + length ≤ tile; on an axis that wraps it may cross the edge */
} PdCore;

/* As pd_grid_init with an overlap of 2 · @halo, but windows are no larger than as many of them need
 * to be. */
gboolean pd_windows_init (
    PdWindows *self, PdSize canvas, guint tile, guint halo, PdTorus wrap, GError **error);
void pd_windows_clear (PdWindows *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdWindows, pd_windows_clear)

guint pd_windows_count (const PdWindows *self);
void pd_windows_core (const PdWindows *self, guint window, PdCore *y, PdCore *x);

/* A rectangle of the canvas, which does not cross its edge, and where a larger rectangle that may
 * cross it has that part. */
typedef struct
{
  PdRect on;            /* the canvas */
  guint from_y, from_x; /* in the larger one */
} PdPiece;

/* The pieces of @rect, which goes round where an axis wraps; pixels are those of @self, of which
 * each is @scale a side. Returns: (element-type PdPiece) new array. */
GArray *pd_windows_pieces (const PdWindows *self, guint scale, const PdRect *rect);
