// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* A picture in memory: R'G'B' floats (sRGB primaries and curve), 0 to 1, row-major. */
typedef struct
{
  guint width;
  guint height;
  float *pixels; /* width × height × 3 */
} PdPixels;

/* Takes the pixels over, which are freed with g_free(). */
PdPixels *pd_pixels_new (guint width, guint height, float *pixels);
void pd_pixels_free (PdPixels *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPixels, pd_pixels_free)

/* Reads a file that pd_picture_load() reads, converted to sRGB; transparency is dropped.
 * gegl_init() must have been called. Errors: those of pd_picture_load(). */
PdPixels *pd_pixels_load (const char *path, GError **error);
