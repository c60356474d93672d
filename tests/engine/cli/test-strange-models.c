// SPDX-License-Identifier: GPL-3.0-or-later
/* What may lie in a folder of models, seen from outside: whatever it is, the program (PD_PROGRAM)
 * lists it, serves, and makes pictures. */
#include "tests/fixtures/model-fixture.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Much more than is needed, much less than for ever. */
static const char *const patience = "120";

/* Runs the program in @home with @arguments, which spaces separate, and @input. Returns: (transfer
 * full) what it printed. */
static char *
run (const char *home, const char *arguments, const char *input)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *line =
      g_strdup_printf ("timeout %s %s %s", patience, g_getenv ("PD_PROGRAM"), arguments);
  g_auto (GStrv) argv = g_strsplit (line, " ", -1);
  char *said = NULL;

  g_subprocess_launcher_setenv (launcher, "XDG_DATA_HOME", home, TRUE);
  g_subprocess_launcher_set_cwd (launcher, home);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate_utf8 (process, input, NULL, &said, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, 0);
  return said;
}

/* Folders that link to themselves, pipes, devices, large headers of names of one hash, a LoRA, a
 * folder whose name is no UTF-8. */
static void
fill (const char *home)
{
  g_autofree char *models = g_build_filename (home, "parallel-diffusion", "models", NULL);
  g_autofree char *circle = g_build_filename (models, "sub", "circle", NULL);
  g_autofree char *other = g_build_filename (models, "sub", "other", NULL);
  g_autofree char *pipe = g_build_filename (models, "pipe.safetensors", NULL);
  g_autofree char *config = g_build_filename (models, "piped", "unet", "config.json", NULL);
  g_autofree char *device = g_build_filename (models, "zero.safetensors", NULL);
  g_autoptr (GString) large = g_string_new ("{\"__metadata__\":{");
  PdFixtureHeader lora;

  g_free (pd_fixture_write (models, "bad\377name/model_index.json", "{}", -1));
  g_free (pd_fixture_write (models, "sub/deep/inner.safetensors", "<html>", -1));
  g_free (pd_fixture_write (models, "piped/model_index.json", "{}", -1));
  g_free (pd_fixture_write (models, "piped/unet/x", "", 0));
  g_assert_cmpint (symlink (".", circle), ==, 0);
  g_assert_cmpint (symlink ("..", other), ==, 0);
  g_assert_cmpint (symlink ("/dev/zero", device), ==, 0);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_cmpint (mkfifo (config, 0600), ==, 0);
  pd_fixture_header_init (&lora);
  pd_fixture_header_add (&lora, "lora_unet_mid_block.lora_up.weight", "4,4");
  g_free (pd_fixture_header_write (&lora, models, "a-style.safetensors"));
  for (guint i = 0; i < 100000; i++)
    g_string_append_printf (large, "%s\"%c%c%u\":[]", i > 0 ? "," : "", i % 2 != 0 ? 'a' : 'b',
                            i % 2 != 0 ? 'B' : '!', i / 2);
  g_string_append (large, "}}");
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *name = g_strdup_printf ("large%u.safetensors", i);
      g_free (pd_fixture_write_safetensors (models, name, large->str, 0, NULL, 0));
    }
}

static void
test_models (void)
{
  char *home = pd_fixture_folder ();
  fill (home);
  g_autofree char *text = run (home, "models --json", NULL);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonNode) node = json_from_string (lines[i], &error);
      g_assert_no_error (error);
      g_assert_true (g_utf8_validate (lines[i], -1, NULL));
      g_hash_table_add (
          names, g_strdup (json_object_get_string_member (json_node_get_object (node), "name")));
    }
  g_assert_true (g_hash_table_contains (names, "default"));
  g_assert_true (g_hash_table_contains (names, "bad\\xffname"));
  g_assert_true (g_hash_table_contains (names, "sub/deep/inner"));
  g_assert_true (g_hash_table_contains (names, "large39"));
  g_assert_false (g_hash_table_contains (names, "a-style"));
  g_assert_false (g_hash_table_contains (names, "pipe"));
  g_assert_false (g_hash_table_contains (names, "zero"));
  g_assert_false (g_hash_table_contains (names, "sub/circle/deep/inner"));
  pd_fixture_remove (home);
}

static char *
message (guint id)
{
  g_autofree char *body = g_strdup_printf (
      "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"initialize\",\"params\":{}}", id);
  return g_strdup_printf ("Content-Length: %zu\r\n\r\n%s", strlen (body), body);
}

static guint
count (const char *text, const char *word)
{
  guint n = 0;
  for (const char *at = text; (at = strstr (at, word)) != NULL; at += strlen (word))
    n++;
  return n;
}

/* What the service in @home answers to @n calls of initialize at once. */
static char *
initialize (const char *home, guint n)
{
  g_autoptr (GString) input = g_string_new (NULL);
  g_autoptr (GString) answers = g_string_new (NULL);
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  g_subprocess_launcher_setenv (launcher, "XDG_DATA_HOME", home, TRUE);
  g_autoptr (GSubprocess) process = g_subprocess_launcher_spawn (
      launcher, &error, "timeout", patience, g_getenv ("PD_PROGRAM"), "serve", NULL);
  g_assert_no_error (error);
  GOutputStream *to = g_subprocess_get_stdin_pipe (process);
  GInputStream *from = g_subprocess_get_stdout_pipe (process);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = message (i);
      g_string_append (input, text);
    }
  g_assert_true (g_output_stream_write_all (to, input->str, input->len, NULL, NULL, NULL));
  while (count (answers->str, "\"jsonrpc\"") < n)
    {
      char bytes[4096];
      gssize length = g_input_stream_read (from, bytes, sizeof bytes, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (length, >, 0);
      g_string_append_len (answers, bytes, length);
    }
  g_output_stream_close (to, NULL, NULL);
  g_assert_true (g_subprocess_wait (process, NULL, NULL));
  return g_string_free (g_steal_pointer (&answers), FALSE);
}

static void
test_initialize (void)
{
  char *home = pd_fixture_folder ();
  fill (home);
  g_autofree char *answer = initialize (home, 1);
  g_assert_nonnull (strstr (answer, "bad\\\\xffname"));
  g_assert_nonnull (strstr (answer, "\"large39\""));
  g_assert_nonnull (strstr (answer, "\"native\"")); /* the embedded model was opened */
  g_assert_null (strstr (answer, "\"a-style\""));
  pd_fixture_remove (home);
}

/* Of many calls at once, most are refused. */
static void
test_queue (void)
{
  char *home = pd_fixture_folder ();
  g_autofree char *answers = initialize (home, 60);
  g_assert_cmpuint (count (answers, "\"models\""), >=, 1);
  g_assert_cmpuint (count (answers, "\"error\""), >=, 30);
  pd_fixture_remove (home);
}

/* What else lies in a model's folder does not matter to a run that could go on from a journal. */
static void
test_resume (void)
{
  g_autofree char *golden = pd_fixture_shared ("goldens/models/sd1");
  static const char *const parts[] = { "model_index.json", "scheduler", "text_encoder",
                                       "tokenizer",        "unet",      "vae" };
  if (golden == NULL)
    return;
  char *home = pd_fixture_folder ();
  g_autofree char *models = g_build_filename (home, "parallel-diffusion", "models", "m", NULL);
  g_assert_cmpint (g_mkdir_with_parents (models, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *from = g_build_filename (golden, parts[i], NULL);
      g_autofree char *to = g_build_filename (models, parts[i], NULL);
      g_assert_cmpint (symlink (from, to), ==, 0);
    }
  for (char name[] = "a"; *name < 'e'; ++*name)
    {
      g_autofree char *link = g_build_filename (models, name, NULL);
      g_assert_cmpint (symlink (".", link), ==, 0);
    }
  g_autofree char *said =
      run (home,
           "generate --model m --prompt moss --size 64x64 --steps 1 --guidance 1 "
           "--kernels general --resume --output out.png",
           NULL);
  g_autofree char *out = g_build_filename (home, "out.png", NULL);
  g_assert_true (g_file_test (out, G_FILE_TEST_IS_REGULAR));
  pd_fixture_remove (home);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/strange-models/models", test_models);
  g_test_add_func ("/strange-models/initialize", test_initialize);
  g_test_add_func ("/strange-models/queue", test_queue);
  g_test_add_func ("/strange-models/resume", test_resume);
  return g_test_run ();
}
