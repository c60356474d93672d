// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "ui/host.h"

#include <gegl.h>

/* The picture of a request's style, as GIMP knows it: "layer:NUMBER", a drawable of any image that
 * is open; "image:NUMBER", what such an image shows; else a file that GIMP can open, by its path or
 * its URI. Numbers are those of the procedural database and end with GIMP. */

/* Returns: (transfer full) of PdHostStyle: the layers of @image, then the other images that are
 * open. */
GPtrArray *pd_style_picture_list (gint32 image);

/* Whether @style lives no longer than this session of GIMP. */
gboolean pd_style_picture_is_open (const char *style);

/* Returns: (transfer full) what to call @style where its numbers mean nothing: the name of the
 * layer or image, the path of a file. */
char *pd_style_picture_name (const char *style);

/* Writes its pixels, sRGB, into a file for the engine.
 * @transparent: (out) whether some of them are transparent, which count as gray
 * Errors: PD_ERROR_BAD_REQUEST: it is not there any more, cannot be opened, or is transparent all
 * over; the file cannot be written. */
gboolean
pd_style_picture_save (const char *style, const char *path, gboolean *transparent, GError **error);

/* Returns: (transfer full) its pixels, sRGB "R'G'B'A u8", at most @max_side a side. Errors: the
 * same. */
GeglBuffer *pd_style_picture_small (const char *style, guint max_side, GError **error);
