// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/faults/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <unwind.h>

/* Frames of these only pass on what their callers ask for. */
static const char *const passing[] = { "libc.so",       "ld-linux",       "libz.so",
                                       "libglib-2.0",   "libgobject-2.0", "libgio-2.0",
                                       "libgmodule-2.0" };

/* These tell their callers of failures, so that the program has to go on from them. */
static const char *const telling[] = { "libpng", "liblcms2" };

static __thread int inside; /* in a function of this file */
static int record = -1;
static void *own_base, *program_base;

static void *
base_of (const void *address)
{
  Dl_info info;

  return dladdr (address, &info) != 0 ? info.dli_fbase : NULL;
}

/* Before the program gives up its right to make files anywhere. */
__attribute__ ((constructor)) static void
begin (void)
{
  const char *path = getenv ("PD_FAULT_RECORD");

  inside = 1;
  own_base = base_of ((const void *) begin);
  program_base = base_of ((const void *) getauxval (AT_ENTRY)); /* NOLINT */
  if (path != NULL)
    record = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  inside = 0;
}

int
fault_is_chosen (const char *name, int number)
{
  const char *chosen = getenv ("PD_FAULT_CALL"), *which = getenv ("PD_FAULT_NUMBER");
  int first = which != NULL ? atoi (which) : 0;

  if (chosen == NULL || strcmp (chosen, name) != 0)
    return 0;
  return number == first || (number > first && getenv ("PD_FAULT_LASTING") != NULL);
}

static int
is_one_of (const char *path, const char *const *names, size_t n)
{
  const char *name = strrchr (path, '/');

  name = name != NULL ? name + 1 : path;
  for (size_t i = 0; i < n; i++)
    if (strncmp (name, names[i], strlen (names[i])) == 0)
      return 1;
  return 0;
}

static _Unwind_Reason_Code
look (struct _Unwind_Context *context, void *data)
{
  int *own = data;
  Dl_info info;

  /* A return address may be the first of the next function. */
  if (dladdr ((const void *) (_Unwind_GetIP (context) - 1), &info) == 0) /* NOLINT */
    return _URC_END_OF_STACK;
  if (info.dli_fbase == own_base ||
      is_one_of (info.dli_fname, passing, sizeof passing / sizeof *passing))
    return _URC_NO_REASON;
  *own = info.dli_fbase == program_base ||
         is_one_of (info.dli_fname, telling, sizeof telling / sizeof *telling);
  return _URC_END_OF_STACK;
}

int
fault_is_own (void)
{
  int own = 0, saved = errno;

  if (inside || program_base == NULL)
    return 0;
  inside = 1;
  _Unwind_Backtrace (look, &own);
  inside = 0;
  errno = saved;
  return own;
}

void
fault_record (const char *what)
{
  inside = 1;
  if (record >= 0)
    dprintf (record, "%s\n", what);
  inside = 0;
}

FILE *
fault_open_counts (void)
{
  const char *path = getenv ("PD_FAULT_COUNTS");

  inside = 1;
  return path != NULL ? fopen (path, "w") : NULL;
}

void
fault_close_counts (FILE *file)
{
  if (file != NULL)
    fclose (file);
  inside = 0;
}
