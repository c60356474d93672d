// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* The part of a picture that is worked on to change what its mask shows: what is to be made anew
 * and some of its surroundings. A part smaller than the model's native size is worked on
 * enlarged. */
typedef struct
{
  guint x, y, w, h;     /* pixels of the picture */
  guint work_w, work_h; /* the size it is worked on at */
} PdRegion;

/* @bounds: what is to be made anew, inside @width × @height. @padding: pixels around it; -1: a
 * quarter of @native, or more so that the part has the native size where the picture allows.
 * @native: side of the pictures the model was made for; sides grow to multiples of @scale where the
 * picture allows. */
void pd_region_plan (PdRegion *self,
                     const GeglRectangle *bounds,
                     guint width,
                     guint height,
                     gint64 padding,
                     guint native,
                     guint scale);

/* The smallest rectangle that holds every pixel of @mask ("Y float") above 0. Errors:
 * PD_ERROR_BAD_REQUEST if there is none. */
gboolean pd_region_bounds (GeglBuffer *mask, GeglRectangle *bounds, GError **error);

/* Returns: (transfer full) that part of @picture as @format, from 0, 0 on, in the work's size. */
GeglBuffer *pd_region_take (const PdRegion *self, GeglBuffer *picture, const char *format);
