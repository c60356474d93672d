// SPDX-License-Identifier: GPL-3.0-or-later
/* What comes from files, names and options of strangers, as the program shows it: one line, valid
 * UTF-8, nothing that moves a cursor or turns the direction of writing. PD_PROGRAM is its path. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "engine/pictures/png-file.h"
#include "tests/fixtures/model-fixture.h"

/* In JSON and as bytes. */
#define JSON_STRANGE "\\u001b[31m\\u0007\\n\\u007f\\u009b2J\\u202ex\\u2066y"
#define STRANGE "\033[31m\a\177\xc2\x9b\xe2\x80\xae\xe2\x81\xa6"
#define NO_UTF8 "\xff\xfe"

static char *folder;

/* But for the line ends of its own. */
static void
check_fit (const char *text)
{
  g_assert_true (g_utf8_validate (text, -1, NULL));
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      g_assert_true (c == '\n' || (c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0)));
      g_assert_false ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
    }
}

static char *
text_of (GBytes *bytes)
{
  const char *data = g_bytes_get_data (bytes, NULL);

  return data != NULL ? g_strndup (data, g_bytes_get_size (bytes)) : g_strdup ("");
}

static void
run (const char *const *arguments, char **out, char **err, int *status)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GBytes) said = NULL, complained = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (argv, (char *) g_getenv ("PD_PROGRAM"));
  for (guint i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (argv, (char *) arguments[i]);
  g_ptr_array_add (argv, NULL);
  g_subprocess_launcher_set_cwd (launcher, folder);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C", TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_DATA_HOME", folder, TRUE);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate (process, NULL, NULL, &said, &complained, &error));
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  *out = text_of (said);
  *err = text_of (complained);
  *status = g_subprocess_get_exit_status (process);
}

/* Refused, in words and as JSON; the first line is the message. */
static void
check_refused (const char *const *arguments, const char *fragment)
{
  for (guint json = 0; json < 2; json++)
    {
      g_autoptr (GPtrArray) given = g_ptr_array_new ();
      g_autofree char *out = NULL, *err = NULL;
      int status;

      for (guint i = 0; arguments[i] != NULL; i++)
        g_ptr_array_add (given, (char *) arguments[i]);
      if (json && arguments[1] != NULL)
        g_ptr_array_insert (given, 1, (char *) "--json");
      g_ptr_array_add (given, NULL);
      run ((const char *const *) given->pdata, &out, &err, &status);
      g_test_message ("%d: %s%s", status, out, err);
      g_assert_cmpint (status, !=, 0);
      check_fit (out);
      check_fit (err);
      g_assert_nonnull (strstr (err, fragment));
      g_assert_cmpuint (strcspn (err, "\n"), <, 3000);
      if (status == 1)
        g_assert_true (strchr (err, '\n') == err + strlen (err) - 1);
      if (*out != '\0')
        {
          g_auto (GStrv) lines = g_strsplit (g_strchomp (out), "\n", -1);
          g_autoptr (JsonNode) node = json_from_string (lines[g_strv_length (lines) - 1], NULL);
          JsonObject *event = json_node_get_object (node);

          g_assert_cmpstr (json_object_get_string_member (event, "event"), ==, "error");
          check_fit (json_object_get_string_member (event, "message"));
          g_assert_null (strchr (json_object_get_string_member (event, "message"), '\n'));
        }
    }
}

static void
put (const char *name, const char *text)
{
  g_free (pd_fixture_write (folder, name, text, -1));
}

static void
refuse_model (const char *name, const char *fragment)
{
  const char *const arguments[] = { "generate", "--model", name,       "--prompt", "x",
                                    "--size",   "64x64",   "--output", "out.png",  NULL };

  check_refused (arguments, fragment);
}

static void
test_configs (void)
{
  static const struct
  {
    const char *file, *text;
  } cases[] = {
    { "m/config.json", "{\"_class_name\":\"" JSON_STRANGE "\"}" },
    { "m/model_index.json", "{\"unet\":[1,\"" JSON_STRANGE "\"]}" },
    { "m/unet/config.json", "{\"block_out_channels\":[\"" JSON_STRANGE "\"]}" },
    { "m/unet/config.json", "{\"" NO_UTF8 "\":" STRANGE "}" },
    { "m/vae/config.json", "{\"_class_name\":\"" JSON_STRANGE "\"}" },
    { "m/text_encoder/config.json", "{\"hidden_act\":\"" JSON_STRANGE "\"}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      put (cases[i].file, cases[i].text);
      refuse_model ("m", "parallel-diffusion: m");
      pd_fixture_remove (g_build_filename (folder, "m", NULL));
    }
}

static void
test_weights (void)
{
  const char header[] = "{\"" JSON_STRANGE "\":{\"dtype\":\"F16\",\"shape\":[1],"
                        "\"data_offsets\":[0,2]}}";
  const char dtype[] = "{\"x\":{\"dtype\":\"" JSON_STRANGE "\",\"shape\":[1],"
                       "\"data_offsets\":[0,\"" JSON_STRANGE "\"]}}";
  const char unet[] = "{\"block_out_channels\":[32,32]}";

  g_free (pd_fixture_write_safetensors (folder, "s.safetensors", header, 2, NULL, 0));
  refuse_model ("s.safetensors", "s.safetensors");
  g_free (pd_fixture_write_safetensors (folder, "s.safetensors", dtype, 2, NULL, 0));
  refuse_model ("s.safetensors", "s.safetensors");
  put ("w/unet/config.json", unet);
  put ("w/unet/diffusion_pytorch_model.safetensors.index.json",
       "{\"weight_map\":{\"" JSON_STRANGE "\":\"../" JSON_STRANGE "\"}}");
  refuse_model ("w", "parallel-diffusion: w/");
  pd_fixture_remove (g_build_filename (folder, "w", NULL));
}

/* Read after the weights' headers, so there have to be some. */
static void
test_tokenizer (void)
{
  const char one[] = "{\"x\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}";

  put ("t/unet/config.json", "{\"block_out_channels\":[32,32]}");
  put ("t/vae/config.json", "{\"block_out_channels\":[32,32]}");
  put ("t/text_encoder/config.json", "{}");
  g_free (pd_fixture_write_safetensors (folder, "t/unet/diffusion_pytorch_model.safetensors", one,
                                        2, NULL, 0));
  g_free (pd_fixture_write_safetensors (folder, "t/vae/diffusion_pytorch_model.safetensors", one, 2,
                                        NULL, 0));
  g_free (
      pd_fixture_write_safetensors (folder, "t/text_encoder/model.safetensors", one, 2, NULL, 0));
  put ("t/tokenizer/vocab.json", "{\"" JSON_STRANGE "\":-1}");
  put ("t/tokenizer/merges.txt", "#version\n");
  refuse_model ("t", "parallel-diffusion: t/");
  put ("t/tokenizer/vocab.json", "{\"<|startoftext|>\":0,\"<|endoftext|>\":1,\"a\":2}");
  put ("t/tokenizer/merges.txt", "#version\n" STRANGE " " STRANGE "\n");
  refuse_model ("t", "parallel-diffusion: t/");
  put ("t/tokenizer/merges.txt", "#version\n");
  put ("t/tokenizer/special_tokens_map.json", "{\"pad_token\":\"" JSON_STRANGE "\"}");
  refuse_model ("t", "parallel-diffusion: t/");
  pd_fixture_remove (g_build_filename (folder, "t", NULL));
}

/* What a picture brings as the request that made it. */
static void
test_picture (void)
{
  static const char *const requests[] = {
    "{\"solver\":\"" JSON_STRANGE "\"}",
    "{\"" JSON_STRANGE "\":1}",
    "{\"model\":\"" JSON_STRANGE "\"}",
    "{\"regions\":\"" JSON_STRANGE "\"}",
    ("no JSON " STRANGE),
  };
  const char *const arguments[] = { "generate", "--from", "p.png", "--output", "out.png", NULL };
  g_autofree char *path = g_build_filename (folder, "p.png", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      const char *const texts[] = { "parallel-diffusion", requests[i], NULL };
      const GeglRectangle extent = { 0, 0, 4, 4 };
      g_autoptr (GeglBuffer) picture = gegl_buffer_new (&extent, babl_format ("R'G'B' u8"));
      g_autoptr (GError) error = NULL;

      pd_png_save (picture, path, 8, texts, &error);
      g_assert_no_error (error);
      check_refused (arguments, "");
    }
}

static void
test_command_line (void)
{
  static const char *const lines[][8] = {
    { STRANGE },
    { NO_UTF8 },
    { "generate", "--" STRANGE },
    { "generate", "--" NO_UTF8 "=" NO_UTF8 },
    { "generate", STRANGE },
    { "generate", NO_UTF8 },
    { "models", STRANGE },
    { "devices", NO_UTF8 },
    { "verify", STRANGE },
    { "bench", "--" STRANGE },
    { "generate", "--output", "o.png", "--prompt", NO_UTF8 },
    { "generate", "--output", "o.png", "--solver", STRANGE },
    { "generate", "--output", "o.png", "--device", STRANGE },
    { "generate", "--output", "o.png", "--model", "absent" STRANGE },
    { "generate", "--output", "o.png", "--region", STRANGE },
    { "generate", "--output", STRANGE ".png/x.png" },
    { "generate", "--output", STRANGE },
    { "generate", "--output", "o.png", "--from", NO_UTF8 },
    { "restyle", "--output", "o.png", "--input", STRANGE },
    { "restyle", "--output", "o.png", "--input", NO_UTF8 ".png" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    check_refused (lines[i], "");
}

/* Names in the models folder: listed so that they can be read and given back. */
static void
test_names (void)
{
  static const char *const names[] = { "esc\033[31m", "bidi\xe2\x80\xae", ("bytes" NO_UTF8) };
  const char *const words[] = { "models", NULL }, *const json[] = { "models", "--json", NULL };
  g_autofree char *out = NULL, *err = NULL, *lines = NULL;
  g_auto (GStrv) objects = NULL;
  int status, n_found = 0;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *file =
          g_strconcat ("parallel-diffusion/models/", names[i], "/model_index.json", NULL);

      put (file, "{}");
    }
  run (words, &out, &err, &status);
  g_assert_cmpint (status, ==, 0);
  check_fit (out);
  g_clear_pointer (&err, g_free);
  run (json, &lines, &err, &status);
  g_assert_cmpint (status, ==, 0);
  check_fit (lines);
  objects = g_strsplit (g_strchomp (lines), "\n", -1);
  for (guint i = 0; objects[i] != NULL; i++)
    {
      g_autoptr (JsonNode) node = json_from_string (objects[i], NULL);
      const char *name = json_object_get_string_member (json_node_get_object (node), "name");

      n_found += g_str_has_prefix (name, "esc\\") || g_str_equal (name, names[1]) ||
                 g_str_has_prefix (name, "bytes\\");
      /* The name is good for --model: the folder is found, and has no parts. */
      if (!g_str_equal (name, "default"))
        refuse_model (name, "no unet");
    }
  g_assert_cmpint (n_found, ==, 3);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  folder = pd_fixture_folder ();
  g_test_add_func ("/strangers/configs", test_configs);
  g_test_add_func ("/strangers/weights", test_weights);
  g_test_add_func ("/strangers/tokenizer", test_tokenizer);
  g_test_add_func ("/strangers/picture", test_picture);
  g_test_add_func ("/strangers/command-line", test_command_line);
  g_test_add_func ("/strangers/names", test_names);
  status = g_test_run ();
  pd_fixture_remove (folder);
  gegl_exit ();
  return status;
}
