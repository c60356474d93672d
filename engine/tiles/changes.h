// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/grid.h"

/* What of a canvas is to change, in latent pixels: tiles and windows that have nothing of it are
 * left out, in time and in what is held for them. Where a parameter of this type is NULL all of the
 * canvas changes. */
typedef struct
{
  PdSize canvas;
  PdTorus wrap;
  guint8 *cells; /* [h][w], 1: changes, 0: stays */
} PdChanges;

/* Those that @mask ([h][w] of @canvas) shows, whose value is above 0. Errors:
 * PD_ERROR_OUT_OF_MEMORY. */
PdChanges *pd_changes_new (PdSize canvas, PdTorus wrap, const float *mask, GError **error);
void pd_changes_free (PdChanges *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdChanges, pd_changes_free)

/* Returns: (transfer full) what is no more than @reach rows and columns away from it: the
 * surroundings that must be known. */
PdChanges *pd_changes_grow (const PdChanges *self, guint reach, GError **error);

/* Returns: (transfer full) 1 where it changes, else 0, [h][w]. */
float *pd_changes_weights (const PdChanges *self, GError **error);

/* Whether something in @rect changes; that goes round where the canvas wraps. */
gboolean pd_changes_touch (const PdChanges *self, const PdRect *rect);

/* Whether something changes in tile @tile of @grid, whose tiles begin at @starts_y, @starts_x. */
gboolean pd_changes_touch_tile (const PdChanges *self,
                                const PdGrid *grid,
                                const guint *starts_y,
                                const guint *starts_x,
                                guint tile);

/* Tiles of @grid in which something changes where they have not moved. */
gboolean
pd_changes_count_tiles (const PdChanges *self, const PdGrid *grid, guint *n, GError **error);
