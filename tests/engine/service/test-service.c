// SPDX-License-Identifier: GPL-3.0-or-later
/* The service (PD_PROGRAM serve) over its pipes: answers, progress, errors for what is malformed,
 * and its end. */
#include "engine/pictures/buffer-file.h"
#include "engine/wire/error.h"
#include "engine/wire/folder.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>

typedef struct
{
  GSubprocess *process;
  GDataInputStream *output;
  char *folder;
} Service;

/* Which pictures take moments, and which longer than any test; with kernels of which there are few
 * to compile. */
#define SMALL "\"width\": 64, \"height\": 64, \"kernels\": \"general\""
#define QUICK "\"request\": {" SMALL ", \"steps\": 2, \"seed\": 7}"
#define SLOW "\"request\": {" SMALL ", \"steps\": 500}"

static void
send_bytes (Service *service, const char *bytes, gsize length)
{
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all (g_subprocess_get_stdin_pipe (service->process), bytes, length, NULL,
                             NULL, &error);
  g_assert_no_error (error);
}

static void
send_text (Service *service, const char *text)
{
  g_autofree char *message = g_strdup_printf ("Content-Length: %zu\r\n\r\n%s", strlen (text), text);

  send_bytes (service, message, strlen (message));
}

/* Returns: (transfer full) the next message, NULL at the end. */
static JsonNode *
read_message (Service *service)
{
  g_autofree char *body = NULL;
  gsize length = 0;
  JsonNode *node;

  while (TRUE)
    {
      g_autofree char *line = g_data_input_stream_read_line (service->output, NULL, NULL, NULL);

      if (line == NULL)
        return NULL;
      g_strchomp (line);
      if (*line == '\0')
        break;
      g_assert_true (g_str_has_prefix (line, "Content-Length: "));
      length = g_ascii_strtoull (line + strlen ("Content-Length: "), NULL, 10);
    }
  body = g_malloc (length + 1);
  g_assert_true (g_input_stream_read_all (G_INPUT_STREAM (service->output), body, length, &length,
                                          NULL, NULL));
  body[length] = '\0';
  node = json_from_string (body, NULL);
  g_assert_nonnull (node);
  return node;
}

/* Returns: (transfer full) the next message that is an answer; *n_progress counts what precedes it.
 */
static JsonNode *
read_answer (Service *service, guint *n_progress)
{
  while (TRUE)
    {
      g_autoptr (JsonNode) node = read_message (service);

      g_assert_nonnull (node);
      if (!json_object_has_member (json_node_get_object (node), "method"))
        return g_steal_pointer (&node);
      if (n_progress != NULL &&
          g_str_equal (json_object_get_string_member (json_node_get_object (node), "method"),
                       "progress"))
        ++*n_progress;
    }
}

/* The next answer is an error. message: a part of its text. */
static void
expect_error (Service *service, int code, const char *message)
{
  g_autoptr (JsonNode) node = read_answer (service, NULL);
  JsonObject *error = json_object_get_object_member (json_node_get_object (node), "error");

  g_assert_nonnull (error);
  g_test_message ("%s", json_object_get_string_member (error, "message"));
  g_assert_cmpint (json_object_get_int_member (error, "code"), ==, code);
  g_assert_nonnull (strstr (json_object_get_string_member (error, "message"), message));
}

static void
expect_result (Service *service)
{
  g_autoptr (JsonNode) node = read_answer (service, NULL);

  g_assert_true (json_object_has_member (json_node_get_object (node), "result"));
}

/* That the service goes on. */
static void
assert_lives (Service *service)
{
  send_text (service, "{\"jsonrpc\": \"2.0\", \"id\": \"alive\", \"method\": \"cancel\"}");
  expect_result (service);
}

/* method and params; "DIR" in params stands for the folder. */
static void
call (Service *service, const char *method, const char *params)
{
  g_auto (GStrv) parts = g_strsplit (params, "DIR", -1);
  g_autofree char *full = g_strjoinv (service->folder, parts);
  g_autofree char *text = g_strdup_printf (
      "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"%s\", \"params\": {%s}}", method, full);

  send_text (service, text);
}

static void
start (Service *service)
{
  g_autoptr (GError) error = NULL;

  service->folder = pd_wire_folder_new (&error);
  g_assert_no_error (error);
  service->process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error,
                        g_getenv ("PD_PROGRAM"), "serve", NULL);
  g_assert_no_error (error);
  service->output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (service->process));
  call (service, "initialize", "\"folder\": \"DIR\"");
  expect_result (service);
}

/* Ends its input; it goes in peace and takes the folder along. */
static void
finish (Service *service)
{
  g_output_stream_close (g_subprocess_get_stdin_pipe (service->process), NULL, NULL);
  g_assert_true (g_subprocess_wait_check (service->process, NULL, NULL));
  g_assert_false (g_file_test (service->folder, G_FILE_TEST_EXISTS));
  g_clear_object (&service->output);
  g_clear_object (&service->process);
  g_clear_pointer (&service->folder, g_free);
}

static void
test_framing (void)
{
  static const char *const garbage[] = {
    "hello\r\n",
    "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"cancel\"}\n",
    "Content-Length: -1\r\n\r\n",
    "Content-Length: 99999999999\r\n\r\n",
    "Content-Length: many\r\n\r\n",
    "\xff\xfe\x01\n",
  };
  static const char headers[] = "content-length:  3 \r\nContent-Type: text/json\r\n\r\n{}\n";
  g_autofree char *endless = g_strnfill (100000, 'x');
  Service service;

  start (&service);
  for (guint i = 0; i < G_N_ELEMENTS (garbage); i++)
    {
      send_bytes (&service, garbage[i], strlen (garbage[i]));
      expect_error (&service, PD_WIRE_PARSE, "Content-Length: 42");
      assert_lives (&service);
    }
  send_bytes (&service, endless, strlen (endless));
  send_bytes (&service, "\n", 1);
  expect_error (&service, PD_WIRE_PARSE, "xxxx");
  assert_lives (&service);
  send_bytes (&service, headers, strlen (headers));
  expect_error (&service, PD_WIRE_INVALID_REQUEST, "jsonrpc");
  assert_lives (&service);
  /* The input ends within a message. */
  send_bytes (&service, "Content-Length: 1000\r\n\r\n{", 25);
  finish (&service);
}

static void
test_json (void)
{
  static const struct
  {
    const char *text;
    int code;
    const char *message;
  } cases[] = {
    { "{", PD_WIRE_PARSE, "JSON" },
    { "{\"a\": \"\xff\"}", PD_WIRE_PARSE, "UTF-8" },
    { "   ", PD_WIRE_PARSE, "empty" },
    { "[]", PD_WIRE_INVALID_REQUEST, "one JSON object" },
    { "7", PD_WIRE_INVALID_REQUEST, "one JSON object" },
    { "{}", PD_WIRE_INVALID_REQUEST, "jsonrpc" },
    { "{\"jsonrpc\": 2.0}", PD_WIRE_INVALID_REQUEST, "jsonrpc" },
    { "{\"jsonrpc\": \"2.0\", \"id\": 1}", PD_WIRE_INVALID_REQUEST, "method" },
    { "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": 5}", PD_WIRE_INVALID_REQUEST, "method" },
    { "{\"jsonrpc\": \"2.0\", \"id\": [], \"method\": \"cancel\"}", PD_WIRE_INVALID_REQUEST, "id" },
    { "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"paint\"}", PD_WIRE_METHOD_NOT_FOUND,
      "generate" },
    { "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"test\", \"params\": [1]}",
      PD_WIRE_INVALID_PARAMS, "an object" },
  };
  g_autofree char *deep = g_strnfill (1000000, '[');
  Service service;

  start (&service);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      send_text (&service, cases[i].text);
      expect_error (&service, cases[i].code, cases[i].message);
    }
  send_text (&service, deep);
  expect_error (&service, PD_WIRE_PARSE, "nested");
  assert_lives (&service);
  finish (&service);
}

static void
test_params (void)
{
  static const struct
  {
    const char *method;
    const char *params;
    int code;
    const char *message;
  } cases[] = {
    { "generate", "", PD_WIRE_INVALID_PARAMS, "“request”" },
    { "generate", "\"request\": {}", PD_WIRE_INVALID_PARAMS, "“output”" },
    { "generate", "\"request\": null, \"output\": \"DIR/o\"", PD_WIRE_INVALID_PARAMS, "“request”" },
    { "generate", "\"request\": 5, \"output\": \"DIR/o\"", PD_WIRE_INVALID_PARAMS, "“5”" },
    { "generate", QUICK ", \"output\": 7", PD_WIRE_INVALID_PARAMS, "absolute path" },
    { "generate", QUICK ", \"output\": \"o\"", PD_WIRE_INVALID_PARAMS, "absolute path" },
    { "generate", QUICK ", \"output\": \"/tmp/o\"", PD_WIRE_INVALID_PARAMS, "in the folder" },
    { "generate", QUICK ", \"output\": \"DIR/../o\"", PD_WIRE_INVALID_PARAMS, "in the folder" },
    { "generate", QUICK ", \"output\": \"DIR/no/o\"", PD_WIRE_BAD_REQUEST, "no/o" },
    { "generate", QUICK ", \"output\": \"DIR/o\", \"colour\": 1", PD_WIRE_INVALID_PARAMS,
      "colour" },
    { "generate", "\"request\": {\"steps\": 0}, \"output\": \"DIR/o\"", PD_WIRE_BAD_REQUEST,
      "from 1 to 1000" },
    { "generate", "\"request\": {\"colour\": 0}, \"output\": \"DIR/o\"", PD_WIRE_BAD_REQUEST,
      "colour" },
    { "generate", "\"request\": {\"mode\": \"restyle\"}, \"output\": \"DIR/o\"",
      PD_WIRE_INVALID_PARAMS, "restyle" },
    { "generate", "\"request\": {\"model\": \"absent-model\"}, \"output\": \"DIR/o\"",
      PD_WIRE_BAD_MODEL, "absent-model" },
    /* A file of that name is there where the test and the service are started. */
    { "generate", "\"request\": {\"model\": \"pd-rpc-here\"}, \"output\": \"DIR/o\"",
      PD_WIRE_BAD_MODEL, "there is no model named" },
    { "generate", "\"request\": {\"device\": \"absent-device\"}, \"output\": \"DIR/o\"",
      PD_WIRE_NO_DEVICE, "absent-device" },
    { "restyle", QUICK ", \"output\": \"DIR/o\"", PD_WIRE_INVALID_PARAMS, "“input”" },
    { "restyle", QUICK ", \"output\": \"DIR/o\", \"input\": \"DIR/absent\"", PD_WIRE_BAD_REQUEST,
      "absent" },
    { "restyle", QUICK ", \"output\": \"DIR/o\", \"input\": \"DIR/text\"", PD_WIRE_BAD_REQUEST,
      "text" },
    { "restyle", QUICK ", \"output\": \"DIR/o\", \"input\": \"DIR/small\"", PD_WIRE_BAD_REQUEST,
      "8 × 9" },
    { "estimate", "\"request\": {}, \"width\": \"8\", \"height\": 8", PD_WIRE_INVALID_PARAMS,
      "whole number" },
    { "estimate", "\"request\": {}, \"width\": 0, \"height\": 8", PD_WIRE_INVALID_PARAMS,
      "whole number" },
    { "test", "\"device\": \"absent-device\"", PD_WIRE_NO_DEVICE, "absent-device" },
    { "initialize", "\"folder\": \"/tmp\"", PD_WIRE_INVALID_PARAMS, "/tmp" },
  };
  g_autoptr (GeglBuffer) small =
      gegl_buffer_new (GEGL_RECTANGLE (0, 0, 8, 9), babl_format ("R'G'B' float"));
  g_autofree char *small_path = NULL;
  g_autofree char *text_path = NULL;
  Service service;

  start (&service);
  small_path = g_build_filename (service.folder, "small", NULL);
  text_path = g_build_filename (service.folder, "text", NULL);
  g_assert_true (pd_buffer_file_save (small, small_path, NULL));
  g_assert_true (g_file_set_contents (text_path, "no picture", -1, NULL));
  g_assert_true (g_file_set_contents ("pd-rpc-here", "no model", -1, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      call (&service, cases[i].method, cases[i].params);
      expect_error (&service, cases[i].code, cases[i].message);
    }
  g_remove ("pd-rpc-here");
  call (&service, "test", "");
  expect_result (&service);
  finish (&service);
}

/* Every mode on one engine that stays open, an estimate, progress, a preview. */
static void
test_pictures (void)
{
  static const struct
  {
    const char *method;
    const char *params;
    int width;
  } cases[] = {
    { "generate", QUICK ", \"output\": \"DIR/first\", \"preview\": \"DIR/preview.png\"", 64 },
    { "restyle", QUICK ", \"input\": \"DIR/first\", \"output\": \"DIR/o\"", 64 },
    { "inpaint", QUICK ", \"input\": \"DIR/first\", \"mask\": \"DIR/first\", \"output\": \"DIR/o\"",
      64 },
    { "upscale", QUICK ", \"input\": \"DIR/first\", \"output\": \"DIR/o\"", 128 },
  };
  g_autofree char *preview = NULL;
  Service service;

  start (&service);
  preview = g_build_filename (service.folder, "preview.png", NULL);
  call (&service, "estimate", "\"request\": {\"width\": 512}, \"width\": 64, \"height\": 64");
  {
    g_autoptr (JsonNode) node = read_answer (&service, NULL);
    JsonObject *result = json_object_get_object_member (json_node_get_object (node), "result");

    g_assert_nonnull (result);
    g_assert_cmpint (json_object_get_int_member (result, "n_tiles"), >, 1);
    g_assert_cmpint (json_object_get_int_member (result, "peak_device_bytes"), >, 1 << 20);
  }
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_build_filename (service.folder, i == 0 ? "first" : "o", NULL);
      g_autoptr (JsonNode) node = NULL;
      g_autoptr (GeglBuffer) output = NULL;
      JsonObject *result;
      guint n_progress = 0;

      call (&service, cases[i].method, cases[i].params);
      node = read_answer (&service, &n_progress);
      result = json_object_get_object_member (json_node_get_object (node), "result");
      g_assert_nonnull (result);
      g_assert_cmpint (json_object_get_int_member (result, "seed"), ==, 7);
      g_assert_cmpuint (n_progress, >, 2);
      output = pd_buffer_file_load (path, NULL);
      g_assert_nonnull (output);
      g_assert_cmpint (gegl_buffer_get_width (output), ==, cases[i].width);
    }
  g_assert_true (g_file_test (preview, G_FILE_TEST_EXISTS));
  call (&service, "estimate",
        "\"request\": {\"mode\": \"inpaint\"}, \"mask\": \"DIR/first\", \"width\": 64, "
        "\"height\": 64");
  expect_result (&service);
  call (&service, "estimate",
        "\"request\": {\"mode\": \"inpaint\"}, \"mask\": \"DIR/first\", \"width\": 80, "
        "\"height\": 64");
  expect_error (&service, PD_WIRE_BAD_REQUEST, "mask");
  finish (&service);
}

/* The next answer is a result; of the notes before it, each has to be among `expected`. Returns:
 * how many there were. */
static guint
count_notes (Service *service, const char *expected)
{
  for (guint n = 0;;)
    {
      g_autoptr (JsonNode) node = read_message (service);
      JsonObject *message = json_node_get_object (node);
      const char *method = json_object_get_string_member_with_default (message, "method", "");
      JsonObject *params;

      if (!json_object_has_member (message, "method"))
        {
          g_assert_true (json_object_has_member (message, "result"));
          return n;
        }
      if (!g_str_equal (method, "note"))
        continue;
      params = json_object_get_object_member (message, "params");
      g_test_message ("%s", json_object_get_string_member (params, "message"));
      g_assert_nonnull (strstr (json_object_get_string_member (params, "message"), expected));
      n++;
    }
}

/* What is worth knowing and no failure comes before the answer. */
static void
test_notes (void)
{
  g_autofree char *blocker = NULL;
  Service service;

  start (&service);
  call (&service, "generate", QUICK ", \"output\": \"DIR/o\"");
  g_assert_cmpuint (count_notes (&service, ""), ==, 0);
  call (&service, "generate",
        "\"request\": {" SMALL ", \"steps\": 1, \"resume\": true}, "
        "\"output\": \"DIR/o\"");
  g_assert_cmpuint (count_notes (&service, "started anew"), ==, 1);
  blocker = g_build_filename (service.folder, "preview.png.part", NULL);
  g_assert_cmpint (g_mkdir (blocker, 0700), ==, 0);
  call (&service, "generate",
        "\"request\": {" SMALL ", \"steps\": 3, \"preview-every\": 1}, "
        "\"output\": \"DIR/o\", \"preview\": \"DIR/preview.png\"");
  g_assert_cmpuint (count_notes (&service, "preview.png: no preview"), ==, 1);
  g_assert_cmpint (g_rmdir (blocker), ==, 0);
  finish (&service);
}

/* A seed beyond what JSON's readers take for a number comes back as a string. */
static void
test_large_seed (void)
{
  Service service;

  start (&service);
  for (guint quoted = 0; quoted < 2; quoted++)
    {
      g_autofree char *params = g_strdup_printf ("\"request\": {" SMALL ", \"steps\": 1, \"seed\": "
                                                 "%s18446744073709551615%s}, \"output\": \"DIR/o\"",
                                                 quoted ? "\"" : "", quoted ? "\"" : "");
      g_autoptr (JsonNode) node = NULL;
      JsonObject *result;

      call (&service, "generate", params);
      node = read_answer (&service, NULL);
      result = json_object_get_object_member (json_node_get_object (node), "result");
      g_assert_nonnull (result);
      g_assert_cmpstr (json_object_get_string_member (result, "seed"), ==, "18446744073709551615");
    }
  finish (&service);
}

/* While one picture is made: others are refused, cancel() ends it, and the end of the input too. */
static void
test_busy (void)
{
  Service service;

  start (&service);
  call (&service, "generate", SLOW ", \"output\": \"DIR/o\"");
  call (&service, "generate", QUICK ", \"output\": \"DIR/p\"");
  expect_error (&service, PD_WIRE_BUSY, "at work");
  call (&service, "estimate", "\"request\": {}, \"width\": 64, \"height\": 64");
  expect_error (&service, PD_WIRE_BUSY, "at work");
  send_text (&service, "{\"jsonrpc\": \"2.0\", \"method\": \"cancel\", \"params\": {\"id\": 99}}");
  assert_lives (&service);
  /* Its answer to the cancellation that assert_lives() is. */
  expect_error (&service, PD_WIRE_CANCELLED, "");
  call (&service, "generate", SLOW ", \"output\": \"DIR/o\"");
  finish (&service);
}

/* Asked to end while its parent lives, it leaves the folder to it. */
static void
test_terminate (void)
{
  Service service;

  start (&service);
  g_subprocess_send_signal (service.process, SIGTERM);
  g_assert_true (g_subprocess_wait_check (service.process, NULL, NULL));
  g_assert_true (g_file_test (service.folder, G_FILE_TEST_IS_DIR));
  pd_wire_folder_remove (service.folder);
  g_object_unref (service.output);
  g_object_unref (service.process);
  g_free (service.folder);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  signal (SIGPIPE, SIG_IGN);
  gegl_init (NULL, NULL);
  g_test_add_func ("/service/framing", test_framing);
  g_test_add_func ("/service/json", test_json);
  g_test_add_func ("/service/params", test_params);
  g_test_add_func ("/service/terminate", test_terminate);
  g_test_add_func ("/service/busy", test_busy);
  g_test_add_func ("/service/pictures", test_pictures);
  g_test_add_func ("/service/notes", test_notes);
  g_test_add_func ("/service/large-seed", test_large_seed);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
