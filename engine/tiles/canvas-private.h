// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/canvas.h"
#include "engine/tiles/statistics.h"
#include "engine/tiles/thumbnail.h"

/* A prediction to be made: of a tile, for the prompt of the canvas (0) or of a part of it. */
typedef struct
{
  guint tile, prompt;
} PdCanvasItem;

struct _PdCanvas
{
  PdCanvasOptions options;
  PdGrid grid;
  guint channels;
  gsize tile_elements; /* of one tile's latent */
  guint *starts_y, *starts_x;
  float *profile_y, *profile_x;
  float *mass;
  PdCanvasItem
      *items; /* of this step, in the order of the tiles; room for every prompt in every tile */
  gsize n_items;
  float *shares; /* of each prompt in a tile, [prompts][tile_h][tile_w] */

  PdUNetPass *pass; /* batch · branches images: every tile's branch 0, then every tile's branch 1 */
  PdUNetPass *wide_pass; /* one tile in f32, for what the other cannot hold; made when needed */
  float *context;
  gsize context_elements; /* of one image */
  float *input, *output;
  float *conditional; /* fused conditional prediction, for guidance rescale; may be NULL */
  guint unet_forwards;

  PdThumbnail *thumbnail;   /* NULL unless the tiles read the bank */
  double bank_strength;     /* in this step */
  PdStatistics *statistics; /* of group norms; NULL unless the tiles share them */
};
