// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/ldm.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/files/config-private.h"

static const char UNET_PREFIX[] = "model.diffusion_model.";
static const char *const VAE_PREFIXES[] = { "first_stage_model.", "vae.", NULL };

/* Looks for the tensors of one part. The first failure is kept; after it all sizes are 1. */
typedef struct
{
  const PdSafetensors *file;
  const char *prefix;
  GError *error;
} Finder;

static gboolean finder_has (Finder *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
finder_has (Finder *self, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *name = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *full = g_strconcat (self->prefix, name, NULL);
  return pd_safetensors_find (self->file, full) != NULL;
}

static int finder_size (Finder *self, guint dim, gint64 max, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* The tensor's size in dimension @dim, from 1 to @max. */
static int
finder_size (Finder *self, guint dim, gint64 max, const char *format, ...)
{
  if (self->error != NULL)
    return 1;
  va_list args;
  va_start (args, format);
  g_autofree char *name = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *full = g_strconcat (self->prefix, name, NULL);
  const PdTensorInfo *info = pd_safetensors_find (self->file, full);
  if (info == NULL)
    {
      pd_error_set_bad_model (&self->error, _ ("%s: tensor \"%s\" is missing"),
                              pd_safetensors_get_path (self->file), full);
      return 1;
    }
  if (dim < info->n_dims && info->dims[dim] >= 1 && info->dims[dim] <= max)
    return (int) info->dims[dim];
  g_autofree char *shape = pd_tensor_info_format_shape (info->n_dims, info->dims);
  pd_error_set_bad_model (
      &self->error, _ ("%s: tensor \"%s\" is %s, expected from 1 to %" PRId64 " in dimension %u"),
      pd_safetensors_get_path (self->file), full, shape, max, dim);
  return 1;
}

static void finder_fail (Finder *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
finder_fail (Finder *self, const char *format, ...)
{
  if (self->error != NULL)
    return;
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  pd_error_set_bad_model (&self->error, "%s: %s", pd_safetensors_get_path (self->file), message);
}

static gboolean
finder_finish (Finder *self, GError **error)
{
  if (self->error == NULL)
    return TRUE;
  g_propagate_error (error, self->error);
  return FALSE;
}

/* What the transformer at @path (for example "middle_block.1") tells. */
static int
read_transformer (Finder *finder, PdUNetConfig *config, const char *path)
{
  g_autofree char *proj_in = g_strdup_printf ("%s%s.proj_in.weight", finder->prefix, path);
  const PdTensorInfo *info = pd_safetensors_find (finder->file, proj_in);
  int layers = 0;
  while (layers < PD_CONFIG_MAX_LAYERS &&
         finder_has (finder, "%s.transformer_blocks.%d.norm1.weight", path, layers))
    layers++;
  config->use_linear_projection = info != NULL && info->n_dims == 2;
  config->cross_attention_dim = finder_size (finder, 1, PD_CONFIG_MAX_CHANNELS,
                                             "%s.transformer_blocks.0.attn2.to_k.weight", path);
  return MAX (layers, 1);
}

static void
read_input_blocks (Finder *finder, PdUNetConfig *config)
{
  int level = 0;
  for (int i = 1; finder->error == NULL; i++)
    {
      if (finder_has (finder, "input_blocks.%d.0.op.weight", i))
        {
          if (++level == PD_CONFIG_MAX_BLOCKS)
            finder_fail (finder, _ ("more than %d levels in the UNet"), PD_CONFIG_MAX_BLOCKS);
          continue;
        }
      if (!finder_has (finder, "input_blocks.%d.0.in_layers.2.weight", i))
        break;
      if (config->layers_per_block[level]++ == PD_CONFIG_MAX_BLOCK_LAYERS)
        finder_fail (finder, _ ("more than %d layers in a block"), PD_CONFIG_MAX_BLOCK_LAYERS);
      config->block_out_channels[level] = finder_size (finder, 0, PD_CONFIG_MAX_CHANNELS,
                                                       "input_blocks.%d.0.in_layers.2.weight", i);
      config->down_attention[level] = finder_has (finder, "input_blocks.%d.1.proj_in.weight", i);
      if (config->down_attention[level])
        {
          g_autofree char *path = g_strdup_printf ("input_blocks.%d.1", i);
          config->transformer_layers[level] = read_transformer (finder, config, path);
        }
    }
  config->n_blocks = finder->error == NULL ? level + 1 : 0;
  for (int i = 0; i < config->n_blocks; i++)
    if (config->layers_per_block[i] == 0)
      finder_fail (finder, _ ("level %d of the UNet has no layers"), i);
}

static gboolean
infer_unet (PdUNetConfig *config, const PdSafetensors *file, GError **error)
{
  Finder finder = { .file = file, .prefix = UNET_PREFIX };
  *config = (PdUNetConfig){
    .sample_size = 64,
    .mid_attention = TRUE,
    .norm_num_groups = 32,
    .norm_eps = 1e-5,
    .downsample_padding = 1,
    .flip_sin_to_cos = TRUE,
  };
  for (int i = 0; i < PD_CONFIG_MAX_BLOCKS; i++)
    {
      config->heads[i] = 8;
      config->transformer_layers[i] = 1;
    }
  if (finder_has (&finder, "label_emb.0.0.weight"))
    finder_fail (
        &finder,
        _ ("this is an SDXL or SD 2.x unCLIP model; single files of SD 1.x are supported"));
  config->in_channels = finder_size (&finder, 1, 1024, "input_blocks.0.0.weight");
  config->out_channels = finder_size (&finder, 0, 1024, "out.2.weight");
  config->time_embed_dim =
      finder_size (&finder, 0, 8 * PD_CONFIG_MAX_CHANNELS, "time_embed.0.weight");
  read_input_blocks (&finder, config);
  if (finder.error == NULL)
    config->transformer_layers[config->n_blocks - 1] =
        read_transformer (&finder, config, "middle_block.1");
  for (int i = 0, first = 0; i < config->n_blocks; i++)
    {
      config->up_attention[i] = finder_has (&finder, "output_blocks.%d.1.proj_in.weight", first);
      first += config->layers_per_block[config->n_blocks - 1 - i] + 1;
    }
  return finder_finish (&finder, error);
}

/* From the decoder, since some files leave out the encoder. */
static gboolean
infer_vae (PdLdmConfig *self, const PdSafetensors *file, GError **error)
{
  Finder finder = { .file = file, .prefix = self->vae_prefix };
  PdVaeConfig *config = &self->vae;
  gboolean modern = finder_has (&finder, "decoder.up_blocks.0.resnets.0.conv1.weight");
  const char *level = modern ? "up_blocks" : "up", *layer = modern ? "resnets" : "block";
  int layers = 0;
  self->vae_is_modern = modern;
  *config = (PdVaeConfig){
    .norm_num_groups = 32,
    .scaling_factor = 0.18215,
    .sample_size = 512,
  };
  config->latent_channels = finder_size (&finder, 1, 1024, "decoder.conv_in.weight");
  config->out_channels = finder_size (&finder, 0, 64, "decoder.conv_out.weight");
  config->in_channels = finder_has (&finder, "encoder.conv_in.weight")
                            ? finder_size (&finder, 1, 64, "encoder.conv_in.weight")
                            : config->out_channels;
  while (config->n_blocks < PD_CONFIG_MAX_BLOCKS &&
         finder_has (&finder, "decoder.%s.%d.%s.0.conv1.weight", level, config->n_blocks, layer))
    config->n_blocks++;
  for (int i = 0; i < config->n_blocks; i++)
    config->block_out_channels[modern ? config->n_blocks - 1 - i : i] = finder_size (
        &finder, 0, PD_CONFIG_MAX_CHANNELS, "decoder.%s.%d.%s.0.conv1.weight", level, i, layer);
  while (layers <= PD_CONFIG_MAX_BLOCK_LAYERS + 1 &&
         finder_has (&finder, "decoder.%s.0.%s.%d.conv1.weight", level, layer, layers))
    layers++;
  if (layers > PD_CONFIG_MAX_BLOCK_LAYERS + 1)
    finder_fail (&finder, _ ("more than %d layers in a block"), PD_CONFIG_MAX_BLOCK_LAYERS);
  if (layers < 2)
    finder_fail (&finder, _ ("the decoder has %d layers per block, expected at least 2"), layers);
  config->layers_per_block = layers - 1;
  config->mid_attention = finder_has (&finder, "decoder.mid.attn_1.q.weight") ||
                          finder_has (&finder, "decoder.mid_block.attentions.0.to_q.weight") ||
                          finder_has (&finder, "decoder.mid_block.attentions.0.query.weight");
  config->use_quant_conv = finder_has (&finder, "quant_conv.weight");
  config->use_post_quant_conv = finder_has (&finder, "post_quant_conv.weight");
  return finder_finish (&finder, error);
}

static gboolean
infer_text (PdLdmConfig *self, const PdSafetensors *file, GError **error)
{
  Finder finder = { .file = file, .prefix = self->text_prefix };
  PdTextConfig *config = &self->text;
  *config = (PdTextConfig){
    .act = PD_TEXT_ACT_QUICK_GELU,
    .layer_norm_eps = 1e-5,
    .eos_token_id = 2,
  };
  config->vocab_size = finder_size (&finder, 0, 1000000, "embeddings.token_embedding.weight");
  config->hidden_size =
      finder_size (&finder, 1, PD_CONFIG_MAX_CHANNELS, "embeddings.token_embedding.weight");
  config->max_positions = finder_size (&finder, 0, 4096, "embeddings.position_embedding.weight");
  config->intermediate_size =
      finder_size (&finder, 0, 8 * PD_CONFIG_MAX_CHANNELS, "encoder.layers.0.mlp.fc1.weight");
  while (config->n_layers < PD_CONFIG_MAX_LAYERS &&
         finder_has (&finder, "encoder.layers.%d.layer_norm1.weight", config->n_layers))
    config->n_layers++;
  config->n_heads = MAX (config->hidden_size / 64, 1);
  return finder_finish (&finder, error);
}

static gboolean
has_prefix (const PdSafetensors *file, const char *prefix)
{
  for (guint i = 0; i < pd_safetensors_get_n_tensors (file); i++)
    if (g_str_has_prefix (pd_safetensors_get_tensor (file, i)->name, prefix))
      return TRUE;
  return FALSE;
}

/* The first of @prefixes that some tensor has; NULL if none has one. */
static const char *
find_prefix (const PdSafetensors *file, const char *const *prefixes)
{
  for (; *prefixes != NULL; prefixes++)
    if (has_prefix (file, *prefixes))
      return *prefixes;
  return NULL;
}

/* That of the first tensor of a text encoder; NULL if there is none. */
static const char *
find_text_prefix (const PdSafetensors *file)
{
  for (guint i = 0; i < pd_safetensors_get_n_tensors (file); i++)
    {
      const char *prefix = pd_ldm_text_prefix (pd_safetensors_get_tensor (file, i)->name);
      if (prefix != NULL && *prefix != '\0')
        return prefix;
    }
  return NULL;
}

/* The sizes of the parts whose prefixes are known. */
static gboolean
infer (PdLdmConfig *self, const PdSafetensors *file, GError **error)
{
  self->has_vae = self->vae_prefix != NULL;
  self->has_text_encoder = self->text_prefix != NULL;
  return (!self->has_unet || infer_unet (&self->unet, file, error)) &&
         (!self->has_vae || infer_vae (self, file, error)) &&
         (!self->has_text_encoder || infer_text (self, file, error));
}

gboolean
pd_ldm_config_infer (PdLdmConfig *self, const PdSafetensors *file, guint parts, GError **error)
{
  *self = (PdLdmConfig){
    .has_unet = parts & 1u << PD_PART_UNET && has_prefix (file, UNET_PREFIX),
    .vae_prefix = parts & 1u << PD_PART_VAE ? find_prefix (file, VAE_PREFIXES) : NULL,
    .text_prefix = parts & 1u << PD_PART_TEXT_ENCODER ? find_text_prefix (file) : NULL,
  };
  /* Without a UNet, names that other files than checkpoints have do not make it one. */
  if (!self->has_unet && g_strcmp0 (self->vae_prefix, VAE_PREFIXES[0]) != 0)
    self->vae_prefix = NULL;
  if (!self->has_unet && self->text_prefix != NULL &&
      !g_str_has_prefix (self->text_prefix, "cond_stage_model."))
    self->text_prefix = NULL;
  if (parts & 1u << PD_PART_TEXT_ENCODER &&
      (has_prefix (file, "cond_stage_model.model.") || has_prefix (file, "conditioner.embedders.")))
    {
      pd_error_set_bad_model (
          error, _ ("%s: this is an SD 2.x or SDXL model; single files of SD 1.x are supported"),
          pd_safetensors_get_path (file));
      return FALSE;
    }
  return infer (self, file, error);
}

/* The prefix under which the tensor of a VAE is there that all have; NULL: it is none. */
static const char *
find_bare_vae (const PdSafetensors *file)
{
  static const char *const prefixes[] = { "first_stage_model.", "vae.", "" };
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    {
      Finder finder = { .file = file, .prefix = prefixes[i] };
      if (finder_has (&finder, "decoder.conv_in.weight"))
        return prefixes[i];
    }
  return NULL;
}

/* The same for a text encoder. */
static const char *
find_bare_text (const PdSafetensors *file)
{
  static const char tensor[] = "embeddings.token_embedding.weight";
  for (guint i = 0; i < pd_safetensors_get_n_tensors (file); i++)
    {
      const char *name = pd_safetensors_get_tensor (file, i)->name;
      if (g_str_has_suffix (name, tensor) && pd_ldm_text_prefix (name) != NULL)
        return pd_ldm_text_prefix (name);
    }
  return NULL;
}

gboolean
pd_ldm_config_infer_part (PdLdmConfig *self, const PdSafetensors *file, PdPart part, GError **error)
{
  *self = (PdLdmConfig){
    .vae_prefix = part == PD_PART_VAE ? find_bare_vae (file) : NULL,
    .text_prefix = part == PD_PART_TEXT_ENCODER ? find_bare_text (file) : NULL,
  };
  return infer (self, file, error);
}
