// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/json.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/base/file.h"
#include "engine/base/foreign.h"
#include "engine/base/json-scan.h"

enum
{
  MAX_VALUES = 256 * 1024, /* json-glib takes some 150 bytes for each */
};

/* json-glib hashes keys with a function that anybody can find collisions for; then n keys cost n²
 * comparisons. Their sum over all objects is limited: 4096 keys in one, or fewer in several. */
static const guint64 MAX_COMPARISONS = 4096 * 4096;

/* Counts while the text is looked through. */
typedef struct
{
  guint keys[PD_JSON_MAX_DEPTH]; /* of each open object */
  guint n_values;
  guint64 comparisons;
} Work;

static gboolean
check_work (Work *work, const char *name, GError **error)
{
  if (work->n_values > MAX_VALUES)
    pd_error_set_bad_model (error, _ ("%s: more than %d values in the JSON"), name, MAX_VALUES);
  else if (work->comparisons > MAX_COMPARISONS)
    pd_error_set_bad_model (error, _ ("%s: too many keys in the objects of the JSON"), name);
  else
    return TRUE;
  return FALSE;
}

/* Checks what json-glib does not: it recurses without a limit, takes comments, and builds nodes
 * without end. Python's infinities in @data become null. */
static gboolean
check_text (char *data, gsize length, const char *name, GError **error)
{
  PdJsonScan scan;
  PdJsonToken token;
  Work work = { 0 };
  if (!pd_json_scan_init (&scan, data, length, name, error))
    return FALSE;
  while ((token = pd_json_scan_next (&scan)) != PD_JSON_TOKEN_END)
    {
      if (token == PD_JSON_TOKEN_ERROR)
        return pd_json_scan_fail (&scan, name, error);
      if (token == PD_JSON_TOKEN_OBJECT)
        work.keys[scan.depth - 1] = 0;
      else if (token == PD_JSON_TOKEN_KEY)
        work.comparisons += 2 * (guint64) work.keys[scan.depth - 1]++ + 1;
      else if (token == PD_JSON_TOKEN_LITERAL && memchr (scan.text, 'I', scan.length) != NULL)
        {
          char *literal = data + (scan.text - data);
          memset (literal, ' ', scan.length);
          memcpy (literal, "null", 4);
        }
      work.n_values += token != PD_JSON_TOKEN_OBJECT_END && token != PD_JSON_TOKEN_ARRAY_END;
      if (!check_work (&work, name, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_large_number (const PdJsonScan *scan)
{
  g_autofree char *text = g_strndup (scan->text, scan->length);
  return strpbrk (text, ".eE") == NULL &&
         !g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, NULL, NULL);
}

/* json-glib takes 18446744073709551615 for -1: whole numbers beyond 64 bits with a sign become
 * strings of their digits. @data has been checked. Returns: (transfer full) NULL if there are none.
 */
static char *
quote_large_numbers (const char *data, gsize length, const char *name)
{
  static const gsize fewest_digits = 19;
  const char *kept = data;
  g_autoptr (GString) quoted = NULL;
  PdJsonScan scan;
  PdJsonToken token;
  if (!pd_json_scan_init (&scan, data, length, name, NULL))
    return NULL;
  while ((token = pd_json_scan_next (&scan)) > PD_JSON_TOKEN_ERROR)
    {
      if (token != PD_JSON_TOKEN_NUMBER || scan.length < fewest_digits || !is_large_number (&scan))
        continue;
      if (quoted == NULL)
        quoted = g_string_new (NULL);
      g_string_append_len (quoted, kept, scan.text - kept);
      g_string_append_printf (quoted, "\"%.*s\"", (int) scan.length, scan.text);
      kept = scan.text + scan.length;
    }
  if (quoted == NULL)
    return NULL;
  g_string_append_len (quoted, kept, data + length - kept);
  return g_string_free (g_steal_pointer (&quoted), FALSE);
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
  g_autofree char *copy = pd_try_new (char, length + 1, name, error);
  if (copy == NULL)
    return NULL;
  memcpy (copy, data != NULL ? data : "", length);
  copy[length] = '\0';
  if (!check_text (copy, length, name, error))
    return NULL;

  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GHashTable) counts = g_hash_table_new (NULL, NULL);
  Members members = { .counts = counts };
  g_autoptr (GError) failure = NULL;
  g_signal_connect (parser, "object-member", G_CALLBACK (count_member), &members);
  g_autofree char *quoted = quote_large_numbers (copy, length, name);
  gboolean parsed = quoted != NULL
                        ? json_parser_load_from_data (parser, quoted, -1, &failure)
                        : json_parser_load_from_data (parser, copy, (gssize) length, &failure);
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

/* Whether a text may be JSON, well-formed or not. */
static gboolean
is_json_start (const char *data, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isspace (data[i]))
      return strchr ("{[\"-0123456789tfnI", data[i]) != NULL;
  return FALSE;
}

JsonNode *
pd_json_load_object (const char *path, gsize max_bytes, GError **error)
{
  g_autoptr (GBytes) bytes = pd_file_read (path, max_bytes, error);
  if (bytes == NULL)
    return NULL;
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  g_autoptr (GError) failure = NULL;
  g_autoptr (JsonNode) root = pd_json_parse (data, length, path, &failure);
  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
    return g_steal_pointer (&root);
  const char *foreign = pd_foreign_name (data, MIN (length, PD_FOREIGN_LENGTH), length);
  if (foreign != NULL && !is_json_start (data, length))
    pd_error_set_bad_model (error, _ ("%s: this is %s"), path, foreign);
  else if (failure != NULL)
    g_propagate_error (error, g_steal_pointer (&failure));
  else
    pd_error_set_bad_model (error, _ ("%s: %s found, a JSON object expected"), path,
                            json_node_type_name (root));
  return NULL;
}
