// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/service/call.h"
#include "engine/wire/error.h"
#include "engine/wire/reader.h"
#include "engine/service/rephrase.h"
#include "tests/fuzz/fuzz.h"

/* What comes to the service. The input begins with a byte, its mode: 1: the stream itself, else one
 * message without its header; 2: there is a folder in which files have to be. */
static const char folder[] = "/nowhere/parallel-diffusion-x";

static const char *const words[] = {
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "-1",
  "1e308",
  "\"\"",
  "\\u0000",
  "\\ud800",
  "9223372036854775808",
  "Content-Length: ",
  "Content-Length: 16777216\r\n\r\n",
  "\r\n",
  "\"jsonrpc\":\"2.0\"",
  "\"method\":\"generate\"",
  "\"method\":\"estimate\"",
  "\"method\":\"cancel\"",
  "\"id\":",
  "\"params\":",
  "\"request\":",
  "\"output\":\"/nowhere/parallel-diffusion-x/../y\"",
  "\"width\":",
  "\"folder\":",
  "\"mask\":",
  "\"preview\":",
  "\xff",
  NULL,
};

#define IN "/nowhere/parallel-diffusion-x/"
static const char *const messages[] = {
  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"folder\":\"/nowhere/"
  "parallel-diffusion-x\"}}",
  "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"generate\",\"params\":{\"request\":{\"prompt\":\"x\","
  "\"width\":64,\"steps\":2},\"output\":\"" IN "o.gegl\",\"preview\":\"" IN "p.png\"}}",
  "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"inpaint\",\"params\":{\"request\":{},\"input\":"
  "\"" IN "i\",\"mask\":\"" IN "m\",\"output\":\"" IN "o\"}}",
  "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"style\",\"params\":{\"request\":{},\"input\":\"" IN
  "i\",\"style\":\"" IN "s\",\"output\":\"" IN "o\"}}",
  "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"estimate\",\"params\":{\"request\":{\"mode\":"
  "\"upscale\","
  "\"scale\":\"4\"},\"width\":512,\"height\":512}}",
  "{\"jsonrpc\":\"2.0\",\"method\":\"cancel\",\"params\":{\"id\":2}}",
  "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"test\",\"params\":{\"device\":\"0\"}}",
};
#undef IN

static void
add_seeds (GPtrArray *seeds)
{
  g_autoptr (GString) stream = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      pd_fuzz_add_seed (seeds, i % 2 ? "\2" : "\0", 1, messages[i], -1);
      g_string_append_printf (stream, "Content-Length: %u\r\n\r\n%s", (guint) strlen (messages[i]),
                              messages[i]);
    }
  pd_fuzz_add_seed (seeds, "\1", 1, stream->str, -1);
  pd_fuzz_add_seed (seeds, "\1", 1, "hello\nContent-Type: x\r\nContent-Length: 2\r\n\r\n{}", -1);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

typedef struct
{
  const char *folder;
  gboolean closed;
} Reading;

static void
check_error (gboolean succeeded, const GError *error)
{
  g_autofree char *sent = NULL;

  pd_fuzz_check (succeeded, error);
  if (error == NULL)
    return;
  sent = pd_rephrase (error->message);
  g_assert_true (g_utf8_validate (sent, -1, NULL));
  g_assert_null (strpbrk (sent, "\n\r\t\033"));
  pd_wire_error_code (error);
}

/* Where @call wants to read and write lies in the folder. */
static void
check_call (const PdCall *call, const Reading *reading)
{
  const char *paths[PD_N_GIVEN + 2] = { call->output, call->preview };
  g_autofree char *begins =
      reading->folder != NULL ? g_strconcat (reading->folder, "/", NULL) : g_strdup ("/");

  memcpy (paths + 2, call->given, sizeof call->given);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    g_assert_true (paths[i] == NULL ||
                   (g_str_has_prefix (paths[i], begins) && strstr (paths[i], "/../") == NULL));
  g_assert_true (call->kind != PD_CALL_PICTURE || (call->request != NULL && call->output != NULL));
}

static void
on_message (JsonNode *message, const GError *error, gpointer user_data)
{
  Reading *reading = user_data;
  JsonObject *object = NULL;
  JsonNode *method, *params;
  g_autoptr (GError) failure = NULL;
  g_autoptr (PdCall) call = NULL;

  g_assert_true ((message == NULL) == (error != NULL));
  if (message == NULL)
    {
      check_error (FALSE, error);
      reading->closed = error->code == PD_WIRE_CLOSED;
      return;
    }
  if (JSON_NODE_HOLDS_OBJECT (message))
    object = json_node_get_object (message);
  method = object != NULL ? json_object_get_member (object, "method") : NULL;
  if (method == NULL || json_node_get_value_type (method) != G_TYPE_STRING)
    return;
  params = json_object_get_member (object, "params");
  call = pd_call_new (json_node_get_string (method), g_variant_new_int64 (1), params,
                      reading->folder, &failure);
  check_error (call != NULL, failure);
  if (call != NULL)
    check_call (call, reading);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Reading reading = { 0 };
  g_autoptr (GString) bytes = g_string_new (NULL);
  g_autoptr (GInputStream) stream = NULL;
  PdWireReader *reader;

  if (size == 0)
    return 0;
  if (!(data[0] & 1))
    g_string_append_printf (bytes, "Content-Length: %u\r\n\r\n", (guint) size - 1);
  g_string_append_len (bytes, (const char *) data + 1, (gssize) size - 1);
  reading.folder = data[0] & 2 ? folder : NULL;
  stream = g_memory_input_stream_new_from_data (bytes->str, (gssize) bytes->len, NULL);
  reader = pd_wire_reader_new (stream, on_message, &reading);
  while (!reading.closed)
    g_main_context_iteration (NULL, TRUE);
  pd_wire_reader_free (reader);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  return 0;
}
