// SPDX-License-Identifier: GPL-3.0-or-later
#include <stdio.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/files/model-files.h"
#include "engine/networks/text-encoder.h"
#include "engine/verify/parts.h"

enum
{
  MAX_JSON_BYTES = 64 << 20
};

JsonArray *
pd_verify_load_prompts (const PdVerify *verify, GError **error)
{
  g_autofree char *path = pd_verify_path (verify, "data", "prompts.json", NULL);
  g_autofree char *data = NULL;
  g_autoptr (JsonNode) root = NULL;
  gsize length;

  if (!g_file_get_contents (path, &data, &length, error))
    return NULL;
  root = pd_json_parse (data, length, path, error);
  if (root == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_ARRAY (root))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: not a list of prompts"), path);
      return NULL;
    }
  return json_array_ref (json_node_get_array (root));
}

const char *
pd_verify_prompt (JsonArray *prompts, guint index, GError **error)
{
  JsonNode *node =
      index < json_array_get_length (prompts) ? json_array_get_element (prompts, index) : NULL;
  const char *text =
      node != NULL && JSON_NODE_HOLDS_OBJECT (node)
          ? json_object_get_string_member_with_default (json_node_get_object (node), "text", NULL)
          : NULL;

  if (text == NULL)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                 _ ("data/prompts.json has no text at index %u"), index);
  return text;
}

/* The tokenizer of the model that the meaning of tensor @name names first: "… (sd1, sdxl first)".
 */
static PdTokenizer *
load_tokenizer (PdVerifyFile *file, const char *name, GError **error)
{
  const char *meaning = pd_verify_file_meaning (file, name), *open = strrchr (meaning, '(');
  g_autofree char *model = open != NULL ? g_strndup (open + 1, strcspn (open + 1, " ,)")) : NULL;
  g_autofree char *path = NULL;

  if (model == NULL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("the meaning of %s names no model whose tokenizer it is of"), name);
      return NULL;
    }
  path = pd_verify_path (file->verify, "models", model, "tokenizer", NULL);
  return pd_tokenizer_new_from_folder (path, error);
}

static void
check_ids (PdVerifyFile *file, const char *kind, guint prompt, const gint32 *ids, gsize count)
{
  g_autofree char *name = g_strdup_printf ("%s.%u", kind, prompt);
  g_autofree float *values = g_new (float, MAX (count, 1));

  for (gsize i = 0; i < count; i++)
    values[i] = (float) ids[i];
  pd_verify_file_check (file, name, values, count);
}

static gboolean
verify_chunks (PdVerifyFile *file, const char *kind, JsonArray *prompts, GError **error)
{
  g_autofree char *prefix = g_strconcat (kind, ".", NULL);
  g_autoptr (GArray) numbers = pd_verify_file_numbers (file, prefix, "");
  g_autofree char *first = NULL;
  g_autoptr (PdTokenizer) tokenizer = NULL;

  if (numbers->len == 0)
    return TRUE;
  first = g_strdup_printf ("%s.%u", kind, g_array_index (numbers, guint, 0));
  tokenizer = load_tokenizer (file, first, error);
  if (tokenizer == NULL)
    return FALSE;
  for (guint i = 0; i < numbers->len; i++)
    {
      guint prompt = g_array_index (numbers, guint, i), n_chunks;
      const char *text = pd_verify_prompt (prompts, prompt, error);
      g_autofree gint32 *ids =
          text ? pd_tokenizer_encode_chunks (tokenizer, text, &n_chunks, error) : NULL;

      if (ids == NULL)
        return FALSE;
      check_ids (file, kind, prompt, ids, PD_TOKENIZER_CHUNK);
    }
  return TRUE;
}

gboolean
pd_verify_tokenizer (PdVerifyFile *file, GError **error)
{
  g_autoptr (JsonArray) prompts = pd_verify_load_prompts (file->verify, error);
  g_autoptr (GArray) numbers = pd_verify_file_numbers (file, "raw.", "");
  g_autoptr (PdTokenizer) tokenizer = NULL;

  if (prompts == NULL)
    return FALSE;
  tokenizer = load_tokenizer (file, "ids.0", error);
  if (tokenizer == NULL)
    return FALSE;
  for (guint i = 0; i < numbers->len; i++)
    {
      guint prompt = g_array_index (numbers, guint, i);
      const char *text = pd_verify_prompt (prompts, prompt, error);
      g_autoptr (GArray) ids = text ? pd_tokenizer_encode (tokenizer, text, error) : NULL;

      if (ids == NULL)
        return FALSE;
      check_ids (file, "raw", prompt, (const gint32 *) ids->data, ids->len);
    }
  return verify_chunks (file, "ids", prompts, error) &&
         verify_chunks (file, "ids_pad0", prompts, error);
}

static void
check_hidden (PdVerifyFile *file,
              const PdProbes *probes,
              guint prompt,
              gsize count,
              float *values,
              GError **error)
{
  GHashTableIter iter;
  gpointer path, tensor;

  g_hash_table_iter_init (&iter, probes->wanted);
  while (g_hash_table_iter_next (&iter, &path, &tensor))
    {
      g_autofree char *name =
          g_strdup_printf ("hidden.%u.%s", prompt, (const char *) path + strlen ("hidden."));

      if (tensor == NULL || !pd_verify_file_expects (file, name))
        continue;
      if (!pd_tensor_read (tensor, values, count, error))
        return;
      pd_verify_file_check (file, name, values, count);
    }
}

/* The layers J of all hidden.N.J, as probes. */
static GHashTable *
wanted_layers (const PdVerifyFile *file)
{
  GHashTable *wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < file->names->len; i++)
    {
      guint prompt, layer;

      if (sscanf (g_ptr_array_index (file->names, i), "hidden.%u.%u", &prompt, &layer) == 2)
        g_hash_table_insert (wanted, g_strdup_printf ("hidden.%u", layer), NULL);
    }
  return wanted;
}

/* @ids: the file of token ids; @kind: which of its tensors the model's tokenizer gives. */
static gboolean
verify_prompts (PdVerifyFile *file,
                PdModelFiles *model,
                const PdVerifyFile *ids,
                const char *kind,
                GArray *numbers,
                GError **error)
{
  const PdPartFiles *part = &model->parts[PD_PART_TEXT_ENCODER];
  const PdTextConfig *config = part->config;
  gsize width = config->hidden_size;
  g_autoptr (GHashTable) wanted = wanted_layers (file);
  PdProbes probes = { .wanted = wanted };
  g_autoptr (PdTextEncoder) encoder =
      pd_text_encoder_new (file->verify->backend, config, part->checkpoint, error);
  g_autoptr (PdTextEncoderPass) pass =
      encoder ? pd_text_encoder_pass_new (encoder, 1, PD_TOKENIZER_CHUNK, &probes, error) : NULL;
  const gsize n_context = PD_TOKENIZER_CHUNK * width;
  g_autofree float *context = g_new (float, n_context);
  gint32 tokens[PD_TOKENIZER_CHUNK];
  GError *failure = NULL;

  if (pass == NULL)
    return FALSE;
  for (guint i = 0; i < numbers->len; i++)
    {
      guint prompt = g_array_index (numbers, guint, i);
      g_autofree char *source = g_strdup_printf ("%s.%u", kind, prompt);
      g_autofree char *last = g_strdup_printf ("last.%u", prompt);
      g_autofree char *pooled = g_strdup_printf ("pooled.%u", prompt);
      const PdTensorInfo *info;
      g_autofree float *values = pd_verify_file_values (ids, source, &info, error);

      if (values == NULL)
        return FALSE;
      if (pd_tensor_info_count (info) != PD_TOKENIZER_CHUNK)
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s does not have %d ids"), source,
                       PD_TOKENIZER_CHUNK);
          return FALSE;
        }
      for (guint t = 0; t < PD_TOKENIZER_CHUNK; t++)
        tokens[t] = (gint32) values[t];
      if (!pd_text_encoder_pass_run (pass, tokens, PD_TOKENIZER_CHUNK, context, n_context, NULL,
                                     error))
        return FALSE;
      pd_verify_file_check (file, last, context, n_context);
      pd_verify_file_check (
          file, pooled,
          context + pd_text_encoder_pooled_position (config, tokens, PD_TOKENIZER_CHUNK) * width,
          width);
      check_hidden (file, &probes, prompt, n_context, context, &failure);
      if (failure != NULL)
        {
          g_propagate_error (error, failure);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
pd_verify_text (PdVerifyFile *file, const char *model, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model, NULL);
  g_autofree char *encoder = g_build_filename (path, "text_encoder", NULL);
  g_autofree char *folder = g_build_filename (path, "tokenizer", NULL);
  g_autoptr (GArray) numbers = pd_verify_file_numbers (file, "last.", "");
  g_autoptr (PdModelFiles) files = NULL;
  g_autoptr (PdTokenizer) tokenizer = NULL;
  g_autoptr (PdVerifyFile) ids = NULL;

  if (numbers->len == 0)
    return TRUE;
  files = pd_model_files_open (encoder, NULL, error);
  if (files == NULL || !pd_model_files_require (files, PD_PART_TEXT_ENCODER, error))
    return FALSE;
  tokenizer = pd_tokenizer_new_from_folder (folder, error);
  if (tokenizer == NULL)
    return FALSE;
  ids = pd_verify_file_open (file->verify, "data/tokenizer.safetensors", error);
  return ids != NULL && verify_prompts (file, files, ids,
                                        pd_tokenizer_get_pad (tokenizer) == 0 ? "ids_pad0" : "ids",
                                        numbers, error);
}
