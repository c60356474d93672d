// SPDX-License-Identifier: GPL-3.0-or-later
/* The command line from outside: what it prints, writes and returns. PD_PROGRAM is its path. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>

/* Small, few, and with few kernels to compile, so that a picture takes moments on a processor. */
#define GENERAL "--kernels", "general"
#define QUICK "--size", "64x64", "--steps", "2", GENERAL

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
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static gboolean
exists (const char *name)
{
  g_autofree char *path = in_folder (name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* Everything in the test's folder goes. */
static void
empty_folder (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *path = in_folder (name);

      g_remove (path);
    }
}

static GSubprocess *
start (const char *const *arguments, const char *variable, const char *value)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_ptr_array_add (argv, (char *) g_getenv ("PD_PROGRAM"));
  for (guint i = 0; arguments[i]; i++)
    g_ptr_array_add (argv, (char *) arguments[i]);
  g_ptr_array_add (argv, NULL);
  g_subprocess_launcher_set_cwd (launcher, folder);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C", TRUE);
  if (variable)
    g_subprocess_launcher_setenv (launcher, variable, value, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);
  return process;
}

static char *
text_of (GBytes *bytes)
{
  const char *data = g_bytes_get_data (bytes, NULL);

  return data ? g_strndup (data, g_bytes_get_size (bytes)) : g_strdup ("");
}

static Result
finish (GSubprocess *process)
{
  g_autoptr (GBytes) out = NULL, err = NULL;
  g_autoptr (GError) error = NULL;
  Result result;

  g_subprocess_communicate (process, NULL, NULL, &out, &err, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  result.status = g_subprocess_get_exit_status (process);
  result.out = text_of (out);
  result.err = text_of (err);
  g_test_message ("exit %d, %s%s", result.status, result.out, result.err);
  return result;
}

static Result
run_with (const char *variable, const char *value, const char *const *arguments)
{
  g_autoptr (GSubprocess) process = start (arguments, variable, value);

  return finish (process);
}

#define run(...) run_with (NULL, NULL, (const char *const[]){ __VA_ARGS__, NULL })

/* One clear line and no file. */
static void
check_failure (Result result, int status, const char *message)
{
  g_auto (Result) mine = result;

  g_assert_cmpint (mine.status, ==, status);
  g_assert_nonnull (strstr (mine.err, message));
  g_assert_cmpstr (mine.out, ==, "");
  if (status == 1)
    g_assert_true (strchr (mine.err, '\n') == mine.err + strlen (mine.err) - 1);
  g_assert_false (exists ("out.png"));
}

static void
test_help (void)
{
  static const char *const verbs[] = { "generate", "restyle", "models", "devices" };
  g_auto (Result) global = run ("--help");

  g_assert_cmpint (global.status, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_auto (Result) help = run (verbs[i], "--help");

      g_assert_nonnull (strstr (global.out, verbs[i]));
      g_assert_cmpint (help.status, ==, 0);
      g_assert_nonnull (strstr (help.out, verbs[i]));
      g_assert_nonnull (strstr (help.out, "--json"));
      g_assert_cmpstr (help.err, ==, "");
    }
}

static void
test_version (void)
{
  g_auto (Result) result = run ("--version");

  g_assert_cmpint (result.status, ==, 0);
  g_assert_true (g_str_has_prefix (result.out, "parallel-diffusion 0."));
}

static void
test_usage (void)
{
  check_failure (run_with (NULL, NULL, (const char *const[]){ NULL }), 2, "Usage:");
  check_failure (run ("paint"), 2, "no verb “paint”");
  check_failure (run ("generate", "--colour", "red"), 2, "--colour");
  check_failure (run ("generate", "--strength", "0.5"), 2, "--strength");
  check_failure (run ("generate", "--output", "out.png", "moss"), 2, "moss");
  check_failure (run ("generate", "--output"), 2, "--output");
  check_failure (run ("generate", "--prompt", "moss"), 2, "--output FILE.png");
  check_failure (run ("restyle", "--output", "out.png"), 2, "--input FILE");
}

static void
test_bad_files (void)
{
  g_autofree char *text = in_folder ("text.png");
  g_autofree char *directory = in_folder ("directory.png");

  g_assert_true (g_file_set_contents (text, "no picture", -1, NULL));
  g_assert_cmpint (g_mkdir (directory, 0777), ==, 0);
  check_failure (run ("generate", "--output", "absent/out.png"), 1, "create it first");
  check_failure (run ("generate", "--output", "directory.png"), 1, "not a file");
  check_failure (run ("restyle", "--input", "absent.png", "--output", "out.png"), 1, "absent.png");
  check_failure (run ("restyle", "--input", "text.png", "--output", "out.png"), 1, "text.png");
  check_failure (run ("generate", "--from", "text.png", "--output", "out.png"), 1, "text.png");
  empty_folder ();
}

static void
test_no_driver (void)
{
  static const char *const arguments[] = { "generate", "--prompt", "moss", "--output",
                                           "out.png",  QUICK,      NULL };

  check_failure (run_with ("VK_DRIVER_FILES", "/absent.json", arguments), 1, "mesa-vulkan-drivers");
}

static void
test_models (void)
{
  g_auto (Result) result = run ("models", "--json");
  g_auto (GStrv) lines = g_strsplit (result.out, "\n", -1);
  g_autoptr (JsonNode) node = json_from_string (lines[0], NULL);
  g_autofree char *index = NULL;

  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpstr (json_object_get_string_member (json_node_get_object (node), "name"), ==,
                   "default");
  index = g_build_filename (json_object_get_string_member (json_node_get_object (node), "path"),
                            "model_index.json", NULL);
  g_assert_true (g_file_test (index, G_FILE_TEST_EXISTS));
}

static void
test_devices (void)
{
  g_auto (Result) result = run ("devices", "--json");
  g_auto (GStrv) lines = g_strsplit (result.out, "\n", -1);
  g_autoptr (JsonNode) node = json_from_string (lines[0], NULL);
  JsonObject *device = json_node_get_object (node);

  g_assert_cmpint (result.status, ==, 0);
  g_assert_cmpint (json_object_get_int_member (device, "index"), ==, 0);
  g_assert_cmpuint (strlen (json_object_get_string_member (device, "uuid")), ==, 32);
  g_assert_cmpint (json_object_get_int_member (device, "subgroup_size"), >, 0);
}

static void
check_size (const char *name, guint width, guint height)
{
  g_autofree char *path = in_folder (name);
  g_autofree guchar *bytes = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, (char **) &bytes, &length, NULL));
  g_assert_cmpuint (length, >, 24);
  g_assert_cmpmem (bytes + 12, 4, "IHDR", 4);
  g_assert_cmpuint (GUINT32_FROM_BE (*(guint32 *) (bytes + 16)), ==, width);
  g_assert_cmpuint (GUINT32_FROM_BE (*(guint32 *) (bytes + 20)), ==, height);
}

static gboolean
same_bytes (const char *first, const char *second)
{
  g_autofree char *first_path = in_folder (first);
  g_autofree char *second_path = in_folder (second);
  g_autofree char *first_bytes = NULL, *second_bytes = NULL;
  gsize first_length, second_length;

  g_assert_true (g_file_get_contents (first_path, &first_bytes, &first_length, NULL));
  g_assert_true (g_file_get_contents (second_path, &second_bytes, &second_length, NULL));
  return first_length == second_length && memcmp (first_bytes, second_bytes, first_length) == 0;
}

#define check_success(...)                                                                         \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_auto (Result) result_ = run (__VA_ARGS__);                                                   \
    g_assert_cmpint (result_.status, ==, 0);                                                       \
  }                                                                                                \
  G_STMT_END

/* --from repeats a run, to the byte, and options override; a picture can be restyled and repeated.
 */
static void
test_repeat (void)
{
  check_success ("generate", QUICK, "--prompt", "Grüße 苔", "--seed", "18446744073709551615",
                 "--output", "first.png");
  check_success ("generate", "--from", "first.png", "--output", "same.png");
  check_success ("generate", "--from", "first.png", "--seed", "8", "--output", "other.png");
  check_size ("first.png", 64, 64);
  g_assert_true (same_bytes ("first.png", "same.png"));
  g_assert_false (same_bytes ("first.png", "other.png"));
  check_failure (
      run ("restyle", "--from", "first.png", "--input", "first.png", "--output", "out.png"), 1,
      "made by “generate”");

  check_success ("restyle", "--input", "first.png", "--prompt", "moss", "--strength", "0.6",
                 "--steps", "4", "--seed", "3", GENERAL, "--output", "restyled.png");
  check_size ("restyled.png", 64, 64);
  check_success ("restyle", "--from", "restyled.png", "--input", "first.png", "--size", "72x40",
                 "--output", "resized.png");
  check_size ("resized.png", 72, 40);
  empty_folder ();
}

/* An odd size is made larger and cropped; an empty prompt is a prompt; a random seed is kept. With
 * the kernels that are chosen by themselves. */
static void
test_json_run (void)
{
  g_auto (Result) result = run ("generate", "--json", "--size", "50x41", "--steps", "2", "--depth",
                                "16", "--output", "out.png");
  g_auto (GStrv) lines = g_strsplit (g_strchomp (result.out), "\n", -1);
  guint n_lines = g_strv_length (lines);
  g_autoptr (JsonNode) node = NULL;
  JsonObject *report;
  double fraction = 0.0;
  guint n_progress = 0;

  g_assert_cmpint (result.status, ==, 0);
  g_assert_nonnull (strstr (result.err, "cropped to 50 × 41"));
  check_size ("out.png", 50, 41);
  for (guint i = 0; i + 1 < n_lines; i++)
    {
      g_autoptr (JsonNode) line = json_from_string (lines[i], NULL);
      JsonObject *event = json_node_get_object (line);

      if (!g_str_equal (json_object_get_string_member (event, "event"), "progress"))
        continue;
      n_progress++;
      g_assert_cmpfloat (json_object_get_double_member (event, "fraction"), >=, fraction);
      fraction = json_object_get_double_member (event, "fraction");
    }
  g_assert_cmpuint (n_progress, >=, 4);
  node = json_from_string (lines[n_lines - 1], NULL);
  report = json_node_get_object (node);
  g_assert_cmpstr (json_object_get_string_member (report, "event"), ==, "report");
  g_assert_cmpint (json_object_get_int_member (report, "width"), ==, 50);
  g_assert_cmpint (json_object_get_int_member (report, "full_width") % 8, ==, 0);
  g_assert_cmpint (json_object_get_int_member (report, "seed"), >=, 0);
  g_assert_cmpint (json_object_get_int_member (report, "forwards"), ==, 4);
  g_assert_cmpint (json_object_get_int_member (report, "peak_device_bytes"), >, 0);
  empty_folder ();
}

/* Reads what a run prints until @pattern is in it. */
static void
wait_for_output (GSubprocess *process, const char *pattern)
{
  GInputStream *out = g_subprocess_get_stdout_pipe (process);
  g_autoptr (GString) seen = g_string_new (NULL);

  while (!g_regex_match_simple (pattern, seen->str, 0, 0))
    {
      char buffer[4096];
      gssize length = g_input_stream_read (out, buffer, sizeof buffer, NULL, NULL);

      g_assert_cmpint (length, >, 0);
      g_string_append_len (seen, buffer, length);
    }
}

/* A signal soon stops a run, on one device or two, whatever it is at, and leaves nothing behind. */
static void
test_cancel (void)
{
  static const char *const phases[] = { "load",   "text", "kernels", "denoise",
                                        "decode", "load", "denoise", "decode" };

  for (guint i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      const char *steps = g_str_equal (phases[i], "decode") ? "--steps=1" : "--steps=500";
      const char *kernels = i == 2 ? "--kernels=auto" : "--kernels=general";
      const char *device = i < 5 ? "--device=0" : "--device=0,0";
      const char *const arguments[] = { "generate", "--json", "--size=128x128", "--tile=64",
                                        device,     steps,    kernels,          "--output=out.png",
                                        NULL };
      g_autoptr (GSubprocess) process = start (arguments, NULL, NULL);
      g_autofree char *pattern = g_strdup_printf ("\"phase\":\"%s\"", phases[i]);

      wait_for_output (process, pattern);
      g_subprocess_send_signal (process, i & 1 ? SIGINT : SIGTERM);
      g_auto (Result) result = finish (process);
      g_assert_cmpint (result.status, ==, 1);
      g_assert_true (g_regex_match_simple ("\"event\":\"error\".*cancelled", result.out, 0, 0));
      g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
      g_assert_null (g_dir_read_name (dir));
    }
}

/* A region is checked before the work, and --from repeats it. */
static void
test_regions (void)
{
  check_failure (run ("generate", "--output", "out.png", "--region", "500,0,100,10:moss"), 2,
                 "beyond the picture, which has 512 × 512 pixels");
  check_failure (run ("generate", "--output", "out.png", "--region", "moss"), 2, "no colon");
  check_failure (run ("generate", "--output", "out.png", "--region", "mask=absent.png:moss"), 1,
                 "absent.png");
  check_success ("generate", QUICK, "--seed", "7", "--region", "0,0,32,64:moss", "--region",
                 "32,0,32,64:brick", "--output", "first.png");
  check_success ("generate", "--from", "first.png", "--output", "same.png");
  check_success ("generate", "--from", "first.png", "--region", "0,0,32,64:moss", "--output",
                 "other.png");
  g_assert_true (same_bytes ("first.png", "same.png"));
  g_assert_false (same_bytes ("first.png", "other.png"));
  empty_folder ();
}

/* A preview is a small picture, and the result is the same with it. */
static void
test_preview (void)
{
  check_failure (run ("generate", "--output", "out.png", "--preview", "absent/preview.png"), 1,
                 "create it first");
  check_success ("generate", "--seed", "7", QUICK, "--output", "first.png");
  check_success ("generate", "--seed", "7", QUICK, "--preview", "preview.png", "--preview-every",
                 "1", "--output", "same.png");
  check_size ("preview.png", 64, 64);
  g_assert_true (same_bytes ("first.png", "same.png"));
  empty_folder ();
}

/* Several tiles, and fresh noise in every step. */
#define LONG                                                                                       \
  "generate", GENERAL, "--size", "96x96", "--tile", "64", "--steps", "8", "--solver", "euler_a"

/* Starts a run and sends it @signal when it has taken three steps. */
static Result
run_and_stop (int signal, const char *const *arguments)
{
  g_autoptr (GSubprocess) process = start (arguments, "PD_JOURNAL_SECONDS", "0");
  Result result = { 0 };

  wait_for_output (process, "\"denoise\".*\"step\":3");
  g_subprocess_send_signal (process, signal);
  if (signal == SIGINT)
    return finish (process);
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
  return result;
}

/* Adds the journals there are to @known. Returns: (transfer full) the only one that was not known;
 * NULL: none. */
static char *
find_journal (GHashTable *known)
{
  g_autofree char *journals =
      g_build_filename (g_get_user_cache_dir (), "parallel-diffusion", "journals", NULL);
  g_autoptr (GDir) dir = g_dir_open (journals, 0, NULL);
  char *found = NULL;
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    if (g_str_has_suffix (name, ".journal") && g_hash_table_add (known, g_strdup (name)))
      {
        g_assert_null (found);
        found = g_build_filename (journals, name, NULL);
      }
  return found;
}

static void
damage (const char *path)
{
  g_autofree char *bytes = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  bytes[length / 2] ^= 1;
  g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));
}

/* vae.safetensors and its config.json, those of the embedded model, in the test's folder. */
static void
copy_vae (void)
{
  static const char *const files[][2] = {
    { "config.json", "config.json" }, { "diffusion_pytorch_model.safetensors", "vae.safetensors" }
  };
  g_autofree char *program_folder = g_path_get_dirname (g_getenv ("PD_PROGRAM"));

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *from =
          g_build_filename (program_folder, "models", "default", "vae", files[i][0], NULL);
      g_autofree char *to = in_folder (files[i][1]), *bytes = NULL;
      gsize length;

      g_assert_true (g_file_get_contents (from, &bytes, &length, NULL));
      g_assert_true (g_file_set_contents (to, bytes, (gssize) length, NULL));
    }
}

/* The run of which there is a journal, with another file for a part of the model, begins anew. */
static void
check_other_vae (void)
{
  static const char *const arguments[] = { LONG,       "--seed",  "5",
                                           "--resume", "--vae",   "vae.safetensors",
                                           "--output", "out.png", NULL };
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GString) seen = g_string_new (NULL);

  copy_vae ();
  process = start (arguments, NULL, NULL);
  while (!strstr (seen->str, "started anew"))
    {
      char buffer[4096];
      gssize length = g_input_stream_read (g_subprocess_get_stderr_pipe (process), buffer,
                                           sizeof buffer, NULL, NULL);

      g_assert_cmpint (length, >, 0);
      g_string_append_len (seen, buffer, length);
    }
  g_subprocess_force_exit (process);
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
}

/* A run that was killed goes on to the same bytes, one without seed with the seed it had; with
 * another file for a part of the model it is another run; a damaged journal is refused, none is no
 * failure, and none is left in the end. */
static void
test_resume (void)
{
  static const char *const killed[] = {
    LONG, "--seed", "5", "--json", "--output", "same.png", NULL
  };
  static const char *const stopped[] = { LONG, "--json", "--output", "out.png", NULL };
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *journal = NULL;
  g_auto (Result) kill = { 0 }, stop = { 0 }, resumed = { 0 }, anew = { 0 };

  check_success (LONG, "--seed", "5", "--output", "first.png");
  kill = run_and_stop (SIGKILL, killed);
  g_assert_false (exists ("same.png"));
  journal = find_journal (known);
  g_assert_nonnull (journal);
  check_other_vae ();
  resumed = run (LONG, "--seed", "5", "--resume", "--output", "same.png");
  g_assert_cmpint (resumed.status, ==, 0);
  g_assert_null (strstr (resumed.err, "started anew"));
  g_assert_true (same_bytes ("first.png", "same.png"));
  g_assert_false (g_file_test (journal, G_FILE_TEST_EXISTS));
  g_free (journal);

  stop = run_and_stop (SIGINT, stopped);
  g_assert_cmpint (stop.status, ==, 1);
  g_assert_nonnull (strstr (stop.err, "--resume"));
  journal = find_journal (known);
  g_assert_nonnull (journal);
  damage (journal);
  check_failure (run (LONG, "--resume", "--output", "out.png"), 1, "damaged");
  damage (journal);
  check_success (LONG, "--resume", "--output", "resumed.png");
  g_assert_false (g_file_test (journal, G_FILE_TEST_EXISTS));
  check_success ("generate", "--from", "resumed.png", "--output", "repeated.png");
  g_assert_true (same_bytes ("resumed.png", "repeated.png"));
  anew = run (LONG, "--seed", "5", "--resume", "--output", "anew.png");
  g_assert_cmpint (anew.status, ==, 0);
  g_assert_nonnull (strstr (anew.err, "started anew"));
  g_assert_true (same_bytes ("first.png", "anew.png"));
  empty_folder ();
}

/* A cache in @parent that is this program's alone, so that no other test's journals are in it, but
 * for the compiled shaders, which take long to make. Returns: its path. */
static char *
own_cache (const char *parent)
{
  const char *shared = g_getenv ("XDG_CACHE_HOME");
  char *own = g_build_filename (parent, "cache", NULL);
  g_autofree char *to = g_build_filename (own, "parallel-diffusion", NULL);
  g_autofree char *from = g_build_filename (shared ? shared : "", "parallel-diffusion", NULL);
  g_autoptr (GDir) dir = g_dir_open (from, 0, NULL);
  const char *name;

  g_assert_cmpint (g_mkdir_with_parents (to, 0700), ==, 0);
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *target = g_build_filename (from, name, NULL);
      g_autofree char *link = g_build_filename (to, name, NULL);

      if (!g_str_equal (name, "journals"))
        g_assert_cmpint (symlink (target, link), ==, 0);
    }
  g_setenv ("XDG_CACHE_HOME", own, TRUE);
  return own;
}

int
main (int argc, char **argv)
{
  g_autofree char *base = g_dir_make_tmp ("pd-cli-XXXXXX", NULL);
  g_autofree char *cache = own_cache (base);
  const char *remove[] = { "rm", "-r", base, NULL };
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_build_filename (base, "work", NULL);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_test_add_func ("/cli/help", test_help);
  g_test_add_func ("/cli/version", test_version);
  g_test_add_func ("/cli/usage", test_usage);
  g_test_add_func ("/cli/bad-files", test_bad_files);
  g_test_add_func ("/cli/no-driver", test_no_driver);
  g_test_add_func ("/cli/models", test_models);
  g_test_add_func ("/cli/devices", test_devices);
  g_test_add_func ("/cli/repeat", test_repeat);
  g_test_add_func ("/cli/json-run", test_json_run);
  g_test_add_func ("/cli/cancel", test_cancel);
  g_test_add_func ("/cli/regions", test_regions);
  g_test_add_func ("/cli/preview", test_preview);
  g_test_add_func ("/cli/resume", test_resume);
  status = g_test_run ();
  g_spawn_sync (NULL, (char **) remove, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                NULL);
  g_free (folder);
  return status;
}
