// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/syntax.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Longer texts are cut in notes. */
static const glong shown_characters = 60;

enum
{
  LOOKED_AT = 8192, /* bytes of a prompt; brackets within brackets take the square of the time */
};

static void
add (GPtrArray *notes, const char *name, const char *text, gsize length, const char *meaning)
{
  g_autofree char *whole = g_strndup (text, length);
  g_autofree char *start = g_utf8_strlen (whole, -1) > shown_characters
                               ? g_utf8_substring (whole, 0, shown_characters)
                               : NULL;
  g_autofree char *note = g_strdup_printf (_ ("%s: “%s%s” is taken as words: %s"), name,
                                           start ? start : whole, start ? "…" : "", meaning);

  if (!g_ptr_array_find_with_equal_func (notes, note, g_str_equal, NULL))
    g_ptr_array_add (notes, g_steal_pointer (&note));
}

/* Whether what stands in brackets ends in a colon and a number, but not as a time, a ratio or a
 * verse do, where a number stands before the colon as well. */
static gboolean
is_weighted (const char *inner, gsize length)
{
  g_autofree char *text = g_strndup (inner, length);

  return g_regex_match_simple ("[^\\s:]\\s*:\\s*[-+]?(\\d+\\.?\\d*|\\.\\d+)\\s*$", text, 0, 0) &&
         !g_regex_match_simple ("(^|[\\s(\\[{,;–-])\\d+([.,:]\\d+)*\\s*:\\s*\\d+\\s*$", text, 0, 0);
}

/* Whether a closing bracket is followed by a weight: (moss)1.3, (moss)++. */
static gboolean
has_suffix (const char *after)
{
  return g_regex_match_simple ("^(\\d+\\.\\d+|\\++|--+)($|[\\s,.;)\\]}])", after, 0, 0);
}

/* start: of the opening bracket; end: of the closing one. doubled: what stands inside is a pair of
 * such brackets and nothing else. */
/* Returns: whether there is a new note. */
static gboolean
look_at_group (
    GPtrArray *notes, const char *name, const char *start, const char *end, gboolean doubled)
{
  const char *inner = start + 1;
  const gsize length = (gsize) (end - inner);
  const guint before = notes->len;

  if (is_weighted (inner, length) || doubled || has_suffix (end + 1))
    add (notes, name, start, length + 2, _ ("weights in brackets mean nothing here"));
  else if (*start != '(' && memchr (inner, '|', length))
    add (notes, name, start, length + 2, _ ("choices in brackets mean nothing here"));
  return notes->len > before;
}

/* Pairs of brackets; those after a backslash are none in other programs either. */
static void
find_groups (GPtrArray *notes, const char *name, const char *prompt)
{
  static const char opening[] = "([{", closing[] = ")]}";
  g_autoptr (GPtrArray) open = g_ptr_array_new ();
  const char *inner_start = NULL, *inner_end = NULL;
  gboolean inner_noted = FALSE;

  for (const char *at = prompt; *at; at++)
    {
      const char *bracket = strchr (closing, *at);

      if (*at == '\\' && at[1])
        at++;
      else if (strchr (opening, *at))
        g_ptr_array_add (open, (char *) at);
      else if (bracket && open->len)
        {
          const char *start = g_ptr_array_index (open, open->len - 1);
          gboolean doubled;

          if (*start != opening[bracket - closing])
            continue;
          g_ptr_array_set_size (open, (int) open->len - 1);
          doubled = inner_start == start + 1 && inner_end + 1 == at && *inner_start == *start;
          if (doubled && inner_noted)
            g_ptr_array_set_size (notes, (int) notes->len - 1);
          inner_noted = look_at_group (notes, name, start, at, doubled);
          inner_start = start;
          inner_end = at;
        }
    }
}

static void
find_pattern (GPtrArray *notes,
              const char *name,
              const char *prompt,
              const char *pattern,
              const char *meaning)
{
  g_autoptr (GRegex) regex = g_regex_new (pattern, 0, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;

  for (g_regex_match (regex, prompt, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    {
      int start, end;

      g_match_info_fetch_pos (match, 0, &start, &end);
      add (notes, name, prompt + start, (gsize) (end - start), meaning);
    }
}

GPtrArray *
pd_syntax_notes (const char *prompt, const char *name)
{
  GPtrArray *notes = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *beginning = g_strndup (prompt, LOOKED_AT);
  const char *end;

  if (!g_utf8_validate (beginning, -1, &end)) /* cut within a character */
    beginning[end - beginning] = '\0';
  find_groups (notes, name, beginning);
  find_pattern (notes, name, beginning, "(?i)<\\s*(lora|lyco|loha|lokr|locon|hypernet)\\s*:[^<>]*>",
                _ ("models cannot be added in a prompt here"));
  find_pattern (notes, name, beginning, "(?<![\\w-])(BREAK|AND)(?![\\w-])",
                _ ("prompts cannot be divided or joined with it here"));
  return notes;
}
