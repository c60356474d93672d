// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/canvas.h"
#include "engine/tiles/team.h"

struct _PdCanvas
{
  PdCanvasOptions options;
  PdGrid grid;
  guint channels;
  guint *starts_y, *starts_x;
  float *profile_y, *profile_x;
  float *mass;
  PdItem *items; /* of this step, in the order of the tiles; room for every prompt in every tile */
  gsize n_items;
  guint n_tiles;      /* that have items */
  float *shares;      /* of each prompt in a tile, [prompts][tile_h][tile_w] */
  gint64 shares_tile; /* whose they are; -1: none's */
  float *conditional; /* fused conditional prediction, for guidance rescale; may be NULL */
  float *content;     /* what the canvas shows, noised to the step's level; NULL: nothing */
  PdTeam *team;
};
