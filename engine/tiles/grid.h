// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/choices.h"
#include "engine/base/rect.h"

/* Overlapping tiles over a canvas of latent pixels. On an axis that wraps the canvas is a torus:
 * tiles may start anywhere and run over the border to the other side. */
typedef struct
{
  guint canvas, tile; /* pixels; on an axis that does not wrap tile ≤ canvas */
  guint overlap;      /* the least two neighbours share, < tile */
  guint count;        /* of tiles */
  gboolean wrap;
} PdGridAxis;

typedef struct
{
  PdGridAxis y, x;
} PdGrid;

/* @canvas in tiles of at most @tile. A tile larger than the canvas is cut to it
 * (on an axis that wraps it goes round, so that it keeps its surroundings). Fails with
 * PD_ERROR_BAD_REQUEST when @overlap ≥ @tile, a size is 0 or there are more than 2^20 tiles. */
gboolean
pd_grid_init (PdGrid *self, PdSize canvas, guint tile, guint overlap, PdTorus wrap, GError **error);

guint pd_grid_n_tiles (const PdGrid *self);

/* Of every tile. */
PdSize pd_grid_tile (const PdGrid *self);

/* Where every tile starts along each axis: starts_y[y.count], starts_x[x.count], each below the
 * canvas. Without jitter they are spread evenly. With @jitter a grid that does not wrap moves its
 * inner tiles, each by at most a quarter of the smallest overlap, so that the canvas stays covered;
 * a torus turns as a whole. The moves depend on @seed and @step alone (Du et al. 2024, DemoFusion;
 * Frolov et al. 2024, SpotDiffusion). */
void pd_grid_starts (const PdGrid *self,
                     gboolean jitter,
                     guint64 seed,
                     guint step,
                     guint *starts_y,
                     guint *starts_x);
