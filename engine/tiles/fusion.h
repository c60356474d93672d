// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/choices.h"
#include "engine/tiles/grid.h"

/* Weights along one side of @tile pixels; a tile's weight is the product of its two sides'. All are
 * positive (a Gaussian's corner is 1e-11 of its middle: sums must be f32), so that a pixel that
 * only a corner covers keeps what the corner says. @overlap: the ramp's width. */
void pd_fusion_profile (PdBlend blend, guint tile, guint overlap, float *weights);

/* Where tiles are added up. */
typedef struct
{
  const PdGrid *grid;
  guint channels;
  const float *profile_y, *profile_x; /* of a tile's sides */
  float *sum;                         /* [channels][canvas_h][canvas_w], of weight · tile */
  float *mass;                        /* [canvas_h][canvas_w], of weights; NULL: not wanted */
} PdFusion;

/* Reads the tile at @start_y, @start_x of @canvas ([channels][canvas_h][canvas_w]) into @tile
 * ([channels][tile_h][tile_w]), going round where an axis wraps. */
void pd_fusion_read (const PdGrid *grid,
                     guint channels,
                     const float *canvas,
                     guint start_y,
                     guint start_x,
                     float *tile);

/* Adds the tile that begins at @start_y, @start_x. @shares: of every pixel ([tile_h][tile_w]),
 * times the profiles' weight; NULL: 1. */
void pd_fusion_add (
    const PdFusion *self, const float *tile, const float *shares, guint start_y, guint start_x);

/* sum /= mass, element by element of every channel; where the mass is 0 both stay 0. */
void pd_fusion_divide (guint channels, gsize pixels, float *sum, const float *mass);
