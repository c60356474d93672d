// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/json-scan.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "tests/fixtures/model-fixture.h"

/* One letter per token, with its text. */
static char *
spell (const char *text)
{
  static const char *const letters = ".!{}[]ksnl";
  g_autoptr (GError) error = NULL;
  GString *spelt = g_string_new (NULL);
  PdJsonScan scan;
  PdJsonToken token;
  g_assert_true (pd_json_scan_init (&scan, text, strlen (text), "x", &error));
  do
    {
      token = pd_json_scan_next (&scan);
      g_string_append_c (spelt, letters[token]);
      if (token == PD_JSON_TOKEN_KEY || token == PD_JSON_TOKEN_STRING)
        {
          g_autofree char *string = pd_json_scan_string (&scan);
          g_assert_true (pd_json_scan_is (&scan, string));
          g_string_append_printf (spelt, "<%s>", string);
        }
      else if (token == PD_JSON_TOKEN_NUMBER || token == PD_JSON_TOKEN_LITERAL)
        g_string_append_printf (spelt, "<%.*s>", (int) scan.length, scan.text);
    }
  while (token != PD_JSON_TOKEN_END && token != PD_JSON_TOKEN_ERROR);
  return g_string_free (spelt, FALSE);
}

static void
test_tokens (void)
{
  static const struct
  {
    const char *text, *spelt;
  } cases[] = {
    { " {} ", "{}." },
    { "[[],{\"a\" : [1, -2.5e+3,0]}]", "[[]{k<a>[n<1>n<-2.5e+3>n<0>]}]." },
    { "{\"\":null,\"b\":true}", "{k<>l<null>k<b>l<true>}." },
    { "[Infinity,-Infinity,\"Infinity\"]", "[l<Infinity>l<-Infinity>s<Infinity>]." },
    { "\"\\u00fc\\ud83d\\ude00\\\\\\n\\/\"", "s<ü😀\\\n/>." },
    { "", "!" },
    { "{", "{!" },
    { "[1,]", "[n<1>!" },
    { "[,1]", "[!" },
    { "[1 2]", "[n<1>!" },
    { "{\"a\"}", "{!" },
    { "{\"a\":}", "{k<a>!" },
    { "{\"a\":1,}", "{k<a>n<1>!" },
    { "{1:2}", "{!" },
    { "{]", "{!" },
    { "[}", "[!" },
    { "1 2", "n<1>!" },
    { "01", "!" },
    { "1.", "!" },
    { "1e", "!" },
    { "-", "!" },
    { "nul", "!" },
    { "\"a", "!" },
    { "\"\t\"", "!" },
    { "\"\\x\"", "!" },
    { "\"\\u12g4\"", "!" },
    { "\"\\udc00\"", "!" },
    { "\"\\ud800\\u0041\"", "!" },
    { "\"\\u0000\"", "!" },
    { "[1]/**/", "[n<1>]!" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *spelt = spell (cases[i].text);
      g_assert_cmpstr (spelt, ==, cases[i].spelt);
    }
}

static void
test_skip (void)
{
  static const char text[] = "[{\"a\":[1,[2]],\"b\":{}},7]";
  PdJsonScan scan;
  gint64 value;
  pd_json_scan_init (&scan, text, strlen (text), "x", NULL);
  g_assert_cmpint (pd_json_scan_next (&scan), ==, PD_JSON_TOKEN_ARRAY);
  g_assert_true (pd_json_scan_skip (&scan, pd_json_scan_next (&scan)));
  PdJsonToken token = pd_json_scan_next (&scan);
  g_assert_true (pd_json_scan_count (&scan, token, &value));
  g_assert_cmpint (value, ==, 7);
  g_assert_cmpint (pd_json_scan_next (&scan), ==, PD_JSON_TOKEN_ARRAY_END);
}

static void
test_counts (void)
{
  static const struct
  {
    const char *text;
    gint64 value; /* -1: none */
  } cases[] = {
    { "0", 0 },
    { "9223372036854775807", G_MAXINT64 },
    { "9223372036854775808", -1 },
    { "-1", -1 },
    { "99999999999999999999999", -1 },
    { "1.0", -1 },
    { "1e3", -1 },
    { "true", -1 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PdJsonScan scan;
      gint64 value = -1;
      pd_json_scan_init (&scan, cases[i].text, strlen (cases[i].text), "x", NULL);
      PdJsonToken token = pd_json_scan_next (&scan);
      if (!pd_json_scan_count (&scan, token, &value))
        value = -1;
      g_assert_cmpint (value, ==, cases[i].value);
    }
}

/* Texts that would make json-glib take gigabytes or minutes. */
static void
test_limits (void)
{
  static const struct
  {
    const char *before, *piece, *after, *fragments;
    guint n;
  } cases[] = {
    { "{\"a\":[", "[],", "0]}", "values", 1000000 },
    { "{\"a\":[", "{},", "0]}", "values", 300000 },
    { "{", "\"k%u\":0,", "\"a\":0}", "keys", 5000 },
    { "[", "[", "", "deeply", 1000 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GString) text = g_string_new (cases[i].before);
      for (guint j = 0; j < cases[i].n; j++)
        if (strstr (cases[i].piece, "%u") != NULL)
          g_string_append_printf (text, "\"k%u\":0,", j);
        else
          g_string_append (text, cases[i].piece);
      g_string_append (text, cases[i].after);
      g_assert_null (pd_json_parse (text->str, text->len, "x.json", &error));
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-scan/tokens", test_tokens);
  g_test_add_func ("/json-scan/skip", test_skip);
  g_test_add_func ("/json-scan/counts", test_counts);
  g_test_add_func ("/json-scan/limits", test_limits);
  return g_test_run ();
}
