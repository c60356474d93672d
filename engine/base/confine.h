// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What a process that reads strangers' files gives up first, so that a hole in a reader or a driver
 * is no way to the rest of what its user owns: files, by Landlock (https://landlock.io), and the
 * network, other programs and other processes, by seccomp. What the kernel lacks is left out: the
 * process goes on, and pd_confine_describe() says what holds. */
typedef struct
{
  /* Files and folders that may be read beside what every program needs (libraries, drivers, the
   * system's configuration); NULL-terminated. NULL: everything may be read, and other programs may
   * be run, confined as this one is. */
  const char *const *readable;
  /* Files and folders that may be written beside the caches, and removed where not everything may
   * be read; NULL-terminated. */
  const char *const *writable;
} PdConfineOptions;

/* Holds for the calling thread and those it starts later, so call it before there are others, and
 * for the rest of the process's life. What is listed must be there; what is not counts for nothing.
 * Once only. With PD_CONFINE=no in the environment nothing is given up. */
void pd_confine (const PdConfineOptions *options);

/* Returns: (transfer full) a sentence that tells what holds. */
char *pd_confine_describe (void);
