// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/base/file.h"
#include "engine/files/model-check.h"
#include "engine/networks/model.h"

static gboolean
load_parts (PdModel *self, const PdBackend *backend, GError **error)
{
  const PdModelFiles *files = self->files;
  const PdPartFiles *unet = &files->parts[PD_PART_UNET];
  const PdPartFiles *vae = &files->parts[PD_PART_VAE];
  const PdPartFiles *text = &files->parts[PD_PART_TEXT_ENCODER];

  if (!pd_model_files_require (files, PD_PART_UNET, error) ||
      !pd_model_files_require (files, PD_PART_VAE, error) ||
      !pd_model_files_require (files, PD_PART_TEXT_ENCODER, error))
    return FALSE;

  self->tokenizer = pd_model_files_load_tokenizer (files, error);
  if (self->tokenizer == NULL || !pd_model_check (files, self->tokenizer, error))
    return FALSE;
  pd_model_files_note_zeros (self->files);
  self->text_encoder = pd_text_encoder_new (backend, text->config, text->checkpoint, error);
  if (self->text_encoder == NULL)
    return FALSE;
  self->unet = pd_unet_new (backend, unet->config, unet->checkpoint, error);
  if (self->unet == NULL)
    return FALSE;
  if (vae->class == PD_CLASS_AUTOENCODER_KL)
    self->vae = pd_vae_new (backend, vae->config, vae->checkpoint, error);
  else
    self->tiny_vae = pd_tiny_vae_new (backend, vae->config, vae->checkpoint, error);
  return self->vae != NULL || self->tiny_vae != NULL;
}

PdModel *
pd_model_load (const PdBackend *backend,
               const char *path,
               const PdModelParts *parts,
               GError **error)
{
  g_autoptr (PdModel) self = g_new0 (PdModel, 1);
  const char *changed;
  gboolean loaded;

  self->stamps = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_file_stamp_free);
  pd_file_record_push (self->stamps);
  self->files = pd_model_files_open_with_parts (path, parts, error);
  loaded = self->files != NULL && load_parts (self, backend, error);
  pd_file_record_pop ();
  if (!loaded)
    return NULL;
  changed = pd_model_changed_file (self);
  if (changed != NULL)
    {
      pd_error_set_bad_model (
          error, _ ("%s: has changed while it was read; try again once it is complete"), changed);
      return NULL;
    }
  return g_steal_pointer (&self);
}

const char *
pd_model_changed_file (const PdModel *self)
{
  for (guint i = 0; i < self->stamps->len; i++)
    {
      const PdFileStamp *stamp = g_ptr_array_index (self->stamps, i);

      if (!pd_file_stamp_holds (stamp))
        return stamp->path;
    }
  return NULL;
}

void
pd_model_free (PdModel *self)
{
  if (self == NULL)
    return;
  pd_unet_free (self->unet);
  pd_vae_free (self->vae);
  pd_tiny_vae_free (self->tiny_vae);
  pd_text_encoder_free (self->text_encoder);
  g_clear_pointer (&self->tokenizer, pd_tokenizer_free);
  pd_model_files_free (self->files);
  g_clear_pointer (&self->stamps, g_ptr_array_unref);
  g_free (self);
}

guint
pd_model_scale (const PdModel *self)
{
  const PdPartFiles *vae = &self->files->parts[PD_PART_VAE];

  return vae->class == PD_CLASS_AUTOENCODER_KL ? pd_vae_scale (vae->config)
                                               : pd_tiny_vae_scale (vae->config);
}

guint
pd_model_latent_channels (const PdModel *self)
{
  const PdPartFiles *part = &self->files->parts[PD_PART_VAE];
  const PdVaeConfig *vae = part->config;
  const PdTinyVaeConfig *tiny_vae = part->config;

  return part->class == PD_CLASS_AUTOENCODER_KL ? vae->latent_channels : tiny_vae->latent_channels;
}

gboolean
pd_model_encode_text (PdModel *self,
                      const char *const *prompts,
                      guint n,
                      float **context,
                      guint *tokens,
                      GCancellable *cancellable,
                      GError **error)
{
  const PdTextConfig *config = self->files->parts[PD_PART_TEXT_ENCODER].config;
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  g_autofree guint *n_chunks = NULL;
  g_autofree gint32 *empty = NULL, *all = NULL;
  g_autoptr (PdTextPass) pass = NULL;
  g_autofree float *result = NULL;
  guint most = 1, n_empty;
  gsize n_ids, n_values;

  if ((n_chunks = pd_try_new (guint, n, _ ("the prompt"), error)) == NULL ||
      (empty = pd_tokenizer_encode_chunks (self->tokenizer, "", &n_empty, error)) == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      gint32 *chunks =
          pd_tokenizer_encode_chunks (self->tokenizer, prompts[i], &n_chunks[i], error);

      if (chunks == NULL)
        return FALSE;
      g_ptr_array_add (ids, chunks);
      most = MAX (most, n_chunks[i]);
    }

  n_ids = (gsize) n * most * PD_TOKENIZER_CHUNK;
  n_values = n_ids * config->hidden_size;
  all = pd_try_new (gint32, n_ids, _ ("the prompt"), error);
  if (all == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++)
    for (guint chunk = 0; chunk < most; chunk++)
      {
        const gint32 *source = g_ptr_array_index (ids, i);

        memcpy (all + (gsize) (i * most + chunk) * PD_TOKENIZER_CHUNK,
                chunk < n_chunks[i] ? source + (gsize) chunk * PD_TOKENIZER_CHUNK : empty,
                PD_TOKENIZER_CHUNK * sizeof *all);
      }
  pass = pd_text_pass_new (self->text_encoder, n * most, PD_TOKENIZER_CHUNK, NULL, error);
  if (pass == NULL || (result = pd_try_new (float, n_values, _ ("the prompt"), error)) == NULL ||
      !pd_text_pass_run (pass, all, n_ids, result, n_values, cancellable, error))
    return FALSE;
  *context = g_steal_pointer (&result);
  *tokens = most * PD_TOKENIZER_CHUNK;
  return TRUE;
}

gboolean
pd_model_decode (PdModel *self,
                 guint h,
                 guint w,
                 const float *latents,
                 gsize n_latents,
                 float *picture,
                 gsize n_picture,
                 GCancellable *cancellable,
                 GError **error)
{
  const PdVaeConfig *config = self->files->parts[PD_PART_VAE].config;
  g_autoptr (PdVaePass) pass = NULL;
  g_autofree float *raw = NULL;

  if (self->tiny_vae != NULL)
    {
      g_autoptr (PdTinyVaePass) tiny = pd_tiny_vae_decoder_new (self->tiny_vae, 1, h, w, error);

      return tiny != NULL &&
             pd_tiny_vae_decode (tiny, latents, n_latents, picture, n_picture, cancellable, error);
    }
  pass = pd_vae_decoder_new (self->vae, 1, h, w, NULL, FALSE, error);
  if (pass == NULL || (raw = pd_try_new (float, n_latents, _ ("the picture"), error)) == NULL)
    return FALSE;
  for (gsize i = 0; i < n_latents; i++)
    raw[i] = (float) (latents[i] / config->scaling_factor + config->shift_factor);
  return pd_vae_decode (pass, raw, n_latents, picture, n_picture, cancellable, error);
}

gboolean
pd_model_encode (PdModel *self,
                 guint h,
                 guint w,
                 const float *picture,
                 gsize n_picture,
                 const float *noise,
                 float *latents,
                 gsize n_latents,
                 GCancellable *cancellable,
                 GError **error)
{
  const PdVaeConfig *config = self->files->parts[PD_PART_VAE].config;
  g_autoptr (PdVaePass) pass = NULL;
  g_autofree float *mean = NULL, *log_variance = NULL;

  if (self->tiny_vae != NULL)
    {
      g_autoptr (PdTinyVaePass) tiny = pd_tiny_vae_encoder_new (self->tiny_vae, 1, h, w, error);

      return tiny != NULL &&
             pd_tiny_vae_encode (tiny, picture, n_picture, latents, n_latents, cancellable, error);
    }
  pass = pd_vae_encoder_new (self->vae, 1, h, w, NULL, FALSE, error);
  if (pass == NULL || (mean = pd_try_new (float, n_latents, _ ("the picture"), error)) == NULL ||
      (log_variance = pd_try_new (float, n_latents, _ ("the picture"), error)) == NULL ||
      !pd_vae_encode (pass, picture, n_picture, mean, log_variance, n_latents, cancellable, error))
    return FALSE;
  for (gsize i = 0; i < n_latents; i++)
    {
      double sample = mean[i] + exp (0.5 * log_variance[i]) * noise[i];

      latents[i] = (float) ((sample - config->shift_factor) * config->scaling_factor);
    }
  return TRUE;
}
