// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* Files in GEGL's own format for buffers, which gegl_buffer_load() and gegl_buffer_save() read and
 * write too. Those end the process on a damaged file and on a full disk, and count bytes in 32
 * bits; these report it, and the size of a file is limited by the disk alone. gegl_init() must have
 * been called. */

/* Returns: (transfer full) a buffer whose extent is 0, 0, width × height of the file. Holds tiles
 * in memory and in GEGL's swap, not in the file. Errors: PD_ERROR_BAD_REQUEST (unreadable, not such
 * a file, damaged, shorter than it says). */
GeglBuffer *pd_buffer_file_load (const char *path, GError **error);

/* Writes the buffer's extent, from 0, 0 on and in the buffer's own format, into a file beside the
 * destination that only the user can read, then renames it: at any moment there is the old file,
 * none, or the whole new one. Errors: PD_ERROR_BAD_REQUEST (cannot be written, disk full). */
gboolean pd_buffer_file_save (GeglBuffer *buffer, const char *path, GError **error);

/* Takes the space on the disk that the file of @buffer will need, which pd_buffer_file_save() then
 * uses, so that it does not run out in the meantime; on file systems that can. Errors:
 * PD_ERROR_BAD_REQUEST (cannot be written, disk full). */
gboolean pd_buffer_file_reserve (GeglBuffer *buffer, const char *path, GError **error);

/* Gives up what was reserved for @path, if anything was. */
void pd_buffer_file_give_back (const char *path);
