// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/metrics/pixels.h"
#include "tests/metrics/layout.h"

/* One number per pixel, row-major, in steps of an 8-bit picture (0 to 255). */
typedef struct
{
  guint width;
  guint height;
  float *values;
} PdPlane;

PdPlane *pd_plane_new (guint width, guint height);
void pd_plane_free (PdPlane *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPlane, pd_plane_free)

/* Rec. 709 weights on R'G'B'. */
PdPlane *pd_plane_luma (const PdPixels *picture);

/* The plane rolled by half its size in x and y: its four corners meet in the middle. */
PdPlane *pd_plane_shift_half (const PdPlane *self);

/* Rows become columns. */
PdPlane *pd_plane_transpose (const PdPlane *self);

/* The plane minus its mean over the pixels at most @radius away in x and y; beyond an edge the
 * plane goes on at the other side if the axis wraps, else turned over around the pixel of the edge,
 * so that a slope stays one. @radius is below half the plane's sides. */
PdPlane *pd_plane_detail (const PdPlane *self, guint radius, gboolean wrap_x, gboolean wrap_y);

/* Means over @factor × @factor pixels; a rest at the right and lower edge is dropped. */
PdPlane *pd_plane_reduce (const PdPlane *self, guint factor);

/* A picture in another size: means over the pixels that each new one touches. */
PdPixels *pd_pixels_reduce (const PdPixels *picture, guint width, guint height);

/* A row of @picture enlarged to @width × @height, linearly between the centres of its pixels.
 * row: [width × 3]. */
void
pd_pixels_enlarged_row (const PdPixels *picture, guint width, guint height, guint y, float *row);
