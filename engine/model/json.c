// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/json.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/error.h"

enum
{
  /* Model files nest four levels at most; json-glib recurses per level and has no limit. */
  MAX_DEPTH = 32
};

/* The value of four hexadecimal digits at @at, or -1. */
static int
hex4 (const char *at, const char *end)
{
  int value = 0;
  if (end - at < 4)
    return -1;
  for (int i = 0; i < 4; i++)
    {
      if (!g_ascii_isxdigit (at[i]))
        return -1;
      value = value * 16 + g_ascii_xdigit_value (at[i]);
    }
  return value;
}

/* The end of the string that begins at @at (a quotation mark), or NULL. */
static const char *
skip_string (const char *at, const char *end)
{
  at++;
  while (at < end)
    {
      if (*at == '"')
        return at + 1;
      if ((guchar) *at < 0x20)
        return NULL;
      if (*at != '\\')
        {
          at++;
          continue;
        }
      if (++at == end || *at == '\0' || strchr ("\"\\/bfnrtu", *at) == NULL)
        return NULL;
      if (*at++ != 'u')
        continue;
      int unit = hex4 (at, end);
      if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return NULL;
      at += 4;
      if (unit >= 0xd800 && unit <= 0xdbff)
        {
          if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
            return NULL;
          unit = hex4 (at + 2, end);
          if (unit < 0xdc00 || unit > 0xdfff)
            return NULL;
          at += 6;
        }
    }
  return NULL;
}

/* The end of the number or literal that begins at @at, or NULL. Python's infinities become null. */
static char *
skip_scalar (char *at, const char *end)
{
  static const char *const words[] = { "true", "false", "null", "Infinity", "-Infinity" };
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize length = strlen (words[i]);
      if ((gsize) (end - at) < length || memcmp (at, words[i], length) != 0)
        continue;
      if (i >= 3)
        {
          memset (at, ' ', length);
          memcpy (at, "null", 4);
        }
      return at + length;
    }
  if (*at != '-' && !g_ascii_isdigit (*at))
    return NULL;
  while (at < end && (g_ascii_isdigit (*at) || (*at != '\0' && strchr ("+-.eE", *at) != NULL)))
    at++;
  return at;
}

/* json-glib's scanner also takes comments, and its parser recurses: both are excluded here. Returns
 * the place of the first offence, or NULL. */
static const char *
check_lexically (char *data, gsize length, const char **reason)
{
  const char *end = data + length;
  char *at = data;
  guint depth = 0, n_roots = 0;
  while (at < end)
    {
      char c = *at;
      const char *next = at + 1;
      gboolean is_value = c == '\0' || strchr (" \t\r\n:,]}", c) == NULL;
      gboolean is_surplus = is_value && depth == 0 && n_roots++ > 0;
      if (c == '{' || c == '[')
        {
          if (++depth > MAX_DEPTH)
            {
              *reason = _ ("nested too deeply");
              return at;
            }
        }
      else if (c == '}' || c == ']')
        {
          if (depth-- == 0)
            next = NULL;
        }
      else if (c == '"')
        next = skip_string (at, end);
      else if (c == '\0' || strchr (" \t\r\n:,", c) == NULL)
        next = skip_scalar (at, end);
      if (next == NULL || is_surplus)
        {
          *reason = _ ("a syntax error");
          return at;
        }
      at += next - at;
    }
  return NULL;
}

typedef struct
{
  GHashTable *counts; /* JsonObject -> members seen */
  char *duplicate;
} Members;

static void
count_member (JsonParser *parser, JsonObject *object, const char *key, gpointer user_data)
{
  Members *members = user_data;
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (members->counts, object)) + 1;
  g_hash_table_insert (members->counts, object, GUINT_TO_POINTER (count));
  if (members->duplicate == NULL && count != json_object_get_size (object))
    members->duplicate = g_strdup (key);
}

JsonNode *
pd_json_parse (const char *data, gsize length, const char *name, GError **error)
{
  const char *invalid = NULL, *reason = NULL;
  if (!g_utf8_validate_len (data, length, &invalid))
    {
      pd_error_set_bad_model (error, _ ("%s: not valid UTF-8 at byte %zu of the JSON"), name,
                              (gsize) (invalid - data));
      return NULL;
    }
  g_autofree char *copy = g_malloc (length + 1);
  memcpy (copy, data, length);
  copy[length] = '\0';
  const char *offence = check_lexically (copy, length, &reason);
  if (offence != NULL)
    {
      pd_error_set_bad_model (error, _ ("%s: not valid JSON: %s at byte %zu"), name, reason,
                              (gsize) (offence - copy));
      return NULL;
    }

  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GHashTable) counts = g_hash_table_new (NULL, NULL);
  Members members = { .counts = counts };
  g_autoptr (GError) failure = NULL;
  g_signal_connect (parser, "object-member", G_CALLBACK (count_member), &members);
  gboolean parsed = json_parser_load_from_data (parser, copy, length, &failure);
  g_autofree char *duplicate = members.duplicate;
  if (!parsed || json_parser_get_root (parser) == NULL)
    {
      pd_error_set_bad_model (error, _ ("%s: not valid JSON: %s"), name,
                              failure != NULL ? failure->message : _ ("it is empty"));
      return NULL;
    }
  if (duplicate != NULL)
    {
      pd_error_set_bad_model (error, _ ("%s: the key \"%.200s\" appears twice"), name, duplicate);
      return NULL;
    }
  return json_parser_steal_root (parser);
}

JsonNode *
pd_json_load_object (const char *path, gsize max_bytes, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &failure);
  if (file == NULL)
    {
      pd_error_set_bad_model (error, "%s", failure->message);
      return NULL;
    }
  gsize length = g_mapped_file_get_length (file);
  if (length > max_bytes)
    {
      pd_error_set_bad_model (error, _ ("%s: %zu bytes, expected at most %zu"), path, length,
                              max_bytes);
      return NULL;
    }
  const char *data = g_mapped_file_get_contents (file);
  g_autoptr (JsonNode) root = pd_json_parse (data != NULL ? data : "", length, path, error);
  if (root == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (root))
    {
      pd_error_set_bad_model (error, _ ("%s: %s found, a JSON object expected"), path,
                              json_node_type_name (root));
      return NULL;
    }
  return g_steal_pointer (&root);
}
