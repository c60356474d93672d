// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/syntax.h"

#include <string.h>

/* found: the texts that get a note, in order; NULL-terminated. */
static const struct
{
  const char *prompt;
  const char *found[4];
} rows[] = {
  { "", { NULL } },
  { "moss on stone", { NULL } },
  { "(moss:1.3)", { "“(moss:1.3)”", NULL } },
  { "a wall, ( wet moss : 0.75 ), fog", { "“( wet moss : 0.75 )”", NULL } },
  { "[grass:.5] {rain:2}", { "“[grass:.5]”", "“{rain:2}”", NULL } },
  { "(Grüße 苔:-1)", { "“(Grüße 苔:-1)”", NULL } },
  { "((moss (wet:1.2) stone:1.1))", { "“(wet:1.2)”", "“((moss (wet:1.2) stone:1.1))”", NULL } },
  { "((moss))", { "“((moss))”", NULL } },
  { "{{{moss}}}", { "“{{{moss}}}”", NULL } },
  { "(moss)1.3 and (fog)++", { "“(moss)”", "“(fog)”", NULL } },
  { "[red|blue] door", { "“[red|blue]”", NULL } },
  { "[cat:dog:0.5]", { "“[cat:dog:0.5]”", NULL } },
  { "<lora:x:1>", { "“<lora:x:1>”", NULL } },
  { "<LyCO:style v2:0.8> wall", { "“<LyCO:style v2:0.8>”", NULL } },
  { "stone BREAK moss AND fog", { "“BREAK”", "“AND”", NULL } },
  { "(moss:1.3), (moss:1.3)", { "“(moss:1.3)”", NULL } },
  /* As people write. */
  { "a wall (mossy) in fog [film still] {old}", { NULL } },
  { "a clock (at 12:30), a screen (16:9), a page (John 3:16)", { NULL } },
  { "smiling :) (: ((", { NULL } },
  { "an emphasis on moss (note: wet)", { NULL } },
  { "rock and roll, breakfast, BREAKING, SAND, a < b", { NULL } },
  { "moss \\(plant:1.2\\)", { NULL } },
};

static void
test_notes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GPtrArray) notes = pd_syntax_notes (rows[i].prompt, "negative");
      guint n = 0;

      for (guint j = 0; j < notes->len; j++)
        g_test_message ("%s", (const char *) g_ptr_array_index (notes, j));
      for (; rows[i].found[n]; n++)
        {
          g_assert_cmpuint (notes->len, >, n);
          g_assert_true (g_str_has_prefix (g_ptr_array_index (notes, n), "negative: "));
          g_assert_nonnull (strstr (g_ptr_array_index (notes, n), rows[i].found[n]));
        }
      g_assert_cmpuint (notes->len, ==, n);
    }
}

static void
test_long (void)
{
  g_autofree char *filler = g_strnfill (5000, 'm');
  g_autofree char *prompt = g_strdup_printf ("(%s:1.1)", filler);
  g_autofree char *open = g_strnfill (20000, '(');
  g_autoptr (GPtrArray) notes = pd_syntax_notes (prompt, "prompt");
  g_autoptr (GPtrArray) none = pd_syntax_notes (open, "prompt");

  g_assert_cmpuint (notes->len, ==, 1);
  g_assert_cmpuint (strlen (g_ptr_array_index (notes, 0)), <, 200);
  g_assert_cmpuint (none->len, ==, 0);
}

/* Brackets in brackets, without end: only the beginning is looked at. The last character there is
 * cut in two. */
static void
test_endless (void)
{
  g_autoptr (GString) prompt = g_string_new ("(moss:1.2) ");
  g_autoptr (GPtrArray) notes = NULL;

  while (prompt->len < 8191)
    g_string_append_c (prompt, 'm');
  g_string_append (prompt, "\u00e4 (wet:1.3) ");
  for (guint i = 0; i < 200000; i++)
    g_string_append (prompt, "(a:");
  for (guint i = 0; i < 200000; i++)
    g_string_append (prompt, "1)");
  notes = pd_syntax_notes (prompt->str, "prompt");
  g_assert_cmpuint (notes->len, ==, 1);
  g_assert_nonnull (strstr (g_ptr_array_index (notes, 0), "“(moss:1.2)”"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/syntax/notes", test_notes);
  g_test_add_func ("/syntax/long", test_long);
  g_test_add_func ("/syntax/endless", test_endless);
  return g_test_run ();
}
