// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/tokenizer.h"

#include <inttypes.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/files/bpe.h"
#include "engine/files/clip-vocabulary.h"
#include "engine/base/file.h"
#include "engine/base/json-scan.h"
#include "engine/base/json.h"
#include "engine/files/keyed-hash.h"
#include "engine/files/tokenizer-private.h"
#include "engine/files/words.h"

/* CLIP's vocabulary has 0.9 MB. */
static const gsize MAX_FILE = 8 * 1024 * 1024;
static const gint64 MAX_ID = 1000000;

enum
{
  LOOK_INTERVAL = 4096, /* tokens between two looks at the cancellable */
};

struct _PdTokenizer
{
  PdBpe *bpe;
  GPtrArray *specials; /* tokens that are one wherever they stand in a text; NULL-terminated */
  GArray *special_ids; /* of gint32 */
  gint32 start, end, pad;
  gint32 size;
};

void
pd_tokenizer_free (PdTokenizer *self)
{
  if (self == NULL)
    return;
  pd_bpe_free (self->bpe);
  g_ptr_array_unref (self->specials);
  g_array_unref (self->special_ids);
  g_free (self);
}

static gboolean
look_up_special (
    GHashTable *vocabulary, const char *token, const char *name, gint32 *id, GError **error)
{
  gpointer value;
  if (g_hash_table_lookup_extended (vocabulary, token, NULL, &value))
    {
      *id = GPOINTER_TO_INT (value);
      return TRUE;
    }
  pd_error_set_bad_model (error, _ ("%s: the special token \"%.60s\" is not in the vocabulary"),
                          name, token);
  return FALSE;
}

static void
add_special (PdTokenizer *self, const char *token, gint32 id)
{
  g_ptr_array_add (self->specials, g_strdup (token));
  g_array_append_val (self->special_ids, id);
}

/* @specials: the tokens that start, end and pad. @added: of tokens in @vocabulary; NULL: none. */
static PdTokenizer *
tokenizer_new (GHashTable *vocabulary,
               const char *merges,
               const char *const specials[3],
               const GPtrArray *added,
               const char *name,
               GError **error)
{
  g_autoptr (PdTokenizer) self = g_new0 (PdTokenizer, 1);
  GHashTableIter iter;
  gpointer id;
  g_hash_table_iter_init (&iter, vocabulary);
  while (g_hash_table_iter_next (&iter, NULL, &id))
    self->size = MAX (self->size, GPOINTER_TO_INT (id) + 1);
  self->specials = g_ptr_array_new_with_free_func (g_free);
  self->special_ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  self->bpe = pd_bpe_new (vocabulary, merges, name, error);
  if (self->bpe == NULL || !look_up_special (vocabulary, specials[0], name, &self->start, error) ||
      !look_up_special (vocabulary, specials[1], name, &self->end, error) ||
      !look_up_special (vocabulary, specials[2], name, &self->pad, error))
    return NULL;
  add_special (self, specials[0], self->start);
  add_special (self, specials[1], self->end);
  for (guint i = 0; added != NULL && i < added->len; i++)
    add_special (self, added->pdata[i],
                 GPOINTER_TO_INT (g_hash_table_lookup (vocabulary, added->pdata[i])));
  g_ptr_array_add (self->specials, NULL);
  return g_steal_pointer (&self);
}

/* The members of vocab.json, token: id. */
static gboolean
read_vocabulary (GHashTable *vocabulary, PdJsonScan *scan, const char *path, GError **error)
{
  PdJsonToken token = pd_json_scan_next (scan);
  if (token != PD_JSON_TOKEN_OBJECT && token != PD_JSON_TOKEN_ERROR)
    {
      pd_error_set_bad_model (error, _ ("%s: a JSON object expected"), path);
      return FALSE;
    }
  while ((token = pd_json_scan_next (scan)) == PD_JSON_TOKEN_KEY)
    {
      g_autofree char *text = pd_json_scan_string (scan);
      gint64 id;
      token = pd_json_scan_next (scan);
      if (token == PD_JSON_TOKEN_ERROR)
        break;
      if (!pd_json_scan_count (scan, token, &id) || id > MAX_ID)
        {
          pd_error_set_bad_model (
              error, _ ("%s: the id of \"%.60s\" is not a whole number from 0 to %" PRId64), path,
              text, MAX_ID);
          return FALSE;
        }
      if (g_hash_table_contains (vocabulary, text))
        {
          pd_error_set_bad_model (error, _ ("%s: the key \"%.200s\" appears twice"), path, text);
          return FALSE;
        }
      g_hash_table_insert (vocabulary, g_steal_pointer (&text), GINT_TO_POINTER ((gint) id));
      if (g_hash_table_size (vocabulary) % LOOK_INTERVAL == 0 &&
          g_cancellable_set_error_if_cancelled (g_cancellable_get_current (), error))
        return FALSE;
    }
  return (token == PD_JSON_TOKEN_OBJECT_END && pd_json_scan_next (scan) == PD_JSON_TOKEN_END) ||
         pd_json_scan_fail (scan, path, error);
}

/* Token -> id of vocab.json. */
static GHashTable *
load_vocabulary (const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "vocab.json", NULL);
  g_autoptr (GBytes) bytes = pd_file_read (path, MAX_FILE, error);
  if (bytes == NULL)
    return NULL;
  g_autoptr (GHashTable) vocabulary =
      g_hash_table_new_full (pd_keyed_hash, g_str_equal, g_free, NULL);
  PdJsonScan scan;
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  if (!pd_json_scan_init (&scan, data, length, path, error) ||
      !read_vocabulary (vocabulary, &scan, path, error))
    return NULL;
  return g_steal_pointer (&vocabulary);
}

static char *
load_merges (const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "merges.txt", NULL);
  g_autoptr (GBytes) bytes = pd_file_read (path, MAX_FILE, error);
  if (bytes == NULL)
    return NULL;
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  if (length == 0)
    return g_strdup ("");
  if (!g_utf8_validate_len (data, length, NULL))
    {
      pd_error_set_bad_model (error, _ ("%s: expected at most %zu bytes of UTF-8"), path, MAX_FILE);
      return NULL;
    }
  return g_strndup (data, length);
}

/* Replaces in @specials what the file states; a token is a string or an object with "content". */
static gboolean
load_specials (const char *folder, const char *file, char *specials[3], GError **error)
{
  static const char *const keys[] = { "bos_token", "eos_token", "pad_token" };
  g_autofree char *path = g_build_filename (folder, file, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autoptr (JsonNode) root = pd_json_load_object (path, MAX_FILE, error);
  if (root == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      PdJsonReader reader = { .name = path, .object = json_node_get_object (root) };
      const char *key = keys[i];
      JsonNode *node = json_object_get_member (reader.object, key);
      if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
        {
          reader.object = json_node_get_object (node);
          key = "content";
        }
      const char *token = pd_json_reader_string (&reader, key);
      if (!pd_json_reader_finish (&reader, error))
        return FALSE;
      if (token != NULL && *token != '\0')
        {
          g_free (specials[i]);
          specials[i] = g_strdup (token);
        }
    }
  return TRUE;
}

static gboolean
has_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

gboolean
pd_tokenizer_folder_has_vocabulary (const char *folder)
{
  return has_file (folder, "vocab.json") || has_file (folder, "merges.txt") ||
         has_file (folder, "tokenizer.json");
}

static GBytes *
clip_merges (GError **error)
{
  static gsize registered;
  if (g_once_init_enter (&registered))
    {
      pd_clip_vocabulary_register_resource ();
      g_once_init_leave (&registered, 1);
    }
  return g_resources_lookup_data ("/parallel-diffusion/clip-vocabulary/merges.txt",
                                  G_RESOURCE_LOOKUP_FLAGS_NONE, error);
}

static gboolean
load_clip_tables (PdTokenizerTables *tables, GError **error)
{
  g_autoptr (GBytes) bytes = clip_merges (error);
  if (bytes == NULL)
    return FALSE;
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  tables->merges = g_string_new_len (data, length);
  tables->vocabulary = pd_bpe_vocabulary_from_merges (tables->merges->str);
  return TRUE;
}

/* From the two older files, from tokenizer.json, or what is built in if there is none of them. */
static gboolean
load_tables (PdTokenizerTables *tables, const char *folder, GError **error)
{
  g_autofree char *json = g_build_filename (folder, "tokenizer.json", NULL);
  g_autofree char *merges = NULL;
  if (!pd_tokenizer_folder_has_vocabulary (folder))
    return load_clip_tables (tables, error);
  if (g_file_test (json, G_FILE_TEST_EXISTS) &&
      !(has_file (folder, "vocab.json") && has_file (folder, "merges.txt")))
    return pd_tokenizer_tables_load (tables, json, error);
  tables->vocabulary = load_vocabulary (folder, error);
  if (tables->vocabulary != NULL)
    merges = load_merges (folder, error);
  if (merges == NULL)
    return FALSE;
  tables->merges = g_string_new (merges);
  return TRUE;
}

PdTokenizer *
pd_tokenizer_new_from_folder (const char *folder, GError **error)
{
  char *specials[3] = { g_strdup ("<|startoftext|>"), g_strdup ("<|endoftext|>"), NULL };
  PdTokenizer *self = NULL;
  g_auto (PdTokenizerTables) tables = { NULL };
  if (load_tables (&tables, folder, error))
    {
      specials[2] = g_steal_pointer (&tables.pad);
      if (load_specials (folder, "tokenizer_config.json", specials, error) &&
          load_specials (folder, "special_tokens_map.json", specials, error))
        {
          const char *const tokens[3] = { specials[0], specials[1],
                                          specials[2] != NULL ? specials[2] : specials[1] };
          self = tokenizer_new (tables.vocabulary, tables.merges->str, tokens, tables.added, folder,
                                error);
        }
    }
  for (guint i = 0; i < G_N_ELEMENTS (specials); i++)
    g_free (specials[i]);
  return self;
}

PdTokenizer *
pd_tokenizer_new_clip (GError **error)
{
  static const char *const specials[3] = { "<|startoftext|>", "<|endoftext|>", "<|endoftext|>" };
  g_auto (PdTokenizerTables) tables = { NULL };
  return load_clip_tables (&tables, error)
             ? tokenizer_new (tables.vocabulary, tables.merges->str, specials, NULL, "CLIP", error)
             : NULL;
}

gint32
pd_tokenizer_get_start (const PdTokenizer *self)
{
  return self->start;
}

gint32
pd_tokenizer_get_end (const PdTokenizer *self)
{
  return self->end;
}

gint32
pd_tokenizer_get_pad (const PdTokenizer *self)
{
  return self->pad;
}

gint32
pd_tokenizer_get_size (const PdTokenizer *self)
{
  return self->size;
}

/* @text, normalised; NULL if it is not UTF-8. */
static char *
normalise (const char *text, GError **error)
{
  const char *invalid;
  if (g_utf8_validate (text, -1, &invalid))
    return pd_words_normalise (text);
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("the prompt is not valid UTF-8 at byte %zu"), (gsize) (invalid - text));
  return NULL;
}

static void
encode_word (const PdTokenizer *self, const char *word, gsize length, GArray *ids)
{
  guint i = 0;
  while (i < self->special_ids->len && !g_str_has_prefix (word, self->specials->pdata[i]))
    i++;
  if (i < self->special_ids->len)
    g_array_append_val (ids, g_array_index (self->special_ids, gint32, i));
  else
    pd_bpe_encode (self->bpe, word, length, ids);
}

GArray *
pd_tokenizer_encode (const PdTokenizer *self, const char *text, GError **error)
{
  g_autofree char *normal = normalise (text, error);
  if (normal == NULL)
    return NULL;
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const char *at = normal, *word;
  gsize length;
  while ((word = pd_words_next (&at, (const char *const *) self->specials->pdata, &length)) != NULL)
    encode_word (self, word, length, ids);
  return ids;
}

GArray *
pd_tokenizer_find_words (const PdTokenizer *self, const char *text, char **normal, GError **error)
{
  *normal = normalise (text, error);
  if (*normal == NULL)
    return NULL;
  GArray *words = g_array_new (FALSE, FALSE, sizeof (PdTokenizerWord));
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const char *at = *normal, *part;
  gsize length;
  while ((part = pd_words_next (&at, (const char *const *) self->specials->pdata, &length)) != NULL)
    {
      const gsize start = (gsize) (part - *normal);
      const guint first = ids->len;
      PdTokenizerWord *last =
          words->len > 0 ? &g_array_index (words, PdTokenizerWord, words->len - 1) : NULL;
      encode_word (self, part, length, ids);
      if (last != NULL && last->start + last->length == start)
        {
          last->length += length;
          last->n += ids->len - first;
          continue;
        }
      PdTokenizerWord word = { start, length, first, ids->len - first };
      g_array_append_val (words, word);
    }
  return words;
}

gint32 *
pd_tokenizer_encode_chunks (const PdTokenizer *self,
                            const char *text,
                            guint *n_chunks,
                            GError **error)
{
  static const guint room = PD_TOKENIZER_CHUNK - 2;
  g_autoptr (GArray) ids = pd_tokenizer_encode (self, text, error);
  if (ids == NULL)
    return NULL;
  if (ids->len > PD_TOKENIZER_MOST_CHUNKS * room)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("the prompt has %u tokens, more than %u: shorten it"), ids->len,
                   PD_TOKENIZER_MOST_CHUNKS * room);
      return NULL;
    }
  *n_chunks = MAX (1, (ids->len + room - 1) / room);
  gint32 *chunks =
      pd_try_new (gint32, (gsize) *n_chunks * PD_TOKENIZER_CHUNK, _ ("the prompt"), error);
  if (chunks == NULL)
    return NULL;
  for (guint i = 0; i < *n_chunks; i++)
    {
      gint32 *chunk = chunks + (gsize) i * PD_TOKENIZER_CHUNK;
      guint count = MIN (room, ids->len - MIN (ids->len, i * room));
      chunk[0] = self->start;
      if (count > 0)
        memcpy (chunk + 1, &g_array_index (ids, gint32, i * room), count * sizeof (gint32));
      chunk[count + 1] = self->end;
      for (guint j = count + 2; j < PD_TOKENIZER_CHUNK; j++)
        chunk[j] = self->pad;
    }
  return chunks;
}
