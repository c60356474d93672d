// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Each test confines a process of its own and prints what that can still do. */

typedef struct
{
  char *folder; /* holds inside/ and outside/, each with a file "text" */
} Fixture;

static char *
in (const Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->folder, name, NULL);
}

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  static const char *const folders[] = { "inside", "outside", "cache" };

  if (g_test_subprocess ())
    {
      fixture->folder = g_strdup (g_getenv ("PD_TEST_FOLDER"));
      return;
    }
  fixture->folder = g_dir_make_tmp ("pd-confine-XXXXXX", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = in (fixture, folders[i]);
      g_autofree char *file = g_build_filename (folder, "text", NULL);

      g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
      g_assert_true (g_file_set_contents (file, "here", -1, NULL));
    }
  g_autofree char *cache = in (fixture, "cache");
  g_setenv ("PD_TEST_FOLDER", fixture->folder, TRUE);
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  static const char *const names[] = {
    "inside/text",
    "inside/new",
    "inside",
    "outside/text",
    "outside/new",
    "outside",
    "cache/text",
    "cache/parallel-diffusion/new",
    "cache/parallel-diffusion",
    "cache/mesa_shader_cache",
    "cache",
  };

  if (!g_test_subprocess ())
    {
      for (guint i = 0; i < G_N_ELEMENTS (names); i++)
        {
          g_autofree char *path = in (fixture, names[i]);

          g_remove (path);
        }
      g_assert_cmpint (g_rmdir (fixture->folder), ==, 0);
    }
  g_free (fixture->folder);
}

static void
say (const char *what, int result)
{
  g_print ("%s %s;", what, result >= 0 ? "yes" : g_strerror (errno));
  if (result > STDERR_FILENO)
    close (result);
}

static void
try_files (const Fixture *fixture)
{
  static const char *const read[] = { "inside/text", "outside/text" };
  static const char *const write[] = { "inside/new", "outside/new",
                                       "cache/parallel-diffusion/new" };

  for (guint i = 0; i < G_N_ELEMENTS (read); i++)
    {
      g_autofree char *path = in (fixture, read[i]), *what = g_strconcat ("read ", read[i], NULL);

      say (what, open (path, O_RDONLY));
    }
  for (guint i = 0; i < G_N_ELEMENTS (write); i++)
    {
      g_autofree char *path = in (fixture, write[i]),
                      *what = g_strconcat ("write ", write[i], NULL);

      say (what, open (path, O_WRONLY | O_CREAT, 0600));
    }
}

static void
try_calls (void)
{
  say ("inet", socket (AF_INET, SOCK_STREAM, 0));
  say ("unix", socket (AF_UNIX, SOCK_STREAM, 0));
  say ("ptrace", (int) syscall (SYS_ptrace, 0, 0, 0, 0));
}

/* With its files. */
static int
remove_folder (const Fixture *fixture, const char *name)
{
  static const char *const files[] = { "text", "new" };
  g_autofree char *folder = in (fixture, name);

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *file = g_build_filename (folder, files[i], NULL);

      g_remove (file);
    }
  return g_rmdir (folder);
}

static gpointer
try_in_thread (gpointer user_data)
{
  try_files (user_data);
  return NULL;
}

/* What holds is for the kernel to say; where it can do less, there is nothing to test. */
static gboolean
kernel_can (void)
{
  return syscall (SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
}

static void
test_service (Fixture *fixture, gconstpointer user_data)
{
  if (g_test_subprocess ())
    {
      g_autofree char *inside = in (fixture, "inside"), *description = NULL;
      const char *const paths[] = { inside, "/nowhere/at/all", NULL };
      char true_program[] = "/bin/true";
      char *const program[] = { true_program, NULL };

      pd_confine (&(PdConfineOptions){ .readable = paths, .writable = paths });
      g_thread_join (g_thread_new ("confined", try_in_thread, fixture));
      try_calls ();
      say ("remove inside", remove_folder (fixture, "inside"));
      say ("program", execv (*program, program));
      description = pd_confine_describe ();
      g_print ("%s\n", description);
      return;
    }
  if (!kernel_can ())
    {
      g_test_skip ("the kernel has no Landlock");
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout ("*read inside/text yes;read outside/text Permission denied;"
                             "write inside/new yes;write outside/new Permission denied;"
                             "write cache/parallel-diffusion/new yes;"
                             "inet Permission denied;unix Permission denied;"
                             "ptrace Permission denied;remove inside yes;program Permission denied;"
                             "confined: reads models*");
}

static void
test_verb (Fixture *fixture, gconstpointer user_data)
{
  if (g_test_subprocess ())
    {
      g_autofree char *inside = in (fixture, "inside");
      const char *const paths[] = { inside, NULL };

      pd_confine (&(PdConfineOptions){ .writable = paths });
      try_files (fixture);
      try_calls ();
      return;
    }
  if (!kernel_can ())
    {
      g_test_skip ("the kernel has no Landlock");
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout ("*read inside/text yes;read outside/text yes;"
                             "write inside/new yes;write outside/new Permission denied;"
                             "write cache/parallel-diffusion/new yes;"
                             "inet Permission denied;unix yes;ptrace Permission denied;*");
}

static void
test_off (Fixture *fixture, gconstpointer user_data)
{
  if (g_test_subprocess ())
    {
      const char *const none[] = { NULL };
      g_autofree char *description = NULL;

      g_setenv ("PD_CONFINE", "no", TRUE);
      pd_confine (&(PdConfineOptions){ .readable = none, .writable = none });
      try_files (fixture);
      description = pd_confine_describe ();
      g_print ("%s\n", description);
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout (
      "*read outside/text yes;*write outside/new yes;*not confined: PD_CONFINE*");
}

int
main (int argc, char **argv)
{
  g_unsetenv ("PD_CONFINE");
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/confine/service", Fixture, NULL, set_up, test_service, tear_down);
  g_test_add ("/confine/verb", Fixture, NULL, set_up, test_verb, tear_down);
  g_test_add ("/confine/off", Fixture, NULL, set_up, test_off, tear_down);
  return g_test_run ();
}
