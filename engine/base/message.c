// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/message.h"

#include <glib/gi18n-lib.h>
#include <string.h>

enum
{
  MAX_CHARACTERS = 600,
  TAIL_CHARACTERS = 200, /* kept of what is too long; the rest of the room is its beginning */
};

/* Not to be shown as it is. Of the invisible characters the joiners stay: words of some languages
 * need them. */
static gboolean
is_unfit (gunichar c)
{
  static const gunichar non_joiner = 0x200c, joiner = 0x200d, soft_hyphen = 0xad;

  switch (g_unichar_type (c))
    {
    case G_UNICODE_CONTROL:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
    case G_UNICODE_SURROGATE:
      return TRUE;
    case G_UNICODE_FORMAT:
      return c != non_joiner && c != joiner && c != soft_hyphen;
    default:
      return FALSE;
    }
}

static gunichar
shown (gunichar c)
{
  static const gunichar control_pictures = 0x2400, picture_of_delete = 0x2421, unknown = 0xfffd;

  if (!is_unfit (c))
    return c;
  if (c < 0x20)
    return control_pictures + c;
  return c == 0x7f ? picture_of_delete : unknown;
}

char *
pd_message_clean (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  glong length = g_utf8_strlen (valid, -1);
  GString *line = g_string_sized_new (strlen (valid));
  glong n = 0;

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at), n++)
    {
      if (length > MAX_CHARACTERS && n == MAX_CHARACTERS - TAIL_CHARACTERS - 1)
        {
          g_string_append (line, "…");
          at = g_utf8_offset_to_pointer (at, length - TAIL_CHARACTERS - n);
        }
      g_string_append_unichar (line, shown (g_utf8_get_char (at)));
    }
  return g_string_free (line, FALSE);
}

GError *
pd_message_clean_error (const GError *error)
{
  g_autofree char *message = pd_message_clean (error->message);

  return g_error_new_literal (error->domain, error->code, message);
}

char *
pd_message_escape_json (const char *json)
{
  g_autofree char *valid = g_utf8_make_valid (json, -1);
  GString *escaped = g_string_sized_new (strlen (valid));

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (!is_unfit (c))
        g_string_append_unichar (escaped, c);
      else if (c < 0x10000)
        g_string_append_printf (escaped, "\\u%04x", c);
      else
        g_string_append_printf (escaped, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                                0xdc00 + ((c - 0x10000) & 0x3ff));
    }
  return g_string_free (escaped, FALSE);
}

char *
pd_message_duration (double seconds)
{
  const guint whole = (guint) CLAMP (seconds + 0.5, 1.0, G_MAXINT);
  const guint minutes = (whole + 30) / 60;

  if (whole < 90)
    return g_strdup_printf (_ ("%u s"), whole);
  if (whole < 600)
    return g_strdup_printf (_ ("%u min %u s"), whole / 60, whole % 60);
  if (minutes < 90)
    return g_strdup_printf (_ ("%u min"), minutes);
  return g_strdup_printf (_ ("%u h %u min"), minutes / 60, minutes % 60);
}
