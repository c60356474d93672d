// SPDX-License-Identifier: GPL-3.0-or-later
#include <json-glib/json-glib.h>
#include <string.h>

#include "engine/base/message.h"
#include "engine/service/rephrase.h"
#include "engine/run/syntax.h"
#include "plug-in/arguments.h"
#include "tests/fuzz/fuzz.h"

/* Texts that are shown, and prompts that are looked at. The input begins with a Head; the rest is
 * the text. */
typedef struct
{
  guint8 times[2]; /* less 1 that the text is repeated, little-endian, as far as MAX_SIZE allows */
} Head;

enum
{
  MAX_SIZE = 1 << 18, /* bytes */
};

static const char *const words[] = {
  "--steps",
  "--steps 20",
  "--memory=2G",
  "--region",
  "--sync attention",
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  "|",
  ":1.3",
  ")++",
  "<lora:x:1>",
  "BREAK",
  "AND",
  "\\",
  "\033[31m",
  "\r\n",
  "\xe2\x80\xae",
  "\xe2\x80\xa8",
  "\xff",
  "\xf0\x9f\x8c\xbf",
  "\xf3\xa0\x81\x81",
  "\xed\xa0\x80",
  "\"",
  NULL,
};

static void
add_seeds (GPtrArray *seeds)
{
  static const char *const texts[] = {
    "photo.png: cannot be read as a picture: \033[31mend\r\n; use --steps 20 --memory=2G",
    "a (moss:1.3) and ((stone)) [a|b] {x|y} (z)++ <lora:mine:0.8> BREAK tea at (10:30)",
    "\u202eGr\u00fc\u00dfe \xff\xf0\x9f\x8c\xbf \xed\xa0\x80",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      pd_fuzz_add_seed (seeds, "\0\0", sizeof (Head), texts[i], -1);
      pd_fuzz_add_seed (seeds, "\11\0", sizeof (Head), texts[i], -1);
    }
  pd_fuzz_add_seed (seeds, "\377\377", sizeof (Head), "(", -1);
  pd_fuzz_add_seed (seeds, "\377\1", sizeof (Head), "(a:1)", -1);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

/* @line can be shown: UTF-8 without what moves the cursor or turns the direction of writing. */
static void
check_line (const char *line)
{
  g_assert_true (g_utf8_validate (line, -1, NULL));
  for (const char *at = line; *at != '\0'; at = g_utf8_next_char (at))
    {
      const gunichar c = g_utf8_get_char (at);

      g_assert_true (c >= 0x20 && !(c >= 0x7f && c < 0xa0));
      g_assert_false (c == 0x61c || c == 0x200e || c == 0x200f || c == 0xfeff);
      g_assert_false ((c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069));
    }
}

static void
check_message (const char *text)
{
  g_autofree char *clean = pd_message_clean (text), *again = pd_message_clean (clean);
  g_autofree char *sent = pd_rephrase (text);
  g_autofree char *called = pd_arguments_name_options (clean, FALSE);
  g_autofree char *shown = pd_arguments_name_options (clean, TRUE);

  check_line (clean);
  g_assert_cmpint (g_utf8_strlen (clean, -1), <=, 600);
  g_assert_cmpstr (clean, ==, again);
  check_line (sent);
  check_line (called);
  check_line (shown);
}

/* A text in JSON is the same with its unfit characters escaped. */
static void
check_json (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), valid);
  g_autofree char *json = json_to_string (node, FALSE);
  g_autofree char *escaped = pd_message_escape_json (json);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) read = json_from_string (escaped, &error);

  check_line (escaped);
  g_assert_no_error (error);
  g_assert_cmpstr (json_node_get_string (read), ==, valid);
}

static void
check_notes (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autoptr (GPtrArray) notes = pd_syntax_notes (valid, "prompt");

  for (guint i = 0; i < notes->len; i++)
    {
      g_assert_true (g_utf8_validate (notes->pdata[i], -1, NULL));
      g_assert_cmpint (g_utf8_strlen (notes->pdata[i], -1), <, 300);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const Head *head = (const Head *) data;
  g_autoptr (GString) text = g_string_new (NULL);

  if (size < sizeof *head)
    return 0;
  for (guint i = 0; i <= (head->times[0] | (guint) head->times[1] << 8); i++)
    if (i == 0 || text->len + size <= MAX_SIZE)
      g_string_append_len (text, (const char *) (head + 1), (gssize) (size - sizeof *head));
  check_message (text->str);
  check_json (text->str);
  check_notes (text->str);
  return 0;
}
