// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver-type.h"
#include "engine/base/error.h"
#include "engine/request/request.h"

#include <json-glib/json-glib.h>
#include <locale.h>

static void
test_defaults (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();

  g_assert_cmpint (request->mode, ==, PD_REQUEST_MODE_GENERATE);
  g_assert_cmpstr (request->prompt, ==, "");
  g_assert_cmpstr (request->model, ==, "default");
  g_assert_cmpuint (request->width, ==, 512);
  g_assert_cmpuint (request->height, ==, 512);
  g_assert_true (request->draws_seed);
  g_assert_cmpuint (request->steps, ==, 30);
  g_assert_cmpint (request->depth, ==, PD_REQUEST_DEPTH_8);
}

/* Every parameter says what it is, and its text reads back as the same value. */
static void
test_every_parameter (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_GET_CLASS (request), &n_params);
  g_assert_cmpuint (n_params, >, 15);
  for (guint i = 0; i < n_params; i++)
    {
      g_autofree char *text = pd_request_get_text (request, params[i]->name);
      g_autofree char *again = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_cmpstr (g_param_spec_get_nick (params[i]), !=, params[i]->name);
      g_assert_cmpuint (strlen (g_param_spec_get_blurb (params[i])), >, 10);
      g_assert_true (pd_request_set_text (request, params[i]->name, text, &error));
      g_assert_no_error (error);
      again = pd_request_get_text (request, params[i]->name);
      g_assert_cmpstr (again, ==, text);
    }
}

typedef struct
{
  const char *name;
  const char *text;
  const char *message; /* part of the error; NULL if the text is good */
} Case;

static void
test_text (void)
{
  static const Case cases[] = {
    { "prompt", "", NULL },
    { "prompt", "Grüße, 日本の苔 🪨", NULL },
    { "prompt", "moss \xff stone", "UTF-8" },
    { "negative", "\xc3", "UTF-8" },
    { "size", "640x480", NULL },
    { "size", "1x65536", NULL },
    { "size", "0x512", "width: “0”" },
    { "size", "512x0", "from 1 to 65536" },
    { "size", "512x-8", "height: “-8”" },
    { "size", "99999x99999", "width: “99999”" },
    { "size", "18446744073709551617x8", "width: “18446744073709551617”" },
    { "size", "512", "WIDTHxHEIGHT" },
    { "size", "512x512x512", "WIDTHxHEIGHT" },
    { "size", "", "WIDTHxHEIGHT" },
    { "size", "x", "width: “”" },
    { "width", " 512", "whole number" },
    { "steps", "1", NULL },
    { "steps", "0", "from 1 to 1000" },
    { "steps", "1001", "steps: “1001”" },
    { "steps", "30.5", "whole number" },
    { "seed", "-1", NULL },
    { "seed", "9223372036854775807", NULL },
    { "seed", "9223372036854775808", NULL },
    { "seed", "18446744073709551615", NULL },
    { "seed", "18446744073709551616", "-1 to 18446744073709551615" },
    { "seed", "+5", "whole number" },
    { "seed", "", "whole number" },
    { "seed", "-2", "seed: “-2”" },
    { "seed", "seven", "whole number" },
    { "guidance", "7.5", NULL },
    { "guidance", "1e1", NULL },
    { "guidance", "7,5", "guidance: “7,5”" },
    { "guidance", "nan", "from 0 to 100" },
    { "guidance", "inf", "from 0 to 100" },
    { "guidance", "-0.1", "from 0 to 100" },
    { "guidance", "", "a number" },
    { "guidance_rescale", "0.7", NULL },
    { "strength", "1.01", "from 0 to 1" },
    { "solver", "dpm++2m", NULL },
    { "solver", "DDIM", "one of auto, ddim, euler, euler_a" },
    { "karras", "yes", NULL },
    { "karras", "maybe", "yes or no" },
    { "depth", "16", NULL },
    { "depth", "12", "one of 8, 16" },
    { "memory", "0", NULL },
    { "memory", "1.5G", NULL },
    { "memory", "512m", NULL },
    { "memory", "2GB", NULL },
    { "memory", "2 gallons", "512M or 2G" },
    { "memory", "2Gi", "512M or 2G" },
    { "memory", "1.2.3 MiB", "512M or 2G" },
    { "memory", "1,2,3 MiB", "512M or 2G" },
    { "size", "640 × 480", NULL },
    { "size", "640X480", NULL },
    { "size",
      "640\xd7"
      "480",
      "WIDTHxHEIGHT" },
    { "input", "bad\xff.png", NULL },
    { "output", "bad\xff.png", NULL },
    { "model", "bad\xff", NULL },
    { "regions", "mask=bad\xff.png:moss", NULL },
    { "memory", "-1", "512M or 2G" },
    { "memory", "0.3", "512M or 2G" },
    { "memory", "99999999T", "512M or 2G" },
    { "stepz", "3", "no parameter “stepz” (did you mean steps?); there are mode, prompt" },
    { "\xff", "3", "no parameter" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PdRequest) request = pd_request_new ();
      g_autoptr (GError) error = NULL;
      g_autofree char *before = pd_request_to_json (request, 0);
      gboolean good = pd_request_set_text (request, cases[i].name, cases[i].text, &error);
      g_autofree char *after = pd_request_to_json (request, 0);

      g_test_message ("%s = %s: %s", cases[i].name, cases[i].text, error ? error->message : "good");
      g_assert_true (good == (cases[i].message == NULL));
      if (good)
        {
          g_assert_no_error (error);
          continue;
        }
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
      g_assert_nonnull (strstr (error->message, cases[i].message));
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_cmpstr (after, ==, before);
    }
}

/* As this program prints them, in every language. */
static const struct
{
  const char *text;
  guint64 bytes;
} sizes[] = {
  { "512MiB", G_GUINT64_CONSTANT (512) << 20 },
  { "512MB", G_GUINT64_CONSTANT (512000000) },
  { "3k", 3072 },
  { "1.5\xc2\xa0GiB", G_GUINT64_CONSTANT (3) << 29 },
  { "1,5 GiB", G_GUINT64_CONSTANT (3) << 29 },
  { "0.3 kB", 300 },
  { "23.4 KiB", 23961 },
  { "700 bytes", 700 },
  { "700 B", 700 },
};

static void
test_values (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();

  g_assert_true (pd_request_set_text (request, "memory", "1.5G", NULL));
  g_assert_cmpuint (request->memory, ==, G_GUINT64_CONSTANT (1610612736));
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_assert_true (pd_request_set_text (request, "memory", sizes[i].text, NULL));
      g_assert_cmpuint (request->memory, ==, sizes[i].bytes);
    }
  g_assert_true (pd_request_set_text (request, "size", "64 × 32", NULL));
  g_assert_cmpuint (request->width, ==, 64);
  g_assert_cmpuint (request->height, ==, 32);
  g_assert_true (pd_request_set_text (request, "size", "640x480", NULL));
  g_assert_cmpuint (request->width, ==, 640);
  g_assert_cmpuint (request->height, ==, 480);
  g_assert_true (pd_request_set_text (request, "guidance-rescale", "0.7", NULL));
  g_assert_cmpfloat (request->guidance_rescale, ==, 0.7);
  g_assert_true (pd_request_set_text (request, "solver", "euler_a", NULL));
  g_assert_cmpint (request->solver, ==, PD_SOLVER_EULER_A);
  g_assert_true (pd_request_set_text (request, "karras", "on", NULL));
  g_assert_true (request->karras);
}

static void
test_json_round_trip (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (PdRequest) again = pd_request_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *json = NULL;
  g_autofree char *json_again = NULL;

  g_object_set (request, "prompt", "\"quotes\" \\ and\nlines, 苔", "seed", "9223372036854775807",
                "guidance", 1.0 / 3.0, "solver", PD_SOLVER_UNIPC, "karras", TRUE, "memory",
                (guint64) 1 << 40, "depth", PD_REQUEST_DEPTH_16, NULL);
  json = pd_request_to_json (request, 0);
  g_assert_true (pd_request_set_json (again, json, 0, &error));
  g_assert_no_error (error);
  json_again = pd_request_to_json (again, 0);
  g_assert_cmpstr (json_again, ==, json);
  g_assert_cmpstr (again->prompt, ==, request->prompt);
  g_assert_false (again->draws_seed);
  g_assert_cmpuint (again->seed, ==, G_MAXINT64);
  g_assert_cmpfloat (again->guidance, ==, 1.0 / 3.0);
  g_assert_cmpint (again->depth, ==, PD_REQUEST_DEPTH_16);
}

/* In JSON as a number where json-glib has it, else as a string; numbers are read in either form. */
static void
test_seeds (void)
{
  static const struct
  {
    const char *text;
    const char *written;
  } rows[] = {
    { "-1", "\"seed\":-1," },
    { "0", "\"seed\":0," },
    { "9223372036854775807", "\"seed\":9223372036854775807," },
    { "9223372036854775808", "\"seed\":\"9223372036854775808\"," },
    { "18446744073709551614", "\"seed\":\"18446744073709551614\"," },
    { "18446744073709551615", "\"seed\":\"18446744073709551615\"," },
  };
  g_autoptr (PdRequest) request = pd_request_new ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (guint quoted = 0; quoted < 2; quoted++)
      {
        const char *quote = quoted ? "\"" : "";
        g_autofree char *json =
            g_strdup_printf ("{\"prompt\": \"18446744073709551615 [\\\"\", \"seed\": %s%s%s, "
                             "\"steps\": 7}",
                             quote, rows[i].text, quote);
        g_autofree char *text = NULL;
        g_autofree char *written = NULL;
        g_autoptr (GError) error = NULL;

        pd_request_set_seed (request, 5);
        g_assert_true (pd_request_set_json (request, json, 0, &error));
        g_assert_no_error (error);
        text = pd_request_get_text (request, "seed");
        g_assert_cmpstr (text, ==, rows[i].text);
        g_assert_cmpint (request->draws_seed, ==, i == 0);
        g_assert_cmpstr (request->prompt, ==, "18446744073709551615 [\"");
        g_assert_cmpuint (request->steps, ==, 7);
        written = pd_request_to_json (request, 0);
        g_assert_nonnull (strstr (written, rows[i].written));
      }
  for (guint quoted = 0; quoted < 2; quoted++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (pd_request_set_json (
          request, quoted ? "{\"seed\": \"-2\"}" : "{\"seed\": 18446744073709551616}", 0, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
      g_assert_nonnull (strstr (error->message, "-1 to 18446744073709551615"));
    }
}

/* Each program lists the names it takes, and the one that may have been meant. */
static void
test_unknown (void)
{
  static const char *const similar[][2] = {
    { "Steps", "steps" },
    { "STEPZ", "steps" },
    { "step", "steps" },
    { "negativ", "negative" },
    { "neg", "negative" },
    { "fixed_grid", "fixed-grid" },
    { "strenght", "strength" },
    { "guidence", "guidance" },
    { "cfg", NULL },
    { "colour", NULL },
    { "s", NULL },
    { "prompt-of-the-whole-picture-here", NULL },
  };
  static const char *const hidden[] = { "width",  "height",    "input", "mask",
                                        "output", " preview,", "depth" };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (similar); i++)
    {
      g_autoptr (GError) cause = NULL;
      g_autofree char *meant = g_strdup_printf ("did you mean %s?", similar[i][1]);

      pd_request_fail_unknown (similar[i][0], 0, &cause);
      g_test_message ("%s", cause->message);
      if (similar[i][1])
        g_assert_nonnull (strstr (cause->message, meant));
      else
        g_assert_null (strstr (cause->message, "did you mean"));
    }
  pd_request_fail_unknown ("width", PD_REQUEST_PARAM_IMAGE, &error);
  for (guint i = 0; i < G_N_ELEMENTS (hidden); i++)
    g_assert_null (strstr (strstr (error->message, "there are"), hidden[i]));
  g_assert_nonnull (strstr (error->message, "steps"));
}

/* What pictures and presets of others say is taken but for what would be opened. */
static void
test_others (void)
{
  static const struct
  {
    const char *json, *files; /* what they name */
    const char *model, *regions;
  } rows[] = {
    { "{\"steps\": 9, \"model\": \"stone/moss\"}", "", "stone/moss", "0,0,8,8:own" },
    { "{\"model\": \"/srv/m\"}", "model", "mine", "0,0,8,8:own" },
    { "{\"model\": \"a/../../m\"}", "model", "mine", "0,0,8,8:own" },
    { "{\"model\": \"./m\"}", "model", "mine", "0,0,8,8:own" },
    { "{\"model\": \"~/m\"}", "model", "mine", "0,0,8,8:own" },
    { "{\"model\": \"sub/m.safetensors\"}", "model", "mine", "0,0,8,8:own" },
    { "{\"vae\": \"v\", \"input\": \"\", \"text-encoder\": \"/t\"}", "text-encoder vae", "mine",
      "0,0,8,8:own" },
    { "{\"input\": \"i\", \"mask\": \"m\", \"output\": \"o\", \"preview\": \"p\", \"device\": "
      "\"d\"}",
      "input mask", "mine", "0,0,8,8:own" },
    { "{\"mode\": \"style\", \"style\": \"/etc/passwd\", \"style-strength\": 0.5}", "style", "mine",
      "0,0,8,8:own" },
    { "{\"regions\": \"0,0,4,4:a\\n mask=/m.png:b\\n1,1,2,2:mask=c\"}", "region", "mine",
      "0,0,4,4:a\n1,1,2,2:mask=c" },
    { "{\"regions\": \"mask=m.png:b\"}", "region", "mine", "" },
    { "{\"regions\": \"\"}", "", "mine", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PdRequest) request = pd_request_new ();
      g_autoptr (GError) error = NULL;
      g_auto (GStrv) files = NULL, expected = g_strsplit (rows[i].files, " ", -1);

      g_test_message ("%s", rows[i].json);
      g_object_set (request, "model", "mine", "regions", "0,0,8,8:own", "input", "own.png",
                    "device", "own", NULL);
      g_assert_true (pd_request_set_json_of_others (request, rows[i].json, &files, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (g_strv_length (files), ==, g_strv_length (expected));
      for (guint k = 0; expected[k]; k++)
        g_assert_true (g_strv_contains ((const char *const *) files, expected[k]));
      g_assert_cmpstr (request->model, ==, rows[i].model);
      g_assert_cmpstr (request->regions, ==, rows[i].regions);
      g_assert_cmpstr (request->input, ==, "own.png");
      g_assert_cmpstr (request->device, ==, "own");
      g_assert_cmpstr (request->vae, ==, "");
      g_assert_cmpstr (request->style, ==, "");
      g_assert_cmpuint (request->steps, ==, i == 0 ? 9 : 30);
    }
}

/* Bytes of paths that are no UTF-8 are readable in JSON. */
static void
test_bytes (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autofree char *json = NULL;

  g_assert_true (pd_request_set_text (request, "input", "Grüße\377\376.png", NULL));
  json = pd_request_to_json (request, 0);
  g_assert_true (g_utf8_validate (json, -1, NULL));
  g_assert_nonnull (strstr (json, "\"input\":\"Grüße\\\\xff\\\\xfe.png\""));
}

static void
test_json_names_every_parameter (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autofree char *json = pd_request_to_json (request, 0);
  g_autoptr (JsonNode) node = json_from_string (json, NULL);
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_GET_CLASS (request), &n_params);
  g_assert_cmpuint (json_object_get_size (json_node_get_object (node)), ==, n_params);
  for (guint i = 0; i < n_params; i++)
    g_assert_true (json_object_has_member (json_node_get_object (node), params[i]->name));
}

static void
test_json_local (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *stored = NULL;
  const char *json = "{\"device\": \"3\", \"memory\": 1024, \"output\": \"a.png\", \"steps\": 12}";

  g_assert_true (pd_request_set_json (request, json, PD_REQUEST_PARAM_LOCAL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (request->steps, ==, 12);
  g_assert_cmpstr (request->device, ==, "");
  g_assert_cmpstr (request->output, ==, "");
  g_assert_cmpuint (request->memory, ==, 0);
  g_assert_true (pd_request_set_json (request, json, 0, NULL));
  g_assert_cmpstr (request->device, ==, "3");
  g_assert_cmpuint (request->memory, ==, 1024);
  stored = pd_request_to_json (request, PD_REQUEST_PARAM_LOCAL);
  g_assert_null (strstr (stored, "a.png"));
  g_assert_null (strstr (stored, "memory"));
  g_assert_nonnull (strstr (stored, "\"steps\":12"));
}

static void
test_json_null (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();

  g_object_set (request, "steps", 99, "prompt", "moss", NULL);
  g_assert_true (pd_request_set_json (request, "{\"steps\": null, \"prompt\": null}", 0, NULL));
  g_assert_cmpuint (request->steps, ==, 30);
  g_assert_cmpstr (request->prompt, ==, "");
}

static void
test_bad_json (void)
{
  static const Case cases[] = {
    { "", "", "JSON" },
    { "", "{", "JSON" },
    { "", "[1]", "JSON object" },
    { "", "null", "JSON object" },
    { "", "{\"steps\": 12, \"steeps\": 3}", "no parameter “steeps”" },
    { "", "{\"steps\": 12, \"guidance\": 1000}", "guidance: “1000”" },
    { "", "{\"steps\": 12, \"guidance\": [4]}", "single value" },
    { "", "{\"steps\": 12, \"guidance\": {}}", "single value" },
    { "", "{\"steps\": -12}", "from 1 to 1000" },
    { "", "{\"steps\": 4294967297}", "from 1 to 1000" },
    { "", "{\"steps\": 12.5}", "whole number" },
    { "", "{\"steps\": 12, \"device\": 1, \"memory\": -1}", "512M" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PdRequest) request = pd_request_new ();
      g_autoptr (GError) error = NULL;

      g_assert_false (pd_request_set_json (request, cases[i].text, PD_REQUEST_PARAM_LOCAL, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
      g_test_message ("%s: %s", cases[i].text, error->message);
      g_assert_nonnull (strstr (error->message, cases[i].message));
      g_assert_cmpuint (request->steps, ==, 30);
    }
}

/* A file from a stranger must not exhaust the stack. */
static void
test_deep_json (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *deep = g_strnfill (1 << 20, '[');
  g_autofree char *json = g_strconcat ("{\"steps\": ", deep, NULL);

  g_assert_false (pd_request_set_json (request, json, 0, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
}

static void
test_copy (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (PdRequest) copy = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  g_object_set (request, "prompt", "moss", "steps", 7, "solver", PD_SOLVER_LCM, NULL);
  before = pd_request_to_json (request, 0);
  copy = pd_request_copy (request);
  g_clear_object (&request);
  after = pd_request_to_json (copy, 0);
  g_assert_cmpstr (after, ==, before);
}

/* A solver is called in the engine's texts as in requests. */
static void
test_solvers (void)
{
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    g_assert_cmpstr (pd_request_nick (PD_TYPE_REQUEST_SOLVER, type), ==,
                     pd_solver_type_to_string (type));
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/request/seeds", test_seeds);
  g_test_add_func ("/request/unknown", test_unknown);
  g_test_add_func ("/request/others", test_others);
  g_test_add_func ("/request/bytes", test_bytes);
  g_test_add_func ("/request/defaults", test_defaults);
  g_test_add_func ("/request/every-parameter", test_every_parameter);
  g_test_add_func ("/request/text", test_text);
  g_test_add_func ("/request/values", test_values);
  g_test_add_func ("/request/json-round-trip", test_json_round_trip);
  g_test_add_func ("/request/json-names-every-parameter", test_json_names_every_parameter);
  g_test_add_func ("/request/json-local", test_json_local);
  g_test_add_func ("/request/json-null", test_json_null);
  g_test_add_func ("/request/bad-json", test_bad_json);
  g_test_add_func ("/request/deep-json", test_deep_json);
  g_test_add_func ("/request/copy", test_copy);
  g_test_add_func ("/request/solvers", test_solvers);
  return g_test_run ();
}
