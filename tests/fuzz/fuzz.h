// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>
#include <stdint.h>

/* A target: a file fuzz-NAME.c that defines the next two, for one reader of what strangers give.
 * driver.c makes a test of it, with deterministic mutations; with -Dfuzzer=true libFuzzer looks for
 * inputs that reach more of the code. */

/* Reads any input. Ends the process where something is wrong. Returns: 0. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct
{
  void (*add_seeds) (GPtrArray *seeds); /* valid inputs to start from, with pd_fuzz_add_seed() */
  const char *const *words;             /* worth inserting; NULL-terminated */
} PdFuzzTarget;

extern const PdFuzzTarget pd_fuzz_target;

/* Makes what GLib calls critical end the process. Before anything else, and once. Returns: 0. */
int LLVMFuzzerInitialize (int *argc, char ***argv);

/* Adds @head_size bytes of @head (what the target itself reads) and @size bytes of @data; @size -1:
 * a string. */
void pd_fuzz_add_seed (
    GPtrArray *seeds, const char *head, gsize head_size, gconstpointer data, gssize size);

/* The path of a file in memory: @size bytes of @data, then @room zeros. There is one such file;
 * another call changes it. */
const char *pd_fuzz_file (gconstpointer data, gsize size, gsize room);

/* A folder for files that need a name, removed at the end of the process. */
const char *pd_fuzz_folder (void);

/* Writes @name in it. */
void pd_fuzz_write (const char *name, gconstpointer data, gsize size);

/* Ends the process unless @succeeded has no error, or failure one with a message in UTF-8, of which
 * pd_message_clean() makes a line. */
void pd_fuzz_check (gboolean succeeded, const GError *error);

/* The same for what promises that the message is one line already. */
void pd_fuzz_check_line (gboolean succeeded, const GError *error);
