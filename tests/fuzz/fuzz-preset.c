// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/request/given.h"
#include "tests/fuzz/fuzz.h"
#include "ui/presets.h"

/* A file of one's own presets, which may be somebody else's. */

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
  "\"steps\":",
  "\"mode\":",
  "\"seed\":",
  "\"prompt\":",
  "\"memory\":",
  "\"solver\":\"ddim\"",
  "\"regions\":\"0,0,8,8:a\"",
  "\"model\":",
  "\"output\":",
  "\"vae\":\"/x\"",
  "18446744073709551615",
  NULL,
};

static void
add_seeds (GPtrArray *seeds)
{
  g_autoptr (GPtrArray) list = pd_presets_list ();

  for (guint i = 0; i < list->len; i++)
    {
      const PdPreset *preset = list->pdata[i];
      g_autoptr (GBytes) bytes =
          preset->path != NULL ? g_resources_lookup_data (preset->path, 0, NULL) : NULL;

      if (bytes != NULL)
        pd_fuzz_add_seed (seeds, "", 0, g_bytes_get_data (bytes, NULL),
                          (gssize) g_bytes_get_size (bytes));
    }
  pd_fuzz_add_seed (
      seeds, "", 0,
      "{\"mode\":\"generate\",\"prompt\":\"x\",\"steps\":3,\"width\":64,\"height\":64,"
      "\"memory\":5,\"solver\":\"ddim\",\"seed\":3,\"guidance\":2.5}",
      -1);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *path = g_strdup (pd_fuzz_file (data, size, 0));
  const PdPreset preset = { .name = (char *) "x", .file = path };
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autofree char *before = pd_request_to_json (request, 0);
  g_autoptr (GError) error = NULL;
  g_autofree char *note = NULL;
  const gboolean applied = pd_preset_apply (&preset, request, &note, &error);
  g_autofree char *after = pd_request_to_json (request, 0);

  pd_fuzz_check (applied, error);
  if (!applied)
    g_assert_cmpstr (after, ==, before);
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    g_assert_cmpstr (pd_given_path (request, given), ==, "");
  g_assert_true (*request->vae == '\0' && *request->text_encoder == '\0' &&
                 !g_path_is_absolute (request->model));
  return 0;
}
