// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

#include "engine/base/rect.h"

/* Pictures as GeglBuffers from 0, 0 on; what does not fit GEGL's cache is on disk. gegl_init() must
 * have been called. */

enum
{
  PD_PICTURE_MAX_SIDE = 65536, /* pixels; as large as a request may be */
};

/* What stands for what is transparent where the model looks at it, R'G'B'; the plug-in shows the
 * same. */
#define PD_PICTURE_NEUTRAL 0.5f

/* An empty picture of 1 … 65536 pixels a side; @format: e.g. "R'G'B' u8". */
GeglBuffer *pd_picture_new (guint width, guint height, const char *format);

/* Reads PNG, JPEG, TIFF and what else gdk-pixbuf has a loader for, the right way up: in the file's
 * depth if its colours are those of sRGB, else as float in sRGB; what was to be said of it is in
 * pd_notes_of(). Errors: PD_ERROR_BAD_REQUEST (unreadable, no picture, damaged, more than
 * 65536 pixels a side, more than the memory holds). */
GeglBuffer *pd_picture_load (const char *path, GError **error);

/* Gives pixels that are wholly transparent the neutral colour, so that nothing can depend on what
 * hides there. Errors: PD_ERROR_OUT_OF_MEMORY. */
gboolean pd_picture_forget_hidden (GeglBuffer *picture, GError **error);

/* pd_picture_load() as a mask, "Y float": its greys are taken as numbers, black 0 and white 1.
 * Where it has transparency, that multiplies them; where all that shows has one colour, it is the
 * mask: opaque 1, or 0 if the colour is black. */
GeglBuffer *pd_picture_load_mask (const char *path, GError **error);

/* The same picture in another size, as @format. */
GeglBuffer *pd_picture_scale (GeglBuffer *picture, guint width, guint height, const char *format);

/* @rect for GEGL. */
static inline GeglRectangle
pd_picture_rectangle (const PdRect *rect)
{
  return (GeglRectangle){ (gint) rect->x, (gint) rect->y, (gint) rect->w, (gint) rect->h };
}
