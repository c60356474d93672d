// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/choices.h"
#include "engine/tiles/grid.h"

/* Weights along one side of @tile pixels; a tile's weight is the product of its two sides'. All are
 * positive (a Gaussian's corner is 1e-11 of its middle: sums must be f32), so that a pixel that
 * only a corner covers keeps what the corner says. @overlap: the ramp's width. */
void pd_weight_profile (PdBlend blend, guint tile, guint overlap, float *weights);

/* Reads the tile at @start_y, @start_x of @canvas ([channels][canvas_h][canvas_w]) into @tile
 * ([channels][tile_h][tile_w]), going round where an axis wraps. */
void pd_tile_read (const PdGrid *grid,
                   guint channels,
                   const float *canvas,
                   guint start_y,
                   guint start_x,
                   float *tile);

/* Adds weight · @tile to @sum ([channels][canvas_h][canvas_w]) and the weight to @mass
 * ([canvas_h][canvas_w]; NULL: not wanted). @shares: of every pixel ([tile_h][tile_w]), times the
 * profiles' weight; NULL: 1. */
void pd_tile_add (const PdGrid *grid,
                  guint channels,
                  const float *tile,
                  const float *profile_y,
                  const float *profile_x,
                  const float *shares,
                  guint start_y,
                  guint start_x,
                  float *sum,
                  float *mass);

/* sum /= mass, element by element of every channel. */
void pd_fusion_divide (guint channels, gsize pixels, float *sum, const float *mass);
