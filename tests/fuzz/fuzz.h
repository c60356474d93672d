// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Deterministic mutation fuzzing of a parser of files. */

typedef struct
{
  const char *name;
  /* Valid inputs to start from, and pieces worth inserting. */
  const GBytes *const *seeds;
  guint n_seeds;
  const char *const *pieces; /* NULL-terminated */
  gboolean has_length;       /* inputs begin with a 64-bit length of the text that follows */
  /* Parses the file at @path; aborts on a wrong result. */
  void (*run) (const char *path, gpointer data);
  gpointer data;
  const char *file_name; /* of the input, in a temporary folder */
} PdFuzz;

/* Runs the mutations 0, 1, 2 … for @seconds, or for PD_FUZZ_SECONDS. Mutation number N is always
 * the same. The folder with the input is kept if the process dies. */
void pd_fuzz_run (const PdFuzz *self, double seconds);

/* Aborts unless @succeeded has no error, or failure one whose message is one line of UTF-8. */
void pd_fuzz_check (gboolean succeeded, const GError *error);
