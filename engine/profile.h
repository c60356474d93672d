// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <babl/babl.h>
#include <glib.h>

/* Colour spaces of pictures from files. babl believes what a profile says of itself; here lcms2
 * reads it, and babl gets a profile made anew of the numbers that were found right. gegl_init()
 * must have been called. */

enum
{
  PD_PROFILE_MOST = 4 << 20, /* bytes of a profile that is looked at */
};

/* The space of an ICC profile of RGB with a matrix, or of grey levels, whose pixels are then those
 * with three equal colours. Returns: NULL if it is damaged or of another kind, with the reason in
 * @problem (static, translated). */
const Babl *pd_profile_space (gconstpointer bytes, gsize length, const char **problem);

/* The same of what a PNG's gAMA and cHRM say: samples are light to the power of @gamma (0: not
 * told, as in sRGB); @xy: white, red, green and blue as x, y (NULL: not told, as in sRGB). Returns:
 * NULL for sRGB, or with @problem. */
const Babl *pd_profile_space_of (double gamma, const double xy[8], const char **problem);
