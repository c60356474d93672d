// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/single-file.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/files/checkpoint-private.h"
#include "engine/files/file-kind.h"
#include "engine/files/ldm.h"
#include "engine/files/model-files-private.h"

/* One size, as the file's tensors and as its config.json have it. */
typedef struct
{
  const char *key;
  int block; /* -1: not per block */
  int inferred, configured;
} Size;

static gboolean
sizes_agree (const Size *sizes, guint n_sizes, const char *config, const char *path, GError **error)
{
  for (guint i = 0; i < n_sizes; i++)
    if (sizes[i].inferred != sizes[i].configured)
      {
        g_autofree char *key = sizes[i].block < 0
                                   ? g_strdup (sizes[i].key)
                                   : g_strdup_printf ("%s[%d]", sizes[i].key, sizes[i].block);
        pd_error_set_bad_model (error, _ ("%s: \"%s\" is %d, but the tensors of %s have %d"),
                                config, key, sizes[i].configured, path, sizes[i].inferred);
        return FALSE;
      }
  return TRUE;
}

/* Head counts, groups and constants come from @config; all else must agree. */
static gboolean
load_unet_config (PdUNetConfig *self, const char *config, const char *path, GError **error)
{
  PdUNetConfig c;
  if (!pd_unet_config_load (&c, config, error))
    return FALSE;
  const Size sizes[] = {
    { "in_channels", -1, self->in_channels, c.in_channels },
    { "out_channels", -1, self->out_channels, c.out_channels },
    { "number of block_out_channels", -1, self->n_blocks, c.n_blocks },
    { "cross_attention_dim", -1, self->cross_attention_dim, c.cross_attention_dim },
    { "use_linear_projection", -1, self->use_linear_projection, c.use_linear_projection },
    { "time_embedding_dim", -1, self->time_embed_dim, c.time_embed_dim },
    { "addition_embed_type", -1, self->addition, c.addition },
  };
  if (!sizes_agree (sizes, G_N_ELEMENTS (sizes), config, path, error))
    return FALSE;
  for (int i = 0; i < c.n_blocks; i++)
    {
      const Size block[] = {
        { "block_out_channels", i, self->block_out_channels[i], c.block_out_channels[i] },
        { "layers_per_block", i, self->layers_per_block[i], c.layers_per_block[i] },
        { "attention of down_block_types", i, self->down_attention[i], c.down_attention[i] },
        { "attention of up_block_types", i, self->up_attention[i], c.up_attention[i] },
      };
      if (!sizes_agree (block, G_N_ELEMENTS (block), config, path, error))
        return FALSE;
      const Size depth = { "transformer_layers_per_block", i, self->transformer_layers[i],
                           c.transformer_layers[i] };
      if ((c.down_attention[i] || i == c.n_blocks - 1) &&
          !sizes_agree (&depth, 1, config, path, error))
        return FALSE;
    }
  *self = c;
  return TRUE;
}

static gboolean
load_vae_config (PdVaeConfig *self, const char *config, const char *path, GError **error)
{
  PdVaeConfig c;
  if (!pd_vae_config_load (&c, config, error))
    return FALSE;
  const Size sizes[] = {
    { "in_channels", -1, self->in_channels, c.in_channels },
    { "out_channels", -1, self->out_channels, c.out_channels },
    { "latent_channels", -1, self->latent_channels, c.latent_channels },
    { "number of block_out_channels", -1, self->n_blocks, c.n_blocks },
    { "layers_per_block", -1, self->layers_per_block, c.layers_per_block },
    { "mid_block_add_attention", -1, self->mid_attention, c.mid_attention },
    { "use_post_quant_conv", -1, self->use_post_quant_conv, c.use_post_quant_conv },
  };
  if (!sizes_agree (sizes, G_N_ELEMENTS (sizes), config, path, error))
    return FALSE;
  for (int i = 0; i < c.n_blocks; i++)
    {
      const Size block = { "block_out_channels", i, self->block_out_channels[i],
                           c.block_out_channels[i] };
      if (!sizes_agree (&block, 1, config, path, error))
        return FALSE;
    }
  *self = c;
  return TRUE;
}

static gboolean
load_text_config (PdTextConfig *self, const char *config, const char *path, GError **error)
{
  PdTextConfig c;
  if (!pd_text_config_load (&c, config, error))
    return FALSE;
  const Size sizes[] = {
    { "vocab_size", -1, self->vocab_size, c.vocab_size },
    { "max_position_embeddings", -1, self->max_positions, c.max_positions },
    { "hidden_size", -1, self->hidden_size, c.hidden_size },
    { "intermediate_size", -1, self->intermediate_size, c.intermediate_size },
    { "num_hidden_layers", -1, self->n_layers, c.n_layers },
  };
  if (!sizes_agree (sizes, G_N_ELEMENTS (sizes), config, path, error))
    return FALSE;
  *self = c;
  return TRUE;
}

static gboolean
fail_published (const char *path,
                const char *key,
                int published,
                int channels,
                const char *part,
                GError **error)
{
  pd_error_set_bad_model (
      error,
      _ ("%s: %s cannot be read from the tensors, and SD 1.x's value of %d does not divide "
         "%d channels; put %s/config.json in the folder named like the file without "
         ".safetensors"),
      path, key, published, channels, part);
  return FALSE;
}

/* Whether what was published for SD 1.x suits the sizes found. */
static gboolean
check_published_unet (const PdUNetConfig *self, const char *path, GError **error)
{
  for (int i = 0; i < self->n_blocks; i++)
    {
      int channels = self->block_out_channels[i];
      if (channels % self->norm_num_groups != 0)
        return fail_published (path, "norm_num_groups", self->norm_num_groups, channels, "unet",
                               error);
      if (channels % self->heads[i] != 0)
        return fail_published (path, "attention_head_dim", self->heads[i], channels, "unet", error);
    }
  return TRUE;
}

static gboolean
check_published_vae (const PdVaeConfig *self, const char *path, GError **error)
{
  for (int i = 0; i < self->n_blocks; i++)
    if (self->block_out_channels[i] % self->norm_num_groups != 0)
      return fail_published (path, "norm_num_groups", self->norm_num_groups,
                             self->block_out_channels[i], "vae", error);
  return TRUE;
}

static gboolean
check_published_text (const PdTextConfig *self, const char *path, GError **error)
{
  static const int head_size = 64;
  if (self->hidden_size % head_size == 0)
    return TRUE;
  return fail_published (path, "the size of a head", head_size, self->hidden_size, "text_encoder",
                         error);
}

/* The path of @part's config.json, or NULL if there is none. */
static char *
find_config (const char *folder, PdPart part)
{
  if (folder == NULL)
    return NULL;
  g_autofree char *path = g_build_filename (folder, pd_part_name (part), "config.json", NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS) ? g_steal_pointer (&path) : NULL;
}

static gboolean
complete_configs (PdLdmConfig *self, const char *folder, const char *path, GError **error)
{
  g_autofree char *unet = find_config (folder, PD_PART_UNET);
  g_autofree char *vae = find_config (folder, PD_PART_VAE);
  g_autofree char *text = find_config (folder, PD_PART_TEXT_ENCODER);
  if (self->has_unet && !(unet != NULL ? load_unet_config (&self->unet, unet, path, error)
                                       : check_published_unet (&self->unet, path, error)))
    return FALSE;
  if (self->has_vae && !(vae != NULL ? load_vae_config (&self->vae, vae, path, error)
                                     : check_published_vae (&self->vae, path, error)))
    return FALSE;
  return !self->has_text_encoder ||
         (text != NULL ? load_text_config (&self->text, text, path, error)
                       : check_published_text (&self->text, path, error));
}

static const char SUFFIX[] = ".safetensors";

char *
pd_single_file_folder (const char *path)
{
  if (!g_str_has_suffix (path, SUFFIX))
    return NULL;
  g_autofree char *folder = g_strndup (path, strlen (path) - strlen (SUFFIX));
  return g_file_test (folder, G_FILE_TEST_IS_DIR) ? g_steal_pointer (&folder) : NULL;
}

/* Whether the class that @config names, if it does, can be @part's. */
static gboolean
has_class_of (const char *config, PdPart part)
{
  g_autofree char *class_name = pd_config_load_class (config, NULL);
  return class_name == NULL ||
         g_str_has_prefix (class_name, part == PD_PART_VAE ? "AutoencoderKL" : "CLIPTextModel");
}

/* Takes what @config says if it suits the sizes that were found. */
static gboolean
try_config (PdLdmConfig *self, PdPart part, const char *config, const char *path)
{
  if (!g_file_test (config, G_FILE_TEST_EXISTS) || !has_class_of (config, part))
    return FALSE;
  return part == PD_PART_VAE ? load_vae_config (&self->vae, config, path, NULL)
                             : load_text_config (&self->text, config, path, NULL);
}

/* Where the config.json of a part in a file of its own may be; NULL-terminated. */
static char **
list_configs (const char *path, PdPart part, const char *config_folder)
{
  static const char name[] = "config.json";
  g_autoptr (GStrvBuilder) paths = g_strv_builder_new ();
  g_autofree char *around = g_path_get_dirname (path);
  g_autofree char *own = pd_single_file_folder (path);
  const char *const folders[][2] = { { around, "" },
                                     { own, "" },
                                     { own, pd_part_name (part) },
                                     { config_folder, pd_part_name (part) } };
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    if (folders[i][0] != NULL)
      {
        g_autofree char *config = g_build_filename (folders[i][0], folders[i][1], name, NULL);
        g_strv_builder_add (paths, config);
      }
  return g_strv_builder_end (paths);
}

static gboolean
complete_part (
    PdLdmConfig *self, PdPart part, const char *path, const char *config_folder, GError **error)
{
  g_auto (GStrv) configs = list_configs (path, part, config_folder);
  for (guint i = 0; configs[i] != NULL; i++)
    if (try_config (self, part, configs[i], path))
      return TRUE;
  return part == PD_PART_VAE ? check_published_vae (&self->vae, path, error)
                             : check_published_text (&self->text, path, error);
}

/* TAESD, https://huggingface.co/madebyollin/taesd */
static const PdTinyVaeConfig PUBLISHED_TINY_VAE = {
  .in_channels = 3,
  .out_channels = 3,
  .latent_channels = 4,
  .n_encoder_stages = 4,
  .n_decoder_stages = 4,
  .encoder_channels = { 64, 64, 64, 64 },
  .encoder_blocks = { 1, 3, 3, 3 },
  .decoder_channels = { 64, 64, 64, 64 },
  .decoder_blocks = { 3, 3, 3, 1 },
  .upsampling_factor = 2,
  .scaling_factor = 1,
  .latent_magnitude = 3,
  .latent_shift = 0.5,
};

/* An AutoencoderTiny with diffusers' names. Its tensors do not tell its sizes: without a
 * config.json they are those that were published. */
static gboolean
open_tiny_vae (PdModelFiles *self, const char *path, const char *config_folder, GError **error)
{
  PdTinyVaeConfig config;
  g_auto (GStrv) configs = list_configs (path, PD_PART_VAE, config_folder);
  gboolean found = FALSE;
  for (guint i = 0; configs[i] != NULL && !found; i++)
    {
      g_autofree char *class_name = pd_config_load_class (configs[i], NULL);
      found = g_strcmp0 (class_name, "AutoencoderTiny") == 0 &&
              pd_tiny_vae_config_load (&config, configs[i], NULL);
    }
  if (!found)
    config = PUBLISHED_TINY_VAE;
  return pd_model_files_take (self, PD_PART_VAE, PD_CLASS_AUTOENCODER_TINY,
                              pd_checkpoint_open_file (path, PD_PART_VAE, error), &config,
                              sizeof config);
}

static gboolean
take_part (
    PdModelFiles *self, PdPart part, PdSafetensors *file, const PdLdmConfig *config, GError **error)
{
  PdCheckpoint *checkpoint = pd_checkpoint_new_ldm (file, config, part, error);
  switch (part)
    {
    case PD_PART_UNET:
      return pd_model_files_take (self, part, PD_CLASS_UNET_2D_CONDITION, checkpoint, &config->unet,
                                  sizeof config->unet);
    case PD_PART_VAE:
      return pd_model_files_take (self, part, PD_CLASS_AUTOENCODER_KL, checkpoint, &config->vae,
                                  sizeof config->vae);
    default:
      return pd_model_files_take (self, part, PD_CLASS_CLIP_TEXT, checkpoint, &config->text,
                                  sizeof config->text);
    }
}

gboolean
pd_single_file_open_part (
    PdModelFiles *self, PdPart part, const char *path, const char *config_folder, GError **error)
{
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, error);
  PdLdmConfig config;
  if (file == NULL || !pd_ldm_config_infer_part (&config, file, part, error))
    return FALSE;
  if (part == PD_PART_VAE && !config.has_vae &&
      pd_safetensors_find (file, "decoder.layers.0.weight") != NULL)
    return open_tiny_vae (self, path, config_folder, error);
  if (!config.has_vae && !config.has_text_encoder)
    {
      pd_error_set_bad_model (
          error,
          part == PD_PART_VAE
              ? _ ("%s: there is no autoencoder (VAE) in this file, expected a tensor named "
                   "\"decoder.conv_in.weight\"; choose another with --vae")
              : _ ("%s: there is no text encoder in this file, expected a tensor named "
                   "\"text_model.embeddings.token_embedding.weight\"; choose another with "
                   "--text-encoder"),
          path);
      return FALSE;
    }
  if (!complete_part (&config, part, path, config_folder, error))
    return FALSE;
  return take_part (self, part, file, &config, error);
}

static gboolean
fail_no_checkpoint (const char *path, const PdSafetensors *file, GError **error)
{
  const char *kind = pd_file_kind (file);
  if (kind != NULL)
    {
      pd_error_set_bad_model (error, _ ("%s: this is %s"), path, kind);
      return FALSE;
    }
  pd_error_set_bad_model (error,
                          _ ("%s: not an SD 1.x checkpoint: expected tensors named "
                             "\"model.diffusion_model.…\", found \"%.200s\""),
                          path,
                          pd_safetensors_get_n_tensors (file) > 0
                              ? pd_safetensors_get_tensor (file, 0)->name
                              : _ ("none"));
  return FALSE;
}

gboolean
pd_single_file_open (PdModelFiles *self, const char *config_folder, guint parts, GError **error)
{
  g_autoptr (PdSafetensors) file = pd_safetensors_open (self->path, error);
  PdLdmConfig config;
  if (file == NULL || !pd_ldm_config_infer (&config, file, parts, error))
    return FALSE;
  if (!config.has_unet && !config.has_vae && !config.has_text_encoder)
    return fail_no_checkpoint (self->path, file, error);
  if (!complete_configs (&config, config_folder, self->path, error) ||
      (config_folder != NULL && !pd_model_files_load_common (self, config_folder, error)))
    return FALSE;
  return (!config.has_unet || take_part (self, PD_PART_UNET, file, &config, error)) &&
         (!config.has_vae || take_part (self, PD_PART_VAE, file, &config, error)) &&
         (!config.has_text_encoder || take_part (self, PD_PART_TEXT_ENCODER, file, &config, error));
}
