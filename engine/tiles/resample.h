// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Pictures and planes of another size, and low-pass filters. Where an axis wraps, the picture is a
 * torus along it; elsewhere its last row or column goes on. */

/* Gives w × h pixels from x, y of the source on, all of them inside: @rgb becomes [h][w][3]. */
typedef gboolean (*PdSourceReadFunc) (
    guint x, guint y, guint w, guint h, float *rgb, gpointer user_data, GError **error);

typedef struct
{
  guint from_h, from_w;    /* of the source, pixels */
  guint to_h, to_w;        /* of the result, at least the source's */
  gboolean wrap_y, wrap_x; /* the picture is a torus along the axis */
  PdSourceReadFunc read;
  gpointer user_data;
} PdEnlargement;

/* The w × h pixels from x, y of the enlarged picture on, [h][w][3], by Catmull-Rom cubics (Keys
 * 1981, a = -1/2); a result of the source's size is the source. Values may leave the source's
 * range. Errors: those of the source. */
gboolean pd_enlarge (
    const PdEnlargement *self, guint x, guint y, guint w, guint h, float *rgb, GError **error);

/* Gaussian low-pass in place, of standard deviation @sigma pixels, cut off at 3 sigma; 0 does
 * nothing. At edges that do not wrap the plane is mirrored, so that its mean stays. */
gboolean pd_low_pass (
    float *plane, guint h, guint w, double sigma, gboolean wrap_y, gboolean wrap_x, GError **error);
