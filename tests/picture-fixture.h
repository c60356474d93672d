// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* What the tests of pictures and of their files share: a folder, and pictures with known pixels. */

/* Begins a test program and makes its folder. */
void pd_picture_fixture_open (int *argc, char ***argv);
/* Runs the tests and removes the folder. Returns: the exit status. */
int pd_picture_fixture_run (void);

/* The folder: a path in it, the number of its files, removing them. */

char *pd_picture_fixture_path (const char *name);
guint pd_picture_fixture_count (void);
void pd_picture_fixture_empty (void);

/* "R'G'B' float", every channel another value; the first pixels lie outside [0, 1]. */
GeglBuffer *pd_picture_fixture_make (guint width, guint height);
/* Returns: (transfer full) as "R'G'B' float". */
float *pd_picture_fixture_pixels (GeglBuffer *picture);
