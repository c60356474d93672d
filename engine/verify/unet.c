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

static gboolean
verify_case (PdVerifyFile *file, PdUNet *unet, guint number, PdProbes *probes, GError **error)
{
  const PdUNetConfig *config = pd_unet_config (unet);
  g_autofree char *stem = g_strdup_printf ("case%u", number);
  const PdTensorInfo *info, *context_info;
  g_autofree float *sample = NULL, *timestep = NULL, *context = NULL, *prediction = NULL;
  g_autoptr (PdUNetPass) pass = NULL;
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
  pass = pd_unet_pass_new (unet,
                           &(PdUNetPassOptions){ .n = (guint) info->dims[0],
                                                 .h = (guint) info->dims[2],
                                                 .w = (guint) info->dims[3],
                                                 .tokens = (guint) context_info->dims[1],
                                                 .probes = probes },
                           error);
  if (pass == NULL)
    return FALSE;
  count = (gsize) info->dims[0] * config->out_channels * info->dims[2] * info->dims[3];
  prediction = g_new (float, count);
  if (!pd_unet_pass_run (pass,
                         &(PdUNetRun){ .sample = sample,
                                       .n_sample = pd_tensor_info_count (info),
                                       .timestep = timestep[0],
                                       .context = context,
                                       .n_context = pd_tensor_info_count (context_info),
                                       .prediction = prediction,
                                       .n_prediction = count },
                         NULL, error))
    return FALSE;
  pd_verify_file_check_in (file, stem, "noise_pred", prediction, count);
  return probes == NULL || check_probes (file, "blocks.", probes, error);
}

/* time_proj.T and time_embedding.T, from a pass of the smallest shape. */
static gboolean
verify_timesteps (PdVerifyFile *file, PdUNet *unet, GError **error)
{
  static const char *const modules[] = { "time_proj", "time_embedding" };
  const PdUNetConfig *config = pd_unet_config (unet);
  g_autoptr (GHashTable) wanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  PdProbes probes = { .wanted = wanted };
  g_autoptr (PdUNetPass) pass = NULL;
  g_autofree float *sample = g_new0 (float, config->in_channels);
  g_autofree float *context = g_new0 (float, config->cross_attention_dim);
  g_autofree float *prediction = g_new (float, config->out_channels);
  PdUNetRun run = { .sample = sample,
                    .n_sample = config->in_channels,
                    .context = context,
                    .n_context = config->cross_attention_dim,
                    .prediction = prediction,
                    .n_prediction = config->out_channels };

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
          pass =
              pd_unet_pass_new (unet, &(PdUNetPassOptions){ 1, 1, 1, 1, .probes = &probes }, error);
        run.timestep = g_ascii_strtod (name + length + 1, NULL);
        if (pass == NULL || !pd_unet_pass_run (pass, &run, NULL, error))
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
  g_autoptr (PdUNet) unet = NULL;
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
  if (pd_verify_file_find (file, "blocks.case") != NULL)
    blocks_case = pd_verify_file_values (file, "blocks.case", NULL, NULL);
  for (guint i = 0; i < cases->len; i++)
    {
      guint number = g_array_index (cases, guint, i);
      g_autoptr (GHashTable) wanted = wanted_after (file, "blocks.");
      PdProbes probes = { .wanted = wanted };
      gboolean probed = blocks_case != NULL && (guint) blocks_case[0] == number;

      if (!verify_case (file, unet, number, probed ? &probes : NULL, error))
        {
          g_prefix_error (error, "case%u: ", number);
          return FALSE;
        }
    }
  return verify_timesteps (file, unet, error);
}
