// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/call.h"
#include "tests/gimp/picture.h"
#include "tests/gimp/tap.h"

#include <glib/gstdio.h>
#include <libgimp/gimp.h>
#include <string.h>

enum
{
  N_KILLS = 20,
  PATIENCE = 2, /* seconds until an engine without a plug-in has to be gone */
};

static const GeglRectangle extent = { 0, 0, 64, 64 };

/* Kills a process with SIGKILL once PID_FILE is there and `delay` seconds have passed.
 * which: 1 for the engine, 2 for the plug-in */
static void
kill_later (guint which, double delay)
{
  char seconds[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *field = g_strdup_printf ("%u", which);
  const char *const script =
      "while [ ! -e \"$1\" ]; do sleep 0.02; done; read a b <\"$1\"; sleep $2; "
      "if [ $3 = 1 ]; then kill -9 $a; else kill -9 $b; fi";
  const char *arguments[] = {
    "sh", "-c", script, "-", g_getenv ("PID_FILE"), seconds, field, NULL
  };
  g_autoptr (GError) error = NULL;

  g_ascii_formatd (seconds, sizeof seconds, "%.3f", delay);
  g_unlink (g_getenv ("PID_FILE"));
  if (!g_spawn_async (NULL, (char **) arguments, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, &error))
    g_error ("%s", error->message);
}

/* A zombie, whose parent has not asked for it, is gone. */
static gboolean
is_running (const char *pid)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "stat", NULL);
  g_autofree char *stat = NULL;
  const char *state;

  if (!g_file_get_contents (path, &stat, NULL, NULL))
    return FALSE;
  state = strrchr (stat, ')');
  return state && state[1] && state[2] != 'Z';
}

static guint
count_folders (void)
{
  g_autoptr (GDir) folder = g_dir_open (g_get_tmp_dir (), 0, NULL);
  const char *name;
  guint n = 0;

  while (folder && (name = g_dir_read_name (folder)))
    n += g_str_has_prefix (name, "parallel-diffusion");
  return n;
}

/* n_failed: counts one up if the call failed, which it must not unless may_fail.
 * shortest: seconds that calls took that were not killed */
static void
check_call (gint32 image, gint32 layer, gboolean may_fail, guint *n_failed, double *shortest)
{
  const gint64 start = g_get_monotonic_time ();
  g_autofree char *before = picture_describe (image);
  g_autofree char *message = NULL;
  g_autofree char *after = NULL;
  gint32 made = call (image, layer, "moss", "restyle", 0.7, quick, &message);
  const double seconds = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;

  if (made != -1)
    {
      gimp_image_remove_layer (image, made);
      *shortest = MIN (*shortest, seconds);
    }
  else if (!may_fail)
    tap_fail ("%s", message);
  else
    {
      tap_expect (strstr (message, "engine") != NULL, "the message says that the engine ended");
      *n_failed += 1;
    }
  after = picture_describe (image);
  tap_expect (strcmp (before, after) == 0, "the image is as it was");
}

static void
check_plug_in (gint32 image, gint32 layer, double delay)
{
  g_autofree char *before = picture_describe (image);
  g_autofree char *after = NULL;
  g_autofree char *text = NULL;
  g_auto (GStrv) pids = NULL;
  gboolean in_time = FALSE;
  gint64 killed;

  /* A call may be faster than those before it. */
  for (guint i = 0; i < 5 && !in_time; i++, delay /= 2)
    {
      g_autofree char *message = NULL;
      gint32 made;

      kill_later (2, delay);
      made = call (image, layer, "moss", "restyle", 0.7, quick, &message);
      in_time = made == -1;
      if (!in_time)
        gimp_image_remove_layer (image, made);
    }
  killed = g_get_monotonic_time ();
  tap_expect (in_time, "the plug-in was killed before it was done");
  if (!tap_expect (g_file_get_contents (g_getenv ("PID_FILE"), &text, NULL, NULL),
                   "there was an engine"))
    return;
  pids = g_strsplit (text, " ", 2);
  while ((is_running (pids[0]) || count_folders () > 0) &&
         g_get_monotonic_time () < killed + PATIENCE * G_USEC_PER_SEC)
    g_usleep (G_USEC_PER_SEC / 50);
  tap_expect (!is_running (pids[0]), "the engine is gone after 2 s");
  tap_expect (count_folders () == 0, "its temporary folder is gone after 2 s");
  after = picture_describe (image);
  tap_expect (strcmp (before, after) == 0, "the image is as it was");
}

void
check_killed (void)
{
  gint32 layer;
  gint32 image = picture_new (GIMP_RGB, GIMP_PRECISION_U8_GAMMA, TRUE, &extent, &layer);
  g_autoptr (GRand) random = g_rand_new_with_seed (20);
  guint n_failed = 0;
  double shortest = G_MAXDOUBLE;

  tap_begin ("killed: a call without a kill works");
  check_call (image, layer, FALSE, &n_failed, &shortest);
  check_call (image, layer, FALSE, &n_failed, &shortest);
  tap_end ();
  for (guint i = 0; i < N_KILLS; i++)
    {
      const double delay = g_rand_double_range (random, 0.0, shortest * 0.7);

      kill_later (1, delay);
      tap_begin ("killed: the engine %.2f s after its start", delay);
      check_call (image, layer, TRUE, &n_failed, &shortest);
      tap_end ();
    }
  tap_begin ("killed: most of the kills came in time");
  if (n_failed < N_KILLS / 2)
    tap_fail ("%u of %d", n_failed, N_KILLS);
  tap_end ();
  for (guint i = 0; i < 3; i++)
    {
      tap_begin ("killed: the plug-in");
      check_plug_in (image, layer, shortest * (i + 1) / 8);
      tap_end ();
    }
  tap_begin ("killed: the next call works");
  check_call (image, layer, FALSE, &n_failed, &shortest);
  tap_end ();
  gimp_image_delete (image);
}
