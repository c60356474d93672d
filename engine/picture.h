// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Pixels are R'G'B' floats (sRGB primaries and curve), 0 to 1, row-major. */
typedef struct
{
  guint width;
  guint height;
  float *pixels; /* width × height × 3 */
} PdPicture;

/* Takes the pixels over, which are freed with g_free(). */
PdPicture *pd_picture_new (guint width, guint height, float *pixels);
void pd_picture_free (PdPicture *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPicture, pd_picture_free)

/* Reads PNG, JPEG, TIFF and what else gdk-pixbuf has a loader for, the right way up, converted to
 * sRGB if it carries another profile; transparency is dropped. gegl_init() must have been called.
 * Errors: PD_ERROR_BAD_REQUEST (unreadable, no picture, damaged, more than 65536 pixels a side),
 * PD_ERROR_OUT_OF_MEMORY. */
PdPicture *pd_picture_load (const char *path, GError **error);

/* The same picture in another size. gegl_init() must have been called. */
PdPicture *pd_picture_scale (const PdPicture *picture, guint width, guint height);
