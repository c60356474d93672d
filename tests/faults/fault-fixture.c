// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/faults/fault-fixture.h"

#include <string.h>

#include <glib/gstdio.h>

static char **arguments;
static char *top;                                /* of all folders */
static char *folder, *temporary, *cache, *notes; /* of the output, …, of counts and records */
static char *input;                              /* a picture */
static GBytes *picture;                          /* as it is without a failure */
static char *counts;

/* Makes a picture to start from. */
static const char plain_line[] =
    "generate --prompt dunes --size 32x32 --steps 1 --kernels general --output @/picture.png";

void
pd_fault_end_clear (PdFaultEnd *self)
{
  g_free (self->text);
  g_free (self->left);
  g_free (self->record);
  *self = (PdFaultEnd){ 0 };
}

static char *
make_folder (const char *name)
{
  char *path = g_build_filename (top, name, NULL);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  return path;
}

static void
run_tool (const char *tool, const char *option, const char *first, const char *second)
{
  const char *line[] = { tool, option, first, second, NULL };
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **) line, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
}

static char *
expand (const char *argument)
{
  if (g_str_equal (argument, "@input"))
    return g_strdup (input);
  return g_str_has_prefix (argument, "@/")
             ? g_build_filename (folder, argument + strlen ("@/"), NULL)
             : g_strdup (argument);
}

static char **
make_line (gboolean resumes)
{
  g_autoptr (GPtrArray) line = g_ptr_array_new ();

  g_ptr_array_add (line, g_strdup (g_getenv ("PD_PROGRAM")));
  for (guint i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (line, expand (arguments[i]));
  if (resumes)
    g_ptr_array_add (line, g_strdup ("--resume"));
  g_ptr_array_add (line, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&line), FALSE);
}

/* Removes the cache of pipelines, so that every run writes it; kernels are prepared by the driver's
 * own cache. */
static void
forget_pipelines (void)
{
  g_autofree char *own = g_build_filename (cache, "parallel-diffusion", NULL);
  g_autoptr (GDir) dir = g_dir_open (own, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (own, name, NULL);

      if (g_str_has_prefix (name, "pipelines"))
        g_unlink (file);
    }
}

GSubprocess *
pd_fault_start (const PdFault *fault)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (
      G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autofree char *number = g_strdup_printf ("%u", fault->number);
  g_autofree char *device = g_strdup_printf ("%u", fault->device);
  g_autofree char *record = g_build_filename (notes, "record", NULL);
  g_autofree char *counted = g_build_filename (folder, "counts", NULL);
  g_auto (GStrv) line = make_line (fault->resumes);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_subprocess_launcher_setenv (launcher, "LD_PRELOAD", g_getenv ("PD_FAULT_LIBRARY"), TRUE);
  g_subprocess_launcher_setenv (launcher, "PD_FAULT_RECORD", record, TRUE);
  g_subprocess_launcher_setenv (launcher, "TMPDIR", temporary, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_CACHE_HOME", cache, TRUE);
  if (fault->call == NULL)
    g_subprocess_launcher_setenv (launcher, "PD_FAULT_COUNTS", counted, TRUE);
  else
    g_subprocess_launcher_setenv (launcher, "PD_FAULT_CALL", fault->call, TRUE);
  g_subprocess_launcher_setenv (launcher, "PD_FAULT_NUMBER", number, TRUE);
  if (fault->result != NULL)
    g_subprocess_launcher_setenv (launcher, "PD_FAULT_RESULT", fault->result, TRUE);
  if (fault->device > 0)
    g_subprocess_launcher_setenv (launcher, "PD_FAULT_DEVICE", device, TRUE);
  if (fault->lasting)
    g_subprocess_launcher_setenv (launcher, "PD_FAULT_LASTING", "1", TRUE);
  forget_pipelines ();
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) line, &error);
  g_assert_no_error (error);
  return process;
}

/* Puts the names in @path that @is_left finds wrong behind @names, and removes all if @remove. */
static void
look (const char *path, gboolean (*is_left) (const char *name), gboolean remove, GString *names)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      if (is_left (name))
        g_string_append_printf (names, " %s", file);
      if (remove)
        g_unlink (file);
    }
}

static gboolean
is_no_output (const char *name)
{
  return !g_str_equal (name, "picture.png") && !g_str_equal (name, "preview.png") &&
         !g_str_equal (name, "counts");
}

static gboolean
is_any (const char *name)
{
  return TRUE;
}

/* ".XXXXXX" at the end, as of files that are going to be renamed. */
static gboolean
is_temporary (const char *name)
{
  return g_regex_match_simple ("\\.[A-Za-z0-9]{6}$", name, 0, 0);
}

static char *
take_left (void)
{
  g_autofree char *own = g_build_filename (cache, "parallel-diffusion", NULL);
  g_autofree char *journals = g_build_filename (own, "journals", NULL);
  GString *names = g_string_new (NULL);

  look (folder, is_no_output, TRUE, names);
  look (temporary, is_any, TRUE, names);
  look (own, is_temporary, FALSE, names);
  look (journals, is_temporary, FALSE, names);
  return g_string_free (names, FALSE);
}

/* Lines of the program in @text that are no plan of the run. */
static guint
count_lines (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    n += g_str_has_prefix (lines[i], "parallel-diffusion: ") &&
         strstr (lines[i], "first run") == NULL && strstr (lines[i], "at once") == NULL &&
         strstr (lines[i], "stopping") == NULL && strstr (lines[i], "stopped after") == NULL;
  return n;
}

static GBytes *
read_picture (void)
{
  g_autofree char *path = g_build_filename (folder, "picture.png", NULL);
  char *data;
  gsize size;

  return g_file_get_contents (path, &data, &size, NULL) ? g_bytes_new_take (data, size) : NULL;
}

void
pd_fault_wait (GSubprocess *process, PdFaultEnd *end)
{
  g_autofree char *record = g_build_filename (notes, "record", NULL);
  g_autoptr (GBytes) found = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &end->text, &error);
  g_assert_no_error (error);
  end->exited = g_subprocess_get_if_exited (process);
  end->status =
      end->exited ? g_subprocess_get_exit_status (process) : g_subprocess_get_term_sig (process);
  end->n_lines = count_lines (end->text);
  found = read_picture ();
  end->made = found != NULL;
  end->same = end->made && g_bytes_equal (found, picture);
  end->left = take_left ();
  g_file_get_contents (record, &end->record, NULL, NULL);
}

static gboolean
has_foreign_line (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (*lines[i] != '\0' && !g_str_has_prefix (lines[i], "parallel-diffusion: "))
      return TRUE;
  return FALSE;
}

const char *
pd_fault_judge (const PdFaultEnd *end)
{
  if (!end->exited)
    return "ended by a signal";
  if (end->status > 1)
    return "a status that is neither 0 nor 1";
  if (*end->left != '\0')
    return "something is left behind";
  if (end->status == 0 && !end->same)
    return "not the same picture";
  if (end->status == 1 && end->made)
    return "a picture in spite of the failure";
  if (has_foreign_line (end->text))
    return "lines that are not the program's";
  if (end->n_lines > 1 || (guint) end->status > end->n_lines)
    return "not one line that says why";
  return NULL;
}

void
pd_fault_check (const PdFault *fault, PdFaultEnd *end)
{
  g_autoptr (GSubprocess) process = pd_fault_start (fault);

  pd_fault_wait (process, end);
  g_test_message ("call %u of %s, %s", fault->number, fault->call, end->record);
  pd_fault_require (end, pd_fault_judge (end));
}

void
pd_fault_require (const PdFaultEnd *end, const char *problem)
{
  g_test_message ("%s", end->text);
  if (problem == NULL)
    return;
  g_test_message ("%s: %s %d, left behind:%s", problem, end->exited ? "status" : "signal",
                  end->status, end->left);
  g_test_fail ();
}

guint
pd_fault_count (const char *call)
{
  g_auto (GStrv) lines = g_strsplit (counts, "\n", -1);
  gsize length = strlen (call);

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], call) && lines[i][length] == ' ')
      return (guint) g_ascii_strtoull (lines[i] + length, NULL, 10);
  return 0;
}

/* The program as it is, to prepare its kernels in the cache that tests share. */
static void
warm_up (void)
{
  g_auto (GStrv) line = make_line (FALSE);
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, line, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
  g_clear_pointer (&picture, g_bytes_unref);
  picture = read_picture ();
  g_assert_nonnull (picture);
}

void
pd_fault_begin (const char *line)
{
  g_autofree char *shared = g_build_filename (g_get_user_cache_dir (), "parallel-diffusion", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_auto (PdFaultEnd) end = { 0 };
  g_autofree char *whole = g_strconcat (line, " --output @/picture.png", NULL), *path = NULL;

  top = g_dir_make_tmp ("pd-fault-XXXXXX", &error);
  g_assert_no_error (error);
  folder = make_folder ("output");
  temporary = make_folder ("temporary");
  notes = make_folder ("notes");
  cache = make_folder ("cache");
  input = g_build_filename (notes, "input.png", NULL);
  if (strstr (line, "@input") != NULL)
    {
      g_autofree char *made = g_build_filename (folder, "picture.png", NULL);

      arguments = g_strsplit (plain_line, " ", -1);
      warm_up ();
      g_assert_cmpint (g_rename (made, input), ==, 0);
      g_clear_pointer (&arguments, g_strfreev);
    }
  arguments = g_strsplit (whole, " ", -1);
  warm_up ();
  run_tool ("cp", "-r", shared, cache);

  process = pd_fault_start (&(PdFault){ 0 });
  g_subprocess_wait (process, NULL, &error);
  g_assert_no_error (error);
  path = g_build_filename (folder, "counts", NULL);
  g_file_get_contents (path, &counts, NULL, &error);
  g_assert_no_error (error);
  pd_fault_wait (process, &end);
  g_assert_true (end.exited && end.status == 0);
  g_assert_null (pd_fault_judge (&end));
}

void
pd_fault_finish (void)
{
  run_tool ("rm", "-r", "-f", top);
  g_strfreev (arguments);
  g_clear_pointer (&picture, g_bytes_unref);
  g_free (counts);
  g_free (folder);
  g_free (temporary);
  g_free (notes);
  g_free (cache);
  g_free (input);
  g_free (top);
}
