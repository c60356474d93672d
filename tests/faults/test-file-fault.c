// SPDX-License-Identifier: GPL-3.0-or-later
#include <errno.h>
#include <string.h>

#include "tests/faults/fault-fixture.h"

/* The program with one of its calls about files failing (file-fault.c), as on a full disk or a
 * broken one: it ends with status 1 and one line that names the file and the system's reason, or
 * makes the picture. With -m slow each call fails, else the first and the last of each kind. */

/* The first one in a short run. */
static const char *const lines[] = {
  "generate --prompt moss --size 32x32 --steps 1 --guidance 1 --seed 3 --kernels general "
  "--preview @/preview.png --preview-every 1",
  "generate --prompt moss --size 48x32 --tile 32 --steps 1 --guidance 3 --seed 4 --depth 16 "
  "--kernels general --progressive off --region 0,0,24,32:snow",
  "restyle --input @input --prompt snow --strength 0.5 --steps 2 --guidance 1 --seed 5 "
  "--kernels general",
  "inpaint --input @input --mask @input --prompt snow --steps 1 --guidance 1 --seed 6 "
  "--kernels general",
};

static const char *const calls[] = { "open",  "write",     "fwrite", "fflush", "pwrite",
                                     "fsync", "ftruncate", "rename", "mkdir" };

/* The name that people know the file by: temporary ones are ".NAME.XXXXXX" or "NAME.XXXXXX". */
static char *
known_name (const char *record)
{
  g_autofree char *line = g_strndup (record, strcspn (record, "\n"));
  g_autofree char *name = g_path_get_basename (line);
  g_autoptr (GRegex) ends = g_regex_new ("^\\.|\\.[A-Za-z0-9]{6}$| \\(deleted\\)$", 0, 0, NULL);

  return g_regex_replace (ends, name, -1, 0, "", 0, NULL);
}

static const char *
judge (const PdFaultEnd *end)
{
  g_autofree char *name = known_name (end->record);

  if (*name == '\0')
    return "no call failed";
  if (end->n_lines == 0)
    return NULL;
  if (strstr (end->text, g_strerror (ENOSPC)) == NULL &&
      strstr (end->text, g_strerror (EIO)) == NULL)
    return "it does not say why";
  return strstr (end->text, name) == NULL ? "it does not name the file" : NULL;
}

static void
fail_once (const char *call, guint number, int code)
{
  g_autofree char *result = g_strdup_printf ("%d", code);
  g_auto (PdFaultEnd) end = { 0 };

  pd_fault_check (&(PdFault){ .call = call, .number = number, .result = result }, &end);
  pd_fault_require (&end, judge (&end));
}

static void
fail_calls (const char *call)
{
  guint n = pd_fault_count (call);

  g_test_message ("%u calls of %s", n, call);
  for (guint i = 1; i <= n; i++)
    if (g_test_thorough ())
      {
        fail_once (call, i, ENOSPC);
        fail_once (call, i, EIO);
      }
    else if (i == 1 || i == n)
      fail_once (call, i, i == 1 ? ENOSPC : EIO);
}

static void
test_line (gconstpointer data)
{
  pd_fault_begin (data);
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    fail_calls (calls[i]);
  pd_fault_finish ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < (g_test_thorough () ? G_N_ELEMENTS (lines) : 1); i++)
    {
      g_autofree char *path = g_strdup_printf ("/file-fault/%u", i);

      g_test_add_data_func (path, lines[i], test_line);
    }
  return g_test_run ();
}
