// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <stdio.h>

/* What the libraries to preload have in common. Environment of all:
 *   PD_FAULT_CALL    the function of which a call fails
 *   PD_FAULT_NUMBER  which call of it fails, counted from 1
 *   PD_FAULT_LASTING if set, all later calls of the function fail too
 *   PD_FAULT_COUNTS  a file that gets a line "function calls" for each function at the end
 *   PD_FAULT_RECORD  a file that gets a line for the call that failed: what it was about */

/* Whether this call, the @number-th of @name, is to fail. */
int fault_is_chosen (const char *name, int number);

/* Whether what is called now was asked for by the program itself, or by a library that tells it of
 * failures (libpng, lcms2): the first caller that is neither the C library, zlib nor GLib. What
 * drivers and GEGL do on their own account is not the program's to answer for: they have no way to
 * tell of it. FALSE as well within the functions of this file. */
int fault_is_own (void);

void fault_record (const char *what);

/* The file of the counts, to be given to fault_close_counts(); NULL: none wanted. */
FILE *fault_open_counts (void);
void fault_close_counts (FILE *file);
