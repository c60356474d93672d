// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/tokenizer.h"

#include <inttypes.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/model/bpe.h"
#include "engine/model/clip-vocabulary.h"
#include "engine/model/json.h"
#include "engine/model/words.h"

static const gsize MAX_FILE = 32 * 1024 * 1024;
static const gint64 MAX_ID = 1000000;

struct _PdTokenizer
{
  PdBpe *bpe;
  char *specials[3]; /* start and end as they may appear in a text; NULL-terminated */
  gint32 start, end, pad;
  gint32 size;
};

static void
clear (gpointer data)
{
  PdTokenizer *self = data;
  pd_bpe_free (self->bpe);
  g_free (self->specials[0]);
  g_free (self->specials[1]);
}

PdTokenizer *
pd_tokenizer_ref (PdTokenizer *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pd_tokenizer_unref (PdTokenizer *self)
{
  if (self != NULL)
    g_atomic_rc_box_release_full (self, clear);
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

/* @specials: the tokens that start, end and pad. */
static PdTokenizer *
tokenizer_new (GHashTable *vocabulary,
               const char *merges,
               const char *const specials[3],
               const char *name,
               GError **error)
{
  g_autoptr (PdTokenizer) self = g_atomic_rc_box_new0 (PdTokenizer);
  GHashTableIter iter;
  gpointer id;
  g_hash_table_iter_init (&iter, vocabulary);
  while (g_hash_table_iter_next (&iter, NULL, &id))
    self->size = MAX (self->size, GPOINTER_TO_INT (id) + 1);
  self->specials[0] = g_strdup (specials[0]);
  self->specials[1] = g_strdup (specials[1]);
  self->bpe = pd_bpe_new (vocabulary, merges, name, error);
  if (self->bpe == NULL || !look_up_special (vocabulary, specials[0], name, &self->start, error) ||
      !look_up_special (vocabulary, specials[1], name, &self->end, error) ||
      !look_up_special (vocabulary, specials[2], name, &self->pad, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* Token -> id of vocab.json. */
static GHashTable *
load_vocabulary (const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "vocab.json", NULL);
  g_autoptr (JsonNode) root = pd_json_load_object (path, MAX_FILE, error);
  if (root == NULL)
    return NULL;
  g_autoptr (GHashTable) vocabulary = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  JsonObjectIter iter;
  const char *token;
  JsonNode *node;
  json_object_iter_init_ordered (&iter, json_node_get_object (root));
  while (json_object_iter_next_ordered (&iter, &token, &node))
    {
      gint64 id = JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64
                      ? json_node_get_int (node)
                      : -1;
      if (id < 0 || id > MAX_ID)
        {
          pd_error_set_bad_model (
              error, _ ("%s: the id of \"%.60s\" is not a whole number from 0 to %" PRId64), path,
              token, MAX_ID);
          return NULL;
        }
      g_hash_table_insert (vocabulary, g_strdup (token), GINT_TO_POINTER ((gint) id));
    }
  return g_steal_pointer (&vocabulary);
}

static char *
load_merges (const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "merges.txt", NULL);
  g_autoptr (GError) failure = NULL;
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, &failure);
  if (file == NULL)
    {
      pd_error_set_bad_model (error, "%s", failure->message);
      return NULL;
    }
  gsize length = g_mapped_file_get_length (file);
  const char *data = length > 0 ? g_mapped_file_get_contents (file) : "";
  if (length > MAX_FILE || !g_utf8_validate_len (data, length, NULL))
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

PdTokenizer *
pd_tokenizer_new_from_folder (const char *folder, GError **error)
{
  char *specials[3] = { g_strdup ("<|startoftext|>"), g_strdup ("<|endoftext|>"), NULL };
  PdTokenizer *self = NULL;
  g_autoptr (GHashTable) vocabulary = load_vocabulary (folder, error);
  g_autofree char *merges = vocabulary != NULL ? load_merges (folder, error) : NULL;
  if (merges != NULL && load_specials (folder, "tokenizer_config.json", specials, error) &&
      load_specials (folder, "special_tokens_map.json", specials, error))
    {
      const char *const tokens[3] = { specials[0], specials[1],
                                      specials[2] != NULL ? specials[2] : specials[1] };
      self = tokenizer_new (vocabulary, merges, tokens, folder, error);
    }
  for (guint i = 0; i < G_N_ELEMENTS (specials); i++)
    g_free (specials[i]);
  return self;
}

PdTokenizer *
pd_tokenizer_new_clip (GError **error)
{
  static const char *const specials[3] = { "<|startoftext|>", "<|endoftext|>", "<|endoftext|>" };
  static gsize registered;
  if (g_once_init_enter (&registered))
    {
      pd_clip_vocabulary_register_resource ();
      g_once_init_leave (&registered, 1);
    }
  g_autoptr (GBytes) bytes = g_resources_lookup_data (
      "/parallel-diffusion/clip-vocabulary/merges.txt", G_RESOURCE_LOOKUP_FLAGS_NONE, error);
  if (bytes == NULL)
    return NULL;
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  g_autofree char *merges = g_strndup (data, length);
  g_autoptr (GHashTable) vocabulary = pd_bpe_vocabulary_from_merges (merges);
  return tokenizer_new (vocabulary, merges, specials, "CLIP", error);
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

GArray *
pd_tokenizer_encode (const PdTokenizer *self, const char *text, GError **error)
{
  const char *invalid;
  if (!g_utf8_validate (text, -1, &invalid))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("the prompt is not valid UTF-8 at byte %zu"), (gsize) (invalid - text));
      return NULL;
    }
  g_autofree char *normal = pd_words_normalise (text);
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  const char *at = normal, *word;
  gsize length;
  while ((word = pd_words_next (&at, (const char *const *) self->specials, &length)) != NULL)
    {
      if (g_str_has_prefix (word, self->specials[0]))
        g_array_append_val (ids, self->start);
      else if (g_str_has_prefix (word, self->specials[1]))
        g_array_append_val (ids, self->end);
      else
        pd_bpe_encode (self->bpe, word, length, ids);
    }
  return ids;
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
  *n_chunks = MAX (1, (ids->len + room - 1) / room);
  gint32 *chunks = g_new (gint32, (gsize) *n_chunks * PD_TOKENIZER_CHUNK);
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
