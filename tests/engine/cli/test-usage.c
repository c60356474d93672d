// SPDX-License-Identifier: GPL-3.0-or-later
/* Command lines that make no picture: what is refused and how, help, versions. PD_PROGRAM is the
 * program's path. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

static char *folder;

typedef struct
{
  int status;
  char *out;
  char *err;
} Result;

static void
result_clear (Result *result)
{
  g_free (result->out);
  g_free (result->err);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Result, result_clear)

static char *
text_of (GBytes *bytes)
{
  const char *data = g_bytes_get_data (bytes, NULL);

  return data ? g_strndup (data, g_bytes_get_size (bytes)) : g_strdup ("");
}

/* line: words with a space between them. last: one more, or NULL. */
static Result
run (const char *locale, const char *line, const char *last)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GBytes) out = NULL, err = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *shown = NULL, *valid = NULL;
  Result result;

  g_ptr_array_add (argv, (char *) g_getenv ("PD_PROGRAM"));
  for (guint i = 0; words[i]; i++)
    g_ptr_array_add (argv, words[i]);
  if (last)
    g_ptr_array_add (argv, (char *) last);
  g_ptr_array_add (argv, NULL);
  g_subprocess_launcher_set_cwd (launcher, folder);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", locale, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);
  g_subprocess_communicate (process, NULL, NULL, &out, &err, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  result.status = g_subprocess_get_exit_status (process);
  result.out = text_of (out);
  result.err = text_of (err);
  shown = g_strdup_printf ("%s %s: exit %d\n%s%s", line, last ? last : "", result.status,
                           result.out, result.err);
  valid = g_utf8_make_valid (shown, -1);
  g_test_message ("%s", valid);
  return result;
}

/* Status 2, one line that says why, and one that leads to the help. */
static void
check_usage (const char *verb, const char *line, const char *last, const char *message)
{
  g_auto (Result) result = run ("C", line, last);
  g_autofree char *try = g_strdup_printf ("\nTry “parallel-diffusion %s --help”.\n", verb);

  g_assert_cmpint (result.status, ==, 2);
  g_assert_nonnull (strstr (result.err, message));
  g_assert_true (g_str_has_suffix (result.err, try));
  g_assert_cmpstr (result.out, ==, "");
}

/* What could be a value, but fails. */
static void
check_failure (const char *line, const char *last, const char *message)
{
  g_auto (Result) result = run ("C", line, last);

  g_assert_cmpint (result.status, ==, 1);
  g_assert_nonnull (strstr (result.err, message));
}

static void
test_values (void)
{
  static const char *const verbs[] = { "generate --output o.png",
                                       "restyle --output o.png --input i.png",
                                       "inpaint --output o.png --input i.png --mask i.png",
                                       "upscale --output o.png --input i.png" };
  static const char *const values[][3] = {
    { "--steps", "0", "from 1 to 1000" },
    { "--seed", "-2", "from -1 to 18446744073709551615" },
    { "--seed", "18446744073709551616", "from -1 to 18446744073709551615" },
    { "--guidance", "nan", "from 0 to 100" },
    { "--solver", "magic", "one of auto, ddim" },
    { "--tile", "-1", "from 0 to 65536" },
    { "--overlap", "x", "from -1 to 65535" },
    { "--memory", "lots", "512M or 2G" },
    { "--memory", "2 gallons", "512M or 2G" },
    { "--depth", "12", "one of 8, 16" },
    { "--prompt", "moss \xff\xfe", "UTF-8" },
    { "--region", "moss", "colon" },
    { "--preview", "p.jpg", "must end in .png" },
  };

  for (guint v = 0; v < G_N_ELEMENTS (verbs); v++)
    for (guint i = 0; i < G_N_ELEMENTS (values); i++)
      {
        g_auto (GStrv) words = g_strsplit (verbs[v], " ", 2);
        g_autofree char *line = g_strdup_printf ("%s %s", verbs[v], values[i][0]);

        /* The region's place in a picture is known when that has been read. */
        if (g_str_equal (values[i][0], "--region") && v > 0)
          continue;
        check_usage (words[0], line, values[i][1], values[i][2]);
      }
  check_usage ("generate", "generate --output o.png --size", "512", "WIDTHxHEIGHT");
  check_usage ("generate", "generate --output o.png --size", "0x512", "from 1 to 65536");
  check_usage ("generate", "generate --output o.png --region", "500,0,100,10:a", "beyond");
  check_usage ("generate", "generate --output", "o.jpg", "must end in .png");
  check_usage ("upscale", "upscale --output o.png --input i.png --scale", "3", "one of 2, 4, 8");
  check_usage ("bench", "bench --runs", "0", "from 1 to 100");
  check_usage ("bench", "bench --size", "0x8", "from 1 to 65536");
  check_usage ("verify", "verify --precision f64", "x", "one of auto, f32, f16");
  check_failure ("generate --output o.png --model", "absent-model", "absent-model");
  check_failure ("generate --output o.png --from", "absent.png", "absent.png");
  check_failure ("restyle --output o.png --input", "absent.png", "absent.png");
  check_failure ("generate --output", "absent/o.png", "create it first");
}

static void
test_options (void)
{
  static const char *const verbs[] = { "generate", "restyle", "inpaint", "upscale", "models",
                                       "devices",  "verify",  "bench",   "serve" };

  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *asked = g_strdup_printf ("help %s", verbs[i]);
      g_auto (Result) help = run ("C", verbs[i], "--help");
      g_auto (Result) same = run ("C", asked, NULL);
      g_auto (Result) version = run ("C", verbs[i], "--version");
      g_auto (Result) all = run ("C", "--version", NULL);

      check_usage (verbs[i], verbs[i], "--colour", "--colour");
      g_assert_cmpint (help.status, ==, 0);
      g_assert_nonnull (strstr (help.out, "--version"));
      g_assert_cmpstr (same.out, ==, help.out);
      g_assert_cmpint (version.status, ==, 0);
      g_assert_cmpstr (version.out, ==, all.out);
    }
  check_usage ("generate", "generate", "--Steps", "did you mean --steps?");
  check_usage ("restyle", "restyle", "--strenght", "did you mean --strength?");
  check_usage ("verify", "verify", NULL, "folder");
}

/* What serve answers is told on standard error, if it is asked for. */
static void
test_wire (void)
{
  static const char *const scripts[] = {
    "echo nonsense | PD_DEBUG=wire \"$PD_PROGRAM\" serve 2>&1 >/dev/null",
    "echo nonsense | \"$PD_PROGRAM\" serve 2>&1 >/dev/null",
  };

  for (guint i = 0; i < G_N_ELEMENTS (scripts); i++)
    {
      const char *const argv[] = { "sh", "-c", scripts[i], NULL };
      g_autofree char *out = NULL;
      g_autoptr (GError) error = NULL;

      g_spawn_sync (folder, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, NULL,
                    &error);
      g_assert_no_error (error);
      g_assert_true ((strstr (out, "[wire] to the client: ") != NULL) == (i == 0));
    }
}

static void
test_help (void)
{
  g_auto (Result) help = run ("C", "help", NULL);
  g_auto (Result) same = run ("C", "--help", NULL);
  g_auto (Result) unknown = run ("C", "help", "paint");

  g_assert_cmpint (help.status, ==, 0);
  g_assert_cmpstr (help.out, ==, same.out);
  g_assert_nonnull (strstr (help.out, "  help  "));
  g_assert_nonnull (strstr (help.out, "\n  PD_DEBUG\n      "));
  g_assert_cmpint (unknown.status, ==, 2);
  g_assert_nonnull (strstr (unknown.err, "no verb “paint”"));
}

/* With --json, what was wrong is an event too. */
static void
test_json (void)
{
  g_auto (Result) result = run ("C", "generate --json --output o.png --steps", "0");

  g_assert_cmpint (result.status, ==, 2);
  g_assert_nonnull (strstr (result.out, "\"event\":\"error\""));
  g_assert_nonnull (strstr (result.out, "from 1 to 1000"));
}

/* Names of files are bytes in every locale; they are told in a readable form. */
static void
test_names (void)
{
  static const char *const locales[] = { "C", "C.UTF-8" };
  static const char *const lines[] = { "restyle --output o.png --input",
                                       "generate --output o.png --from",
                                       "generate --output o.png --model" };

  for (guint i = 0; i < G_N_ELEMENTS (locales); i++)
    for (guint j = 0; j < G_N_ELEMENTS (lines); j++)
      {
        g_auto (Result) result = run (locales[i], lines[j], "absent\377\376.png");

        g_assert_cmpint (result.status, ==, 1);
        g_assert_nonnull (strstr (result.err, "absent"));
        g_assert_true (g_utf8_validate (result.err, -1, NULL));
        g_assert_null (strstr (result.err, "valid UTF-8"));
      }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("pd-usage-XXXXXX", NULL);
  g_test_add_func ("/usage/values", test_values);
  g_test_add_func ("/usage/options", test_options);
  g_test_add_func ("/usage/help", test_help);
  g_test_add_func ("/usage/wire", test_wire);
  g_test_add_func ("/usage/json", test_json);
  g_test_add_func ("/usage/names", test_names);
  status = g_test_run ();
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_free (folder);
  return status;
}
