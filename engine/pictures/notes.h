// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* Lines for people about a picture that was loaded: what of the file is not as they may think.
 * NULL: none. */
const GPtrArray *pd_notes_of (GeglBuffer *picture);

/* Adds that the colour profile of @path is not followed. */
void pd_notes_add_profile (GeglBuffer *picture, const char *path, const char *problem);

/* @note: (transfer full) */
void pd_notes_add (GeglBuffer *picture, char *note);
