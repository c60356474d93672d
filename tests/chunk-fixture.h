// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* PNG files made chunk by chunk, for tests. */

/* Returns: (transfer full) a PNG of width × height samples of one value: @type as in IHDR (0 grey,
 * 2 colours, 4 grey and alpha, 6 colours and alpha), 8 or 16 bits; @pixel: its bytes, in the file's
 * order. */
GByteArray *pd_chunk_fixture_png (
    guint width, guint height, guint depth, guint type, const guchar *pixel, gsize pixel_bytes);

/* Puts a chunk before the first one of that name ("" : behind all but IEND). */
void pd_chunk_fixture_insert (
    GByteArray *png, const char *before, const char *name, gconstpointer data, gsize length);

/* Returns: (transfer full) @data compressed as in a PNG. */
GBytes *pd_chunk_fixture_deflate (gconstpointer data, gsize length);
