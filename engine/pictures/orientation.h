// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* How a camera was held, as Exif says it (CIPA DC-008, tag 0x0112): 1 … 8, 1: upright. */

/* @exif: a TIFF structure as in a PNG's eXIf chunk. Returns: 1 if it does not tell. */
guint pd_orientation_of_exif (const guchar *exif, gsize length);

/* Returns: (transfer full) the picture upright, from 0, 0 on. */
GeglBuffer *pd_orientation_apply (GeglBuffer *picture, guint orientation);
