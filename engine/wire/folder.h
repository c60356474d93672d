// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* The private folder through which pictures pass between a program and its engine. The one that
 * ends last removes it. */

/* Returns: (transfer full) the path of a new folder that only the user can enter, in the folder for
 * temporary files. Errors: G_FILE_ERROR. */
char *pd_wire_folder_new (GError **error);

/* Whether it may be used, and removed later: its name begins as pd_wire_folder_new() begins it, it
 * belongs to the user and no other user can enter it. Errors: PD_WIRE_INVALID_PARAMS. */
gboolean pd_wire_folder_check (const char *path, GError **error);

/* Removes it with the files in it; no error if it is not there. */
void pd_wire_folder_remove (const char *path);
