// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/choices.h"
#include "engine/base/rect.h"

/* Pictures and planes of another size, and low-pass filters. Where an axis wraps, the picture is a
 * torus along it; elsewhere its last row or column goes on. */

/* Gives the pixels of @rect, which lies in the source: @rgb becomes [h][w][3]. */
typedef gboolean (*PdSourceReadFunc) (const PdRect *rect,
                                      float *rgb,
                                      gpointer user_data,
                                      GError **error);

typedef struct
{
  PdSize from, to; /* of the source; of the result, at least as large */
  PdTorus wrap;
  PdSourceReadFunc read;
  gpointer user_data;
} PdEnlargement;

/* The pixels of @rect of the enlarged picture, [h][w][3], by Catmull-Rom cubics (Keys 1981, a =
 * -1/2); a result of the source's size is the source. Values may leave the source's range. Errors:
 * those of the source. */
gboolean pd_enlarge (const PdEnlargement *self, const PdRect *rect, float *rgb, GError **error);

/* Gaussian low-pass in place, of standard deviation @sigma pixels, cut off at 3 sigma; 0 does
 * nothing. At edges that do not wrap the plane is mirrored, so that its mean stays. */
gboolean pd_low_pass (float *plane, PdSize size, double sigma, PdTorus wrap, GError **error);
