// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/message.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/wire/error.h"
#include "plug-in/arguments.h"

/* What a message never has: checked by code points, not by categories. */
static void
check_fit (const char *text)
{
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpint (g_utf8_strlen (text, -1), <=, 600);
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      g_assert_cmphex (c, >=, 0x20);
      g_assert_false (c >= 0x7f && c < 0xa0);
      g_assert_false (c == 0x61c || c == 0x200e || c == 0x200f);
      g_assert_false (c >= 0x2028 && c <= 0x202e);
      g_assert_false (c >= 0x2066 && c <= 0x2069);
      g_assert_false (c == 0xfeff || c == 0x200b);
    }
}

static void
test_clean (void)
{
  static const struct
  {
    const char *text, *shown;
  } cases[] = {
    { "", "" },
    { "“Grüße” 苔, 100 %: – \xf0\x9f\x8c\xbf", "“Grüße” 苔, 100 %: – \xf0\x9f\x8c\xbf" },
    { "a\033[31mb\ac\n\r\td\177e\001", "a␛[31mb␇c␊␍␉d␡e␁" },
    { "a\xc2\x9b"
      "31mb\xc2\x85"
      "c",
      "a\xef\xbf\xbd"
      "31mb\xef\xbf\xbd"
      "c" },
    { "\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029\ufeff", "����������" },
    { "\u200bm\u2062n\U000e0041", "�m�n�" },
    { "نمی\u200cخواهم", "نمی\u200cخواهم" },
    { "b\xff\xfe\xc3(", "b���(" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *clean = pd_message_clean (cases[i].text);

      g_assert_cmpstr (clean, ==, cases[i].shown);
      check_fit (clean);
    }
}

/* Beginning and end stay. */
static void
test_length (void)
{
  static const guint lengths[] = { 500, 599, 600, 601, 700, 100000 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autoptr (GString) text = g_string_new ("file: ");
      g_autofree char *clean = NULL;

      for (guint n = strlen ("file: ; remedy"); n < lengths[i]; n++)
        g_string_append (text, "苔");
      g_string_append (text, "; remedy");
      clean = pd_message_clean (text->str);
      check_fit (clean);
      g_assert_true (g_str_has_prefix (clean, "file: 苔"));
      g_assert_true (g_str_has_suffix (clean, "苔; remedy"));
      g_assert_cmpint (g_utf8_strlen (clean, -1), ==, MIN (lengths[i], 600));
      g_assert_cmpint (strstr (clean, "…") != NULL, ==, lengths[i] > 600);
    }
}

/* JSON strings mean what they meant. */
static void
test_json (void)
{
  static const char value[] = "\033\177\xc2\x85\u202e\u2067\U000e0041 Grüße \"\\";
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), value);
  g_autofree char *json = json_to_string (node, FALSE);
  g_autofree char *escaped = pd_message_escape_json (json);
  g_autoptr (JsonNode) read = json_from_string (escaped, NULL);

  check_fit (escaped);
  g_assert_nonnull (read);
  g_assert_cmpstr (json_node_get_string (read), ==, value);
}

static void
test_duration (void)
{
  static const struct
  {
    double seconds;
    const char *text;
  } cases[] = {
    { 0, "1 s" },           { 39.6, "40 s" },
    { 89, "89 s" },         { 90, "1 min 30 s" },
    { 185, "3 min 5 s" },   { 600, "10 min" },
    { 5399, "1 h 30 min" }, { 7800, "2 h 10 min" },
    { -1, "1 s" },          { 1e300, "596523 h 14 min" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = pd_message_duration (cases[i].seconds);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
test_errors (void)
{
  g_autoptr (GError) error = NULL, answer = NULL;

  pd_error_set_bad_model (&error, "%s: bad\033]0;title\a\u202e", "x.safetensors");
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
  g_assert_cmpstr (error->message, ==, "x.safetensors: bad␛]0;title␇�");
  answer = pd_wire_error_new (PD_WIRE_BAD_REQUEST, "a\nb\xc2\x90");
  g_assert_error (answer, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_cmpstr (answer->message, ==, "a␊b�");
}

/* Every way in which the options of GIMP's procedure can be wrong. */
static void
test_arguments (void)
{
  static const char *const options[] = {
    "no\xff",
    "=\xfe",
    "\xff=1",
    "solver=\xff",
    "steps=\033[1m",
    "prompt='a\xff",
    "\u202e",
    "steps=\xc2\x85",
    "device='\xc3(' q\a",
    "mask=\xff",
    "prompt='\xf8\x88'",
  };

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_autoptr (PdRequest) request = pd_request_new ();
      g_autoptr (GError) error = NULL;

      g_assert_false (pd_arguments_apply (request, options[i], &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
      check_fit (error->message);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/message/clean", test_clean);
  g_test_add_func ("/message/length", test_length);
  g_test_add_func ("/message/json", test_json);
  g_test_add_func ("/message/duration", test_duration);
  g_test_add_func ("/message/errors", test_errors);
  g_test_add_func ("/message/arguments", test_arguments);
  return g_test_run ();
}
