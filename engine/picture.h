// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* Pictures as GeglBuffers from 0, 0 on; what does not fit GEGL's cache is on disk. gegl_init() must
 * have been called. */

enum
{
  PD_PICTURE_MAX_SIDE = 65536, /* pixels; as large as a request may be */
};

/* An empty picture of 1 … 65536 pixels a side; @format: e.g. "R'G'B' u8". */
GeglBuffer *pd_picture_new (guint width, guint height, const char *format);

/* Reads PNG, JPEG, TIFF and what else gdk-pixbuf has a loader for, the right way up, in the file's
 * own colour space and depth. Errors: PD_ERROR_BAD_REQUEST (unreadable, no picture, damaged, more
 * than 65536 pixels a side). */
GeglBuffer *pd_picture_load (const char *path, GError **error);

/* The same as a mask, "Y float": its greys are taken as numbers, black 0 and white 1. */
GeglBuffer *pd_picture_load_mask (const char *path, GError **error);

/* The same picture in another size, as @format. */
GeglBuffer *pd_picture_scale (GeglBuffer *picture, guint width, guint height, const char *format);
