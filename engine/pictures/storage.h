// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Whether GEGL could keep all pixels. When the disk of its swap folder is full, GEGL only prints
 * that, and the pixels read as black later. */

/* Begins to look for that, and forgets what was. gegl_init() must have been called. */
void pd_storage_watch (void);

/* Whether @folder, or the first one above it that there is, has room for @bytes more; TRUE also
 * where that cannot be found out. @what: for people, what they are for. Errors:
 * PD_ERROR_OUT_OF_MEMORY. */
gboolean
pd_storage_check_space (const char *folder, guint64 bytes, const char *what, GError **error);

/* Errors: PD_ERROR_OUT_OF_MEMORY if pixels were lost since pd_storage_watch(). */
gboolean pd_storage_check (GError **error);
