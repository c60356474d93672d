// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Whether GEGL could keep all pixels. When the disk of its swap folder is full, GEGL only prints
 * that, and the pixels read as black later. */

/* Begins to look for that, and forgets what was. gegl_init() must have been called. */
void pd_storage_watch (void);

/* Errors: PD_ERROR_OUT_OF_MEMORY if pixels were lost since pd_storage_watch(). */
gboolean pd_storage_check (GError **error);
