// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* Colour spaces of pictures from files. lcms2 reads profiles and converts; babl, which believes
 * what a profile says of itself and ends the process after a few spaces of other curves (babl
 * 0.1.98), never hears of them. gegl_init() must have been called. */

enum
{
  PD_PROFILE_MOST = 4 << 20, /* bytes of a profile that is looked at */
};

/* A colour space, or NULL with the reason in @problem (static, translated). */
typedef struct _PdProfile PdProfile;

/* An ICC profile of RGB or of grey levels. @problem: it is damaged, of another kind or gives no
 * colours. */
PdProfile *pd_profile_new (gconstpointer bytes, gsize length, const char **problem);

/* The same of what a PNG's gAMA and cHRM say: samples are light to the power of @gamma (0: not
 * told, as in sRGB); @xy: white, red, green and blue as x, y (NULL: not told, as in sRGB). */
PdProfile *pd_profile_new_of (double gamma, const double xy[8], const char **problem);

void pd_profile_free (PdProfile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdProfile, pd_profile_free)

/* The colours of @picture, a buffer from 0, 0 on whose numbers, taken for those of sRGB, are those
 * of the file; grey levels stand for three equal numbers. Returns: (transfer full) "R'G'B' float"
 * or, with alpha, "R'G'B'A float", beyond 0 … 1 where sRGB lacks the colour; @picture itself if the
 * space is sRGB within a step of 8 bits. Errors: PD_ERROR_OUT_OF_MEMORY. */
GeglBuffer *pd_profile_apply (const PdProfile *self, GeglBuffer *picture, GError **error);
