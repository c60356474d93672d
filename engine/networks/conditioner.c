// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/conditioner.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/files/model-check.h"

PdConditioner *
pd_conditioner_new (const PdBackend *backend, const PdModelFiles *files, GError **error)
{
  const PdPartFiles *text = &files->parts[PD_PART_TEXT_ENCODER];
  const PdTextConfig *config = text->config;
  g_autoptr (PdConditioner) self = g_new0 (PdConditioner, 1);

  self->width = config->hidden_size;
  self->tokenizer = pd_model_files_load_tokenizer (files, error);
  if (self->tokenizer == NULL || !pd_model_check (files, self->tokenizer, error))
    return NULL;
  self->encoder = pd_text_encoder_new (backend, config, text->checkpoint, error);
  return self->encoder != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_conditioner_free (PdConditioner *self)
{
  if (self == NULL)
    return;
  pd_text_encoder_free (self->encoder);
  g_clear_pointer (&self->tokenizer, pd_tokenizer_free);
  g_free (self);
}

/* The ids of all prompts, [n][*chunks][PD_TOKENIZER_CHUNK]; *chunks: at least so many. */
static gint32 *
tokenize (
    const PdConditioner *self, const char *const *prompts, guint n, guint *chunks, GError **error)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autofree guint *n_chunks = pd_try_new (guint, n, _ ("the prompt"), error);
  g_autofree gint32 *empty = NULL;
  gint32 *all;
  guint n_empty;

  if (n_chunks == NULL ||
      (empty = pd_tokenizer_encode_chunks (self->tokenizer, "", &n_empty, error)) == NULL)
    return NULL;
  for (guint i = 0; i < n; i++)
    {
      gint32 *prompt =
          pd_tokenizer_encode_chunks (self->tokenizer, prompts[i], &n_chunks[i], error);

      if (prompt == NULL)
        return NULL;
      g_ptr_array_add (ids, prompt);
      *chunks = MAX (*chunks, n_chunks[i]);
    }
  all = pd_try_new (gint32, (gsize) n * *chunks * PD_TOKENIZER_CHUNK, _ ("the prompt"), error);
  for (guint i = 0; all != NULL && i < n; i++)
    for (guint chunk = 0; chunk < *chunks; chunk++)
      {
        const gint32 *source = g_ptr_array_index (ids, i);

        memcpy (all + (gsize) (i * *chunks + chunk) * PD_TOKENIZER_CHUNK,
                chunk < n_chunks[i] ? source + (gsize) chunk * PD_TOKENIZER_CHUNK : empty,
                PD_TOKENIZER_CHUNK * sizeof *all);
      }
  return all;
}

GPtrArray *
pd_conditioner_encode (PdConditioner *self,
                       const char *const *prompts,
                       guint n,
                       guint n_tokens,
                       GCancellable *cancellable,
                       GError **error)
{
  g_autoptr (GPtrArray) conditions =
      g_ptr_array_new_with_free_func ((GDestroyNotify) pd_condition_free);
  g_autoptr (PdTextEncoderPass) pass = NULL;
  g_autofree float *values = NULL;
  guint chunks = MAX (1, n_tokens / PD_TOKENIZER_CHUNK), tokens;
  g_autofree gint32 *ids = tokenize (self, prompts, n, &chunks, error);
  gsize n_ids, n_values;

  if (ids == NULL)
    return NULL;
  tokens = chunks * PD_TOKENIZER_CHUNK;
  n_ids = (gsize) n * tokens;
  n_values = n_ids * self->width;
  pass = pd_text_encoder_pass_new (self->encoder, n * chunks, PD_TOKENIZER_CHUNK, NULL, error);
  if (pass == NULL || (values = pd_try_new (float, n_values, _ ("the prompt"), error)) == NULL ||
      !pd_text_encoder_pass_run (pass, ids, n_ids, values, n_values, cancellable, error))
    return NULL;
  for (guint i = 0; i < n; i++)
    {
      PdCondition *condition = pd_condition_new ();

      g_ptr_array_add (conditions, condition);
      if (!pd_condition_add (condition, PD_CONDITION_CONTEXT, tokens, self->width,
                             values + (gsize) i * tokens * self->width, error))
        return NULL;
    }
  return g_steal_pointer (&conditions);
}

PdCondition *
pd_conditioner_blank (const PdConditioner *self, GError **error)
{
  g_autoptr (PdCondition) condition = pd_condition_new ();

  return pd_condition_add (condition, PD_CONDITION_CONTEXT, PD_TOKENIZER_CHUNK, self->width, NULL,
                           error)
             ? g_steal_pointer (&condition)
             : NULL;
}

gboolean
pd_conditioner_rehearse (PdConditioner *self, guint n, GError **error)
{
  g_autoptr (PdTextEncoderPass) pass =
      pd_text_encoder_pass_new (self->encoder, n, PD_TOKENIZER_CHUNK, NULL, error);

  return pass != NULL;
}
