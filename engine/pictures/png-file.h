// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* Whether pd_png_save() can put a file there: the name ends in .png, its folder exists and can be
 * written to, and what is there now is a writable file or nothing. Leaves everything as it was.
 * Errors: PD_ERROR_BAD_REQUEST. */
gboolean pd_png_check_output (const char *path, GError **error);

/* Writes a picture with 8 or 16 bits per channel into a file beside the destination, then renames
 * it: at any moment there is the old file, none, or the whole new one, and nothing is left if a
 * signal to which nobody listens ends the process. With alpha if the picture has that. gegl_init()
 * must have been called. texts: keyword, value, keyword, value, …, NULL, stored as iTXt (UTF-8)
 * before the pixels. Errors: PD_ERROR_BAD_REQUEST; those of pd_storage_check(). */
gboolean pd_png_save (
    GeglBuffer *picture, const char *path, guint depth, const char *const *texts, GError **error);

/* Whether the file begins as a PNG does. */
gboolean pd_png_is (const char *path);

/* Reads a picture row by row: grey or colours, with or without transparency, 8 or 16 bits as in the
 * file (less than 8: 8), in the colour space of its profile if babl understands that.
 * gegl_init() must have been called.
 * Errors: PD_ERROR_BAD_REQUEST (unreadable, damaged, more than 65536 pixels a side). */
GeglBuffer *pd_png_load (const char *path, GError **error);

/* Returns: (transfer full) the text a PNG holds under a keyword.
 * Errors: PD_ERROR_BAD_REQUEST (unreadable, not a PNG, damaged, no such text). */
char *pd_png_read_text (const char *path, const char *keyword, GError **error);
