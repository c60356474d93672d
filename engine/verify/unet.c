// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/files/model-files.h"
#include "engine/networks/unet.h"
#include "engine/verify/parts.h"

/* Expected tensors whose names start with @prefix, by what follows it, as probes. */
static GHashTable *
wanted_after (const PdVerifyFile *file, const char *prefix)
{
  GHashTable *wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < file->names->len; i++)
    {
      const char *name = g_ptr_array_index (file->names, i);

      if (g_str_has_prefix (name, prefix) && pd_verify_file_expects (file, name))
        g_hash_table_insert (wanted, g_strdup (name + strlen (prefix)), NULL);
    }
  return wanted;
}

/* Checks what the probes of the last run hold; outputs no module gave stay without verdict. */
static gboolean
check_probes (PdVerifyFile *file, const char *prefix, const PdProbes *probes, GError **error)
{
  GHashTableIter iter;
  gpointer path, value;

  g_hash_table_iter_init (&iter, probes->wanted);
  while (g_hash_table_iter_next (&iter, &path, &value))
    {
      const PdTensor *tensor = value;
      g_autofree char *name = g_strconcat (prefix, path, NULL);
      const PdTensorInfo *info = pd_verify_file_find (file, name);
      g_autofree float *values = NULL;
      gsize count;

      if (tensor == NULL)
        continue;
      count = pd_tensor_n_values (tensor);
      values = g_new (float, count);
      /* Token sequences and vectors are in our order already. */
      if (info->n_dims == 4 ? !pd_tensor_read_nchw (tensor, values, count, error)
                            : !pd_tensor_read (tensor, values, count, error))
        return FALSE;
      pd_verify_file_check (file, name, values, count);
    }
  return TRUE;
}

static gboolean
check_dims (const PdTensorInfo *info, guint n_dims, GError **error)
{
  if (info->n_dims == n_dims)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s has %u dimensions, expected %u"),
               info->name, info->n_dims, n_dims);
  return FALSE;
}

typedef struct
{
  PdDenoiser *unet;
  const PdUNetConfig *config;
} Network;

/* The conditions of @context, [n][tokens][width]. */
static GPtrArray *
conditions_of (const float *context, guint n, guint tokens, guint width, GError **error)
{
  g_autoptr (GPtrArray) conditions =
      g_ptr_array_new_with_free_func ((GDestroyNotify) pd_condition_free);

  for (guint i = 0; i < n; i++)
    {
      PdCondition *condition = pd_condition_new ();

      g_ptr_array_add (conditions, condition);
      if (!pd_condition_add (condition, PD_CONDITION_CONTEXT, tokens, width,
                             context + (gsize) i * tokens * width, error))
        return NULL;
    }
  return g_steal_pointer (&conditions);
}

/* The latents of @sample, and what else it has as a map in which the images lie below each other.
 */
static void
take_apart (const PdDenoiserInfo *unet,
            const float *sample,
            guint n,
            guint h,
            guint w,
            float *latents,
            float *map)
{
  gsize plane = (gsize) h * w, latent = unet->channels * plane;

  for (guint i = 0; i < n; i++)
    {
      const float *image = sample + i * (latent + unet->map_channels * plane);

      memcpy (latents + i * latent, image, latent * sizeof *latents);
      for (guint c = 0; c < unet->map_channels; c++)
        memcpy (map + ((gsize) c * n + i) * plane, image + latent + c * plane, plane * sizeof *map);
    }
}

static gboolean
verify_case (
    PdVerifyFile *file, const Network *network, guint number, PdProbes *probes, GError **error)
{
  const PdUNetConfig *config = network->config;
  const PdDenoiserInfo *unet = &network->unet->info;
  g_autofree char *stem = g_strdup_printf ("case%u", number);
  const PdTensorInfo *info, *context_info;
  g_autofree float *sample = NULL, *timestep = NULL, *context = NULL, *prediction = NULL;
  g_autofree float *latents = NULL, *map = NULL;
  g_autofree PdView *views = NULL;
  g_autoptr (GPtrArray) conditions = NULL;
  g_autoptr (PdDenoiserPass) pass = NULL;
  guint n, h, w;
  gsize count;

  sample = pd_verify_file_values_in (file, stem, "sample", &info, error);
  timestep = sample ? pd_verify_file_values_in (file, stem, "timestep", NULL, error) : NULL;
  context =
      timestep ? pd_verify_file_values_in (file, stem, "context", &context_info, error) : NULL;
  if (context == NULL || !check_dims (info, 4, error) || !check_dims (context_info, 3, error))
    return FALSE;
  if (info->dims[1] != config->in_channels || context_info->dims[0] != info->dims[0] ||
      context_info->dims[2] != config->cross_attention_dim)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s: the sample or the context does not fit the UNet"), stem);
      return FALSE;
    }
  n = (guint) info->dims[0];
  h = (guint) info->dims[2];
  w = (guint) info->dims[3];
  conditions = conditions_of (context, n, (guint) context_info->dims[1],
                              (guint) context_info->dims[2], error);
  if (conditions == NULL)
    return FALSE;
  pass = pd_denoiser_pass_new (
      network->unet,
      &(PdDenoiserPassOptions){ n, h, w, .like = conditions->pdata[0], .probes = probes }, error);
  if (pass == NULL)
    return FALSE;
  count = (gsize) n * unet->channels * h * w;
  prediction = g_new (float, count);
  latents = g_new (float, count);
  map = g_new (float, (gsize) n *MAX (unet->map_channels, 1) * h * w);
  views = g_new0 (PdView, n);
  take_apart (unet, sample, n, h, w, latents, map);
  for (guint i = 0; i < n; i++)
    views[i].y = i * h;
  if (!pd_denoiser_pass_run (
          pass,
          &(PdDenoiserRun){
              .latents = latents,
              .n_latents = count,
              .timestep = timestep[0],
              .conditions = (const PdCondition *const *) conditions->pdata,
              .views = views,
              .map = unet->map_channels > 0 ? &(PdMap){ unet->map_channels, n * h, w, map } : NULL,
              .prediction = prediction,
              .n_prediction = count },
          NULL, error))
    return FALSE;
  pd_verify_file_check_in (file, stem, "noise_pred", prediction, count);
  return probes == NULL || check_probes (file, "blocks.", probes, error);
}

/* time_proj.T and time_embedding.T, from a pass of the smallest shape. */
static gboolean
verify_timesteps (PdVerifyFile *file, const Network *network, GError **error)
{
  static const char *const modules[] = { "time_proj", "time_embedding" };
  const PdDenoiserInfo *unet = &network->unet->info;
  g_autoptr (GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  PdProbes probes = { .wanted = wanted };
  g_autoptr (PdDenoiserPass) pass = NULL;
  g_autoptr (PdCondition) condition = pd_condition_new ();
  const PdCondition *conditions[] = { condition };
  g_autofree float *latent = g_new0 (float, unet->channels);
  g_autofree float *map = g_new0 (float, MAX (unet->map_channels, 1));
  g_autofree float *prediction = g_new (float, unet->channels);
  const PdMap no_map = { unet->map_channels, 1, 1, map };
  PdDenoiserRun run = { .latents = latent,
                        .n_latents = unet->channels,
                        .conditions = conditions,
                        .map = unet->map_channels > 0 ? &no_map : NULL,
                        .prediction = prediction,
                        .n_prediction = unet->channels };

  if (!pd_condition_add (condition, PD_CONDITION_CONTEXT, 1, network->config->cross_attention_dim,
                         NULL, error))
    return FALSE;

  for (guint m = 0; m < G_N_ELEMENTS (modules); m++)
    g_hash_table_insert (wanted, g_strdup (modules[m]), NULL);
  for (guint i = 0; i < file->names->len; i++)
    for (guint m = 0; m < G_N_ELEMENTS (modules); m++)
      {
        const char *name = g_ptr_array_index (file->names, i);
        gsize length = strlen (modules[m]);
        g_autofree float *values = NULL;
        const PdTensor *tensor;
        gsize count;

        if (!g_str_has_prefix (name, modules[m]) || name[length] != '.' ||
            !pd_verify_file_expects (file, name))
          continue;
        if (pass == NULL)
          pass = pd_denoiser_pass_new (
              network->unet,
              &(PdDenoiserPassOptions){ 1, 1, 1, .like = condition, .probes = &probes }, error);
        run.timestep = g_ascii_strtod (name + length + 1, NULL);
        if (pass == NULL || !pd_denoiser_pass_run (pass, &run, NULL, error))
          return FALSE;
        tensor = g_hash_table_lookup (wanted, modules[m]);
        count = pd_tensor_n_values (tensor);
        values = g_new (float, count);
        if (!pd_tensor_read (tensor, values, count, error))
          return FALSE;
        pd_verify_file_check (file, name, values, count);
      }
  return TRUE;
}

gboolean
pd_verify_unet (PdVerifyFile *file, const char *model, GError **error)
{
  g_autofree char *path = pd_verify_path (file->verify, "models", model, "unet", NULL);
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, error);
  const PdPartFiles *part;
  const PdUNetConfig *config;
  g_autoptr (GArray) cases = pd_verify_file_numbers (file, "case", ".sample");
  g_autoptr (PdDenoiser) unet = NULL;
  Network network;
  g_autofree float *blocks_case = NULL;

  if (files == NULL || !pd_model_files_require (files, PD_PART_UNET, error))
    return FALSE;
  part = &files->parts[PD_PART_UNET];
  config = part->config;
  if (config->addition != PD_ADDITION_NONE)
    {
      pd_verify_file_not_covered (file, _ ("UNets with added conditions (SDXL)"));
      return TRUE;
    }
  unet = pd_unet_new (file->verify->backend, config, part->checkpoint, error);
  if (unet == NULL)
    return FALSE;
  network = (Network){ unet, config };
  if (pd_verify_file_find (file, "blocks.case") != NULL)
    blocks_case = pd_verify_file_values (file, "blocks.case", NULL, NULL);
  for (guint i = 0; i < cases->len; i++)
    {
      guint number = g_array_index (cases, guint, i);
      g_autoptr (GHashTable) wanted = wanted_after (file, "blocks.");
      PdProbes probes = { .wanted = wanted };
      gboolean probed = blocks_case != NULL && (guint) blocks_case[0] == number;

      if (!verify_case (file, &network, number, probed ? &probes : NULL, error))
        {
          g_prefix_error (error, "case%u: ", number);
          return FALSE;
        }
    }
  return verify_timesteps (file, &network, error);
}
