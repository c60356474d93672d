// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/verify/style.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/networks/unet.h"

void
pd_verify_style_clear (PdVerifyStyle *self)
{
  pd_denoiser_free (self->unet);
  g_clear_pointer (&self->files, pd_model_files_free);
  pd_condition_free (self->empty);
}

PdCondition *
pd_verify_style_condition (const PdVerifyStyle *self, const char *name, guint index, GError **error)
{
  const PdUNetConfig *config = self->files->parts[PD_PART_UNET].config;
  const PdTensorInfo *info;
  g_autofree float *values = pd_verify_file_values (self->file, name, &info, error);
  g_autoptr (PdCondition) condition = pd_condition_new ();

  if (values == NULL)
    return NULL;
  if (info->n_dims != 3 || info->dims[0] <= index || info->dims[2] != config->cross_attention_dim)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s does not fit the UNet"),
                   info->name);
      return NULL;
    }
  return pd_condition_add (condition, PD_CONDITION_CONTEXT, (guint) info->dims[1],
                           (guint) info->dims[2],
                           values + (gsize) index * info->dims[1] * info->dims[2], error)
             ? g_steal_pointer (&condition)
             : NULL;
}

float *
pd_verify_style_latents (PdVerifyStyle *self, const char *name, guint count, GError **error)
{
  const PdTensorInfo *info;
  g_autofree float *values = pd_verify_file_values (self->file, name, &info, error);

  if (values == NULL)
    return NULL;
  if (info->n_dims != 4 || info->dims[0] != count || info->dims[1] != self->unet->info.channels ||
      (self->n > 0 && pd_tensor_info_count (info) != count * self->n))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s is not a latent of this model"),
                   info->name);
      return NULL;
    }
  self->h = (guint) info->dims[2];
  self->w = (guint) info->dims[3];
  self->n = pd_tensor_info_count (info) / count;
  return g_steal_pointer (&values);
}

gboolean
pd_verify_style_open (PdVerifyStyle *self, PdVerifyFile *file, const char *model, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model, "unet", NULL);
  const PdPartFiles *part;

  self->file = file;
  self->files = pd_model_files_open (path, NULL, error);
  if (self->files == NULL || !pd_model_files_require (self->files, PD_PART_UNET, error))
    return FALSE;
  part = &self->files->parts[PD_PART_UNET];
  self->unet = pd_unet_new (file->verify->backend, part->config, part->checkpoint, error);
  return self->unet != NULL &&
         (self->empty = pd_verify_style_condition (self, "uncond", 0, error)) != NULL;
}

PdDenoiserPass *
pd_verify_style_pass (
    const PdVerifyStyle *self, guint n, PdHook *const *hooks, PdProbes *probes, GError **error)
{
  const PdDenoiserPassOptions options = {
    .n = n, .h = self->h, .w = self->w, .like = self->empty, .hooks = hooks, .probes = probes
  };

  return pd_denoiser_pass_new (self->unet, &options, error);
}

gboolean
pd_verify_style_run (const PdVerifyStyle *self,
                     PdDenoiserPass *pass,
                     double timestep,
                     const PdCondition *const *conditions,
                     const float *latents,
                     float *prediction,
                     GError **error)
{
  const gsize n = pass->n * self->n;
  g_autofree const PdCondition **all_empty = g_new (const PdCondition *, pass->n);

  for (guint i = 0; i < pass->n; i++)
    all_empty[i] = self->empty;
  return pd_denoiser_pass_run (
      pass,
      &(PdDenoiserRun){ .latents = latents,
                        .n_latents = n,
                        .timestep = timestep,
                        .conditions = conditions != NULL ? conditions : all_empty,
                        .prediction = prediction,
                        .n_prediction = n },
      NULL, error);
}
