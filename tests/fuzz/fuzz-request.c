// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/run/regions.h"
#include "engine/request/request.h"
#include "plug-in/arguments.h"
#include "tests/fuzz/fuzz.h"

/* What a request is made from. The input begins with a byte, its Mode; the rest is text. */
typedef enum
{
  TEXT,      /* name=value, as on the command line */
  JSON,      /* of a picture, a preset or a call of the service */
  REGIONS,   /* of a picture of SIDE × SIDE pixels */
  ARGUMENTS, /* of the procedure in GIMP */
  N_MODES,
} Mode;

enum
{
  SIDE = 512,
};

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
  "'",
  "\\",
  "steps=",
  "size=",
  "640 × 480",
  "0,0,1,1:",
  "mask=",
  "mode",
  "prompt",
  "negative",
  "model",
  "width",
  "height",
  "seed",
  "guidance",
  "solver",
  "strength",
  "padding",
  "tile",
  "overlap",
  "batch",
  "sync",
  "blend",
  "seamless",
  "regions",
  "memory",
  "2G",
  "1.5 GiB",
  "1e9T",
  "depth",
  "dpm++2m",
  "unipc",
  "18446744073709551615",
  "9223372036854775808",
  "input",
  "output",
  "\xff",
  "\xc3",
  NULL,
};

static void
add_seeds (GPtrArray *seeds)
{
  static const char *const texts[] = { "steps=30", "memory=2G",   "guidance=0.5",   "size=64x65",
                                       "seed=-1",  "prompt=a\nb", "output=\xff.png" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    pd_fuzz_add_seed (seeds, "\0", 1, texts[i], -1);
  pd_fuzz_add_seed (
      seeds, "\1", 1,
      "{\"mode\":\"generate\",\"prompt\":\"x\",\"steps\":3,\"width\":64,\"height\":64,"
      "\"regions\":\"0,0,10,10:a\\nmask=x.png:b\",\"memory\":5,\"solver\":\"ddim\","
      "\"seed\":3,\"guidance\":2.5,\"input\":\"\\\\xff.png\"}",
      -1);
  pd_fuzz_add_seed (seeds, "\2", 1, "0,0,10,10:a\nmask=x.png:b c", -1);
  pd_fuzz_add_seed (seeds, "\3", 1, "steps=20 negative='a b' guidance=5", -1);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

/* @before: the request as JSON. A call that fails leaves it so. */
static void
check (PdRequest *request, const char *before, gboolean succeeded, const GError *error)
{
  g_autofree char *after = pd_request_to_json (request, 0);

  pd_fuzz_check (succeeded, error);
  if (!succeeded)
    g_assert_cmpstr (after, ==, before);
}

/* What a request says of a value, it reads as that value. */
static void
set_text (PdRequest *request, char *text)
{
  char *equals = strchr (text, '=');
  g_autofree char *before = pd_request_to_json (request, 0), *shown = NULL, *after = NULL;
  g_autofree char *again = NULL;
  g_autoptr (GError) error = NULL;
  gboolean set;

  if (equals == NULL)
    return;
  *equals = '\0';
  set = pd_request_set_text (request, text, equals + 1, &error);
  check (request, before, set, error);
  if (!set || g_str_equal (text, "size"))
    return;
  after = pd_request_to_json (request, 0);
  shown = pd_request_get_text (request, text);
  g_assert_true (pd_request_set_text (request, text, shown, &error));
  again = pd_request_to_json (request, 0);
  g_assert_cmpstr (after, ==, again);
}

/* And as JSON. */
static void
set_json (PdRequest *request, const char *text)
{
  g_autofree char *before = pd_request_to_json (request, 0), *json = NULL, *again = NULL;
  g_autoptr (PdRequest) other = pd_request_new ();
  g_autoptr (GError) error = NULL;
  const gboolean set = pd_request_set_json (request, text, 0, &error);

  check (request, before, set, error);
  if (!set)
    return;
  json = pd_request_to_json (request, 0);
  g_assert_true (pd_request_set_json (other, json, 0, &error));
  again = pd_request_to_json (other, 0);
  g_assert_cmpstr (json, ==, again);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autofree char *text = size > 0 ? g_strndup ((const char *) data + 1, size - 1) : NULL;
  g_autofree char *before = pd_request_to_json (request, 0), *mask = NULL;
  g_autoptr (GError) error = NULL;
  gboolean good;

  if (size == 0)
    return 0;
  switch (data[0] % N_MODES)
    {
    case TEXT:
      set_text (request, text);
      break;
    case JSON:
      set_json (request, text);
      break;
    case REGIONS:
      good = pd_regions_check (text, SIDE, SIDE, &error);
      pd_fuzz_check (good, error);
      mask = pd_request_region_mask (text);
      break;
    case ARGUMENTS:
    default:
      good = pd_arguments_apply (request, text, &error);
      check (request, before, good, error);
    }
  return 0;
}
