// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/json.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/base/error.h"

void
pd_json_reader_fail (PdJsonReader *self, const char *format, ...)
{
  if (self->error != NULL)
    return;
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  pd_error_set_bad_model (&self->error, "%s: %s", self->name, message);
}

gboolean
pd_json_reader_finish (PdJsonReader *self, GError **error)
{
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

/* At most 60 bytes of the node as JSON, for messages. */
static char *
describe (JsonNode *node)
{
  g_autofree char *text = json_to_string (node, FALSE);
  if (strlen (text) <= 60)
    return g_steal_pointer (&text);
  g_autofree char *cut = g_strndup (text, 60);
  g_autofree char *valid = g_utf8_make_valid (cut, -1);
  return g_strconcat (valid, "…", NULL);
}

static void
fail_value (PdJsonReader *self, const char *key, JsonNode *node, const char *expected)
{
  if (self->error != NULL)
    return;
  g_autofree char *found = describe (node);
  pd_json_reader_fail (self, _ ("\"%s\" is %s, expected %s"), key, found, expected);
}

/* The member, or NULL if it is absent or null or something has failed before. */
static JsonNode *
member (PdJsonReader *self, const char *key)
{
  if (self->error != NULL)
    return NULL;
  JsonNode *node = json_object_get_member (self->object, key);
  return node == NULL || JSON_NODE_HOLDS_NULL (node) ? NULL : node;
}

gboolean
pd_json_reader_is_null (PdJsonReader *self, const char *key)
{
  return member (self, key) == NULL;
}

static gboolean
holds (JsonNode *node, GType type)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type;
}

/* Whole numbers may be written as 8 or 8.0. */
static gboolean
get_int (JsonNode *node, gint64 min, gint64 max, gint64 *out)
{
  if (holds (node, G_TYPE_INT64))
    *out = json_node_get_int (node);
  else if (holds (node, G_TYPE_DOUBLE))
    {
      double value = json_node_get_double (node);
      if (!(value >= (double) min && value <= (double) max) || value != (double) (gint64) value)
        return FALSE;
      *out = (gint64) value;
    }
  else
    return FALSE;
  return *out >= min && *out <= max;
}

static void
fail_int (PdJsonReader *self, const char *key, JsonNode *node, gint64 min, gint64 max)
{
  g_autofree char *expected =
      g_strdup_printf (_ ("a whole number from %" PRId64 " to %" PRId64), min, max);
  fail_value (self, key, node, expected);
}

gint64
pd_json_reader_int (PdJsonReader *self, const char *key, gint64 fallback, gint64 min, gint64 max)
{
  JsonNode *node = member (self, key);
  gint64 value;
  if (node == NULL)
    return fallback;
  if (get_int (node, min, max, &value))
    return value;
  fail_int (self, key, node, min, max);
  return fallback;
}

static gboolean
get_double (JsonNode *node, double *out)
{
  if (holds (node, G_TYPE_INT64))
    *out = (double) json_node_get_int (node);
  else if (holds (node, G_TYPE_DOUBLE))
    *out = json_node_get_double (node);
  else
    return FALSE;
  return TRUE;
}

static char *
format_double (double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  return g_strdup (g_ascii_formatd (buffer, sizeof buffer, "%g", value));
}

double
pd_json_reader_double (PdJsonReader *self, const char *key, double fallback, double min, double max)
{
  JsonNode *node = member (self, key);
  double value;
  if (node == NULL)
    return fallback;
  if (get_double (node, &value) && value >= min && value <= max)
    return value;
  g_autofree char *low = format_double (min);
  g_autofree char *high = format_double (max);
  g_autofree char *expected = g_strdup_printf (_ ("a number from %s to %s"), low, high);
  fail_value (self, key, node, expected);
  return fallback;
}

gboolean
pd_json_reader_bool (PdJsonReader *self, const char *key, gboolean fallback)
{
  JsonNode *node = member (self, key);
  if (node == NULL)
    return fallback;
  if (holds (node, G_TYPE_BOOLEAN))
    return json_node_get_boolean (node);
  fail_value (self, key, node, _ ("true or false"));
  return fallback;
}

const char *
pd_json_reader_string (PdJsonReader *self, const char *key)
{
  JsonNode *node = member (self, key);
  if (node == NULL)
    return NULL;
  if (holds (node, G_TYPE_STRING))
    return json_node_get_string (node);
  fail_value (self, key, node, _ ("a string"));
  return NULL;
}

guint
pd_json_reader_choice (PdJsonReader *self,
                       const char *key,
                       guint fallback,
                       const char *const *choices)
{
  JsonNode *node = member (self, key);
  if (node == NULL)
    return fallback;
  if (holds (node, G_TYPE_STRING))
    for (guint i = 0; choices[i] != NULL; i++)
      if (g_str_equal (choices[i], json_node_get_string (node)))
        return i;
  g_autofree char *list = g_strjoinv (", ", (char **) choices);
  g_autofree char *expected = g_strdup_printf (_ ("one of: %s"), list);
  fail_value (self, key, node, expected);
  return fallback;
}

/* The array at @key if it has 1 … max_length entries. */
static JsonArray *
array (PdJsonReader *self, const char *key, guint max_length)
{
  JsonNode *node = member (self, key);
  if (node == NULL)
    return NULL;
  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      guint length = json_array_get_length (json_node_get_array (node));
      if (length >= 1 && length <= max_length)
        return json_node_get_array (node);
    }
  g_autofree char *expected = g_strdup_printf (_ ("a list of 1 to %u entries"), max_length);
  fail_value (self, key, node, expected);
  return NULL;
}

guint
pd_json_reader_ints (
    PdJsonReader *self, const char *key, int *out, guint max_length, gint64 min, gint64 max)
{
  JsonArray *list = array (self, key, max_length);
  if (list == NULL)
    return 0;
  guint length = json_array_get_length (list);
  for (guint i = 0; i < length; i++)
    {
      JsonNode *node = json_array_get_element (list, i);
      gint64 value;
      if (!get_int (node, min, max, &value))
        {
          g_autofree char *entry = g_strdup_printf ("%s[%u]", key, i);
          fail_int (self, entry, node, min, max);
          return 0;
        }
      out[i] = (int) value;
    }
  return length;
}

gboolean
pd_json_reader_ints_exact (
    PdJsonReader *self, const char *key, int *out, guint length, gint64 min, gint64 max)
{
  JsonNode *node = member (self, key);
  if (node == NULL)
    return FALSE;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    {
      int value = (int) pd_json_reader_int (self, key, min, min, max);
      for (guint i = 0; i < length; i++)
        out[i] = value;
    }
  else if (json_array_get_length (json_node_get_array (node)) != length)
    {
      g_autofree char *expected =
          g_strdup_printf (_ ("a number, or a list of %u: one per block"), length);
      fail_value (self, key, node, expected);
    }
  else
    pd_json_reader_ints (self, key, out, length, min, max);
  return self->error == NULL;
}

guint
pd_json_reader_strings (PdJsonReader *self, const char *key, const char **out, guint max_length)
{
  JsonArray *list = array (self, key, max_length);
  if (list == NULL)
    return 0;
  guint length = json_array_get_length (list);
  for (guint i = 0; i < length; i++)
    {
      JsonNode *node = json_array_get_element (list, i);
      if (!holds (node, G_TYPE_STRING))
        {
          g_autofree char *entry = g_strdup_printf ("%s[%u]", key, i);
          fail_value (self, entry, node, _ ("a string"));
          return 0;
        }
      out[i] = json_node_get_string (node);
    }
  return length;
}
