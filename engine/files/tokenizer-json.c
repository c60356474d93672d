// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/tokenizer-private.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/json-scan.h"
#include "engine/files/keyed-hash.h"

/* CLIP's has 2 to 4 MB. */
static const gsize MAX_FILE = 16 * 1024 * 1024;
static const gint64 MAX_ID = 1000000;

enum
{
  MAX_ADDED = 1024, /* each is looked for at every place of a text */
};

/* A file being read. */
typedef struct
{
  PdTokenizerTables *tables;
  PdJsonScan scan;
  const char *path;
} Reader;

void
pd_tokenizer_tables_clear (PdTokenizerTables *self)
{
  g_clear_pointer (&self->vocabulary, g_hash_table_unref);
  g_clear_pointer (&self->added, g_ptr_array_unref);
  g_clear_pointer (&self->pad, g_free);
  if (self->merges != NULL)
    g_string_free (self->merges, TRUE);
  self->merges = NULL;
}

/* What is wrong, unless it is that the text is no JSON. Always FALSE. */
static gboolean
fail (Reader *reader, const char *message, GError **error)
{
  if (reader->scan.reason != NULL)
    return pd_json_scan_fail (&reader->scan, reader->path, error);
  pd_error_set_bad_model (error, "%s: %s", reader->path, message);
  return FALSE;
}

static gboolean
add_token (Reader *reader, const char *token, PdJsonToken kind, GError **error)
{
  gint64 id;
  if (kind != PD_JSON_TOKEN_ERROR && pd_json_scan_count (&reader->scan, kind, &id) && id <= MAX_ID)
    {
      g_hash_table_insert (reader->tables->vocabulary, g_strdup (token),
                           GINT_TO_POINTER ((gint) id));
      return TRUE;
    }
  g_autofree char *message = g_strdup_printf (
      _ ("the id of \"%.60s\" is not a whole number from 0 to %" PRId64), token, MAX_ID);
  return fail (reader, message, error);
}

static gboolean
read_vocabulary (Reader *reader, PdJsonToken token, GError **error)
{
  if (token != PD_JSON_TOKEN_OBJECT)
    return fail (reader, _ ("\"vocab\" is not an object"), error);
  while ((token = pd_json_scan_next (&reader->scan)) == PD_JSON_TOKEN_KEY)
    {
      g_autofree char *text = pd_json_scan_string (&reader->scan);
      if (!add_token (reader, text, pd_json_scan_next (&reader->scan), error))
        return FALSE;
    }
  return token == PD_JSON_TOKEN_OBJECT_END || fail (reader, "", error);
}

/* Appends the string just read, which must not have what separates tokens. */
static gboolean
add_merge_text (Reader *reader, PdJsonToken token, const char *separators)
{
  if (token != PD_JSON_TOKEN_STRING)
    return FALSE;
  g_autofree char *text = pd_json_scan_string (&reader->scan);
  g_string_append (reader->tables->merges, text);
  return *text != '\0' && strpbrk (text, separators) == NULL;
}

static gboolean
read_merge (Reader *reader, PdJsonToken token)
{
  GString *merges = reader->tables->merges;
  if (token != PD_JSON_TOKEN_ARRAY)
    {
      gboolean good = add_merge_text (reader, token, "\n");
      g_string_append_c (merges, '\n');
      return good;
    }
  if (!add_merge_text (reader, pd_json_scan_next (&reader->scan), " \n"))
    return FALSE;
  g_string_append_c (merges, ' ');
  if (!add_merge_text (reader, pd_json_scan_next (&reader->scan), " \n"))
    return FALSE;
  g_string_append_c (merges, '\n');
  return pd_json_scan_next (&reader->scan) == PD_JSON_TOKEN_ARRAY_END;
}

static gboolean
read_merges (Reader *reader, PdJsonToken token, GError **error)
{
  const char *message = _ ("\"merges\" is not a list of \"a b\" or [\"a\", \"b\"]");
  if (token != PD_JSON_TOKEN_ARRAY)
    return fail (reader, message, error);
  while ((token = pd_json_scan_next (&reader->scan)) != PD_JSON_TOKEN_ARRAY_END)
    if (!read_merge (reader, token))
      return fail (reader, message, error);
  return TRUE;
}

/* The members of "model". */
static gboolean
read_model (Reader *reader, PdJsonToken token, GError **error)
{
  PdJsonScan *scan = &reader->scan;
  if (token != PD_JSON_TOKEN_OBJECT)
    return fail (reader, _ ("\"model\" is not an object"), error);
  while ((token = pd_json_scan_next (scan)) == PD_JSON_TOKEN_KEY)
    {
      g_autofree char *key = pd_json_scan_string (scan);
      token = pd_json_scan_next (scan);
      if (g_str_equal (key, "vocab"))
        {
          if (!read_vocabulary (reader, token, error))
            return FALSE;
        }
      else if (g_str_equal (key, "merges"))
        {
          if (!read_merges (reader, token, error))
            return FALSE;
        }
      else if (g_str_equal (key, "type") &&
               (token != PD_JSON_TOKEN_STRING || !pd_json_scan_is (scan, "BPE")))
        return fail (reader, _ ("\"type\" of \"model\" is not \"BPE\", the only one supported"),
                     error);
      else if (g_str_equal (key, "end_of_word_suffix") &&
               (token != PD_JSON_TOKEN_STRING || !pd_json_scan_is (scan, "</w>")))
        return fail (reader, _ ("\"end_of_word_suffix\" is not \"</w>\", the only one supported"),
                     error);
      else if (!pd_json_scan_skip (scan, token))
        return fail (reader, "", error);
    }
  return token == PD_JSON_TOKEN_OBJECT_END || fail (reader, "", error);
}

/* An object of "added_tokens". */
static gboolean
read_added_token (Reader *reader, GError **error)
{
  PdJsonScan *scan = &reader->scan;
  g_autofree char *content = NULL;
  gint64 id = -1;
  PdJsonToken token;
  while ((token = pd_json_scan_next (scan)) == PD_JSON_TOKEN_KEY)
    {
      g_autofree char *key = pd_json_scan_string (scan);
      token = pd_json_scan_next (scan);
      if (g_str_equal (key, "content") && token == PD_JSON_TOKEN_STRING && content == NULL)
        content = pd_json_scan_string (scan);
      else if (g_str_equal (key, "id") && !pd_json_scan_count (scan, token, &id))
        id = -1;
      if (!pd_json_scan_skip (scan, token))
        return fail (reader, "", error);
    }
  if (token != PD_JSON_TOKEN_OBJECT_END || content == NULL || *content == '\0' || id < 0 ||
      id > MAX_ID || reader->tables->added->len == MAX_ADDED)
    return fail (
        reader, _ ("\"added_tokens\" is not a list of objects with \"id\" and \"content\""), error);
  g_hash_table_insert (reader->tables->vocabulary, g_strdup (content), GINT_TO_POINTER ((gint) id));
  g_ptr_array_add (reader->tables->added, g_steal_pointer (&content));
  return TRUE;
}

static gboolean
read_added (Reader *reader, PdJsonToken token, GError **error)
{
  if (token != PD_JSON_TOKEN_ARRAY)
    return fail (
        reader, _ ("\"added_tokens\" is not a list of objects with \"id\" and \"content\""), error);
  while ((token = pd_json_scan_next (&reader->scan)) == PD_JSON_TOKEN_OBJECT)
    if (!read_added_token (reader, error))
      return FALSE;
  return token == PD_JSON_TOKEN_ARRAY_END ||
         fail (reader, _ ("\"added_tokens\" is not a list of objects with \"id\" and \"content\""),
               error);
}

/* "padding" is null or an object. */
static gboolean
read_padding (Reader *reader, PdJsonToken token, GError **error)
{
  PdJsonScan *scan = &reader->scan;
  if (token != PD_JSON_TOKEN_OBJECT)
    return pd_json_scan_skip (scan, token) || fail (reader, "", error);
  while ((token = pd_json_scan_next (scan)) == PD_JSON_TOKEN_KEY)
    {
      gboolean is_pad = pd_json_scan_is (scan, "pad_token");
      token = pd_json_scan_next (scan);
      if (is_pad && token == PD_JSON_TOKEN_STRING && reader->tables->pad == NULL)
        reader->tables->pad = pd_json_scan_string (scan);
      if (!pd_json_scan_skip (scan, token))
        return fail (reader, "", error);
    }
  return token == PD_JSON_TOKEN_OBJECT_END || fail (reader, "", error);
}

static gboolean
read_file (Reader *reader, GError **error)
{
  PdJsonScan *scan = &reader->scan;
  gboolean found = FALSE, good = TRUE;
  PdJsonToken token = pd_json_scan_next (scan);
  if (token != PD_JSON_TOKEN_OBJECT)
    return fail (reader, _ ("a JSON object expected"), error);
  while (good && (token = pd_json_scan_next (scan)) == PD_JSON_TOKEN_KEY)
    {
      g_autofree char *key = pd_json_scan_string (scan);
      token = pd_json_scan_next (scan);
      if (g_str_equal (key, "model"))
        good = found = read_model (reader, token, error);
      else if (g_str_equal (key, "added_tokens"))
        good = read_added (reader, token, error);
      else if (g_str_equal (key, "padding"))
        good = read_padding (reader, token, error);
      else if (!pd_json_scan_skip (scan, token))
        return fail (reader, "", error);
    }
  if (!good)
    return FALSE;
  if (token != PD_JSON_TOKEN_OBJECT_END || pd_json_scan_next (scan) != PD_JSON_TOKEN_END)
    return fail (reader, "", error);
  return found || fail (reader, _ ("\"model\" is missing"), error);
}

gboolean
pd_tokenizer_tables_load (PdTokenizerTables *self, const char *path, GError **error)
{
  g_autoptr (GBytes) bytes = pd_file_read (path, MAX_FILE, error);
  Reader reader = { .tables = self, .path = path };
  gsize length;

  self->vocabulary = g_hash_table_new_full (pd_keyed_hash, g_str_equal, g_free, NULL);
  self->merges = g_string_new ("#version: 0.2\n");
  self->added = g_ptr_array_new_with_free_func (g_free);
  self->pad = NULL;
  if (bytes == NULL)
    return FALSE;
  const char *data = g_bytes_get_data (bytes, &length);
  return pd_json_scan_init (&reader.scan, data, length, path, error) && read_file (&reader, error);
}
