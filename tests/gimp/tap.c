// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/tap.h"

#include <stdio.h>

static FILE *file;
static char *name;
static guint number, n_failures;
static gint64 started;

void
tap_open (const char *path)
{
  file = fopen (path, "w");
  if (!file)
    g_error ("%s cannot be written", path);
}

void
tap_close (void)
{
  fprintf (file, "1..%u\n", number);
  fclose (file);
}

void
tap_begin (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_free (name);
  name = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  n_failures = 0;
  started = g_get_monotonic_time ();
}

void
tap_fail (const char *format, ...)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line; line++)
    fprintf (file, "# %s\n", *line);
  n_failures++;
}

gboolean
tap_expect (gboolean good, const char *what)
{
  if (!good)
    tap_fail ("not so: %s", what);
  return good;
}

void
tap_end (void)
{
  fprintf (file, "# %.1f s\n%sok %u - %s\n",
           (double) (g_get_monotonic_time () - started) / G_USEC_PER_SEC, n_failures ? "not " : "",
           ++number, name);
  fflush (file);
}
