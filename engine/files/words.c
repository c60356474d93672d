// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/words.h"

#include <string.h>

typedef enum
{
  KIND_SPACE,
  KIND_LETTER,
  KIND_NUMBER,
  KIND_OTHER,
} Kind;

/* Unicode's White_Space, \p{L} and \p{N}. */
static Kind
kind_of (gunichar c)
{
  if (g_unichar_isspace (c) || c == 0x0b || c == 0x85)
    return KIND_SPACE;
  switch (g_unichar_type (c))
    {
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
      return KIND_LETTER;
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
      return KIND_NUMBER;
    default:
      return KIND_OTHER;
    }
}

/* g_unichar_tolower knows only letters. */
static gunichar
to_lower (gunichar c)
{
  if (c >= 0x2160 && c <= 0x216f) /* Roman numerals */
    return c + 0x10;
  if (c >= 0x24b6 && c <= 0x24cf) /* circled letters */
    return c + 26;
  return g_unichar_tolower (c);
}

/* Whether nothing before @c is composed with it or changes places with it: it is no mark, and no
 * Hangul vowel or final consonant. */
static gboolean
is_start (gunichar c)
{
  return !g_unichar_ismark (c) && g_unichar_combining_class (c) == 0 && (c < 0x1160 || c > 0x11ff);
}

/* The end of a piece of @text that can be composed by itself: the time that takes is the square of
 * its length. Marks upon marks without end are cut somewhere. */
static const char *
end_of_piece (const char *text)
{
  enum
  {
    LEAST = 64, /* characters */
    MOST = 1024,
  };
  guint n = 0;
  while (*text != '\0' && n < MOST && (n < LEAST || !is_start (g_utf8_get_char (text))))
    {
      text = g_utf8_next_char (text);
      n++;
    }
  return text;
}

static char *
compose (const char *text)
{
  GString *composed = g_string_sized_new (strlen (text));
  while (*text != '\0')
    {
      const char *end = end_of_piece (text);
      g_autofree char *piece = g_utf8_normalize (text, end - text, G_NORMALIZE_NFC);
      g_string_append (composed, piece);
      text = end;
    }
  return g_string_free (composed, FALSE);
}

char *
pd_words_normalise (const char *text)
{
  static const gunichar capital_i_with_dot = 0x130, dot_above = 0x307;
  g_autofree char *composed = compose (text);
  GString *lower = g_string_sized_new (strlen (composed));
  for (const char *at = composed; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);
      g_string_append_unichar (lower, to_lower (c));
      if (c == capital_i_with_dot) /* the only lower case of two characters */
        g_string_append_unichar (lower, dot_above);
    }
  return g_string_free (lower, FALSE);
}

/* The length of the one of @words that @at begins with, or 0. */
static gsize
match_any (const char *at, const char *const *words)
{
  for (guint i = 0; words[i] != NULL; i++)
    if (g_str_has_prefix (at, words[i]))
      return strlen (words[i]);
  return 0;
}

const char *
pd_words_next (const char **at, const char *const *specials, gsize *length)
{
  static const char *const contractions[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", NULL };
  const char *start = *at;
  while (*start != '\0' && kind_of (g_utf8_get_char (start)) == KIND_SPACE)
    start = g_utf8_next_char (start);
  if (*start == '\0')
    return NULL;

  gsize fixed = match_any (start, specials);
  if (fixed == 0)
    fixed = match_any (start, contractions);
  const char *end = start + fixed;
  if (fixed == 0)
    {
      Kind kind = kind_of (g_utf8_get_char (start));
      do
        end = g_utf8_next_char (end);
      while (*end != '\0' && kind != KIND_NUMBER && kind_of (g_utf8_get_char (end)) == kind &&
             match_any (end, specials) == 0);
    }
  *length = end - start;
  *at = end;
  return start;
}
