// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/single-file.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/model/checkpoint-private.h"
#include "engine/model/file-kind.h"
#include "engine/model/ldm.h"

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

/* NAME/ for NAME.safetensors, if it is there. */
static char *
folder_beside (const char *path)
{
  static const char suffix[] = ".safetensors";
  if (!g_str_has_suffix (path, suffix))
    return NULL;
  g_autofree char *folder = g_strndup (path, strlen (path) - strlen (suffix));
  return g_file_test (folder, G_FILE_TEST_IS_DIR) ? g_steal_pointer (&folder) : NULL;
}

gboolean
pd_single_file_open (PdModelFiles *self, const char *config_folder, GError **error)
{
  g_autoptr (PdSafetensors) file = pd_safetensors_open (self->path, error);
  g_autofree char *folder =
      config_folder != NULL ? g_strdup (config_folder) : folder_beside (self->path);
  PdLdmConfig config;
  if (file == NULL || !pd_ldm_config_infer (&config, file, error))
    return FALSE;
  if (!config.has_unet && !config.has_vae && !config.has_text_encoder)
    {
      const char *kind = pd_file_kind (file);
      if (kind != NULL)
        {
          pd_error_set_bad_model (error, _ ("%s: this is %s"), self->path, kind);
          return FALSE;
        }
      pd_error_set_bad_model (error,
                              _ ("%s: not an SD 1.x checkpoint: expected tensors named "
                                 "\"model.diffusion_model.…\", found \"%.200s\""),
                              self->path,
                              pd_safetensors_get_n_tensors (file) > 0
                                  ? pd_safetensors_get_tensor (file, 0)->name
                                  : _ ("none"));
      return FALSE;
    }
  if (!complete_configs (&config, folder, self->path, error) ||
      (folder != NULL && !pd_model_files_load_common (self, folder, error)))
    return FALSE;
  self->unet_config = config.unet;
  self->vae_config = config.vae;
  self->text_config = config.text;
  self->unet = config.has_unet ? pd_checkpoint_new_ldm (file, &config, PD_PART_UNET, error) : NULL;
  if (config.has_unet && self->unet == NULL)
    return FALSE;
  self->vae = config.has_vae ? pd_checkpoint_new_ldm (file, &config, PD_PART_VAE, error) : NULL;
  if (config.has_vae && self->vae == NULL)
    return FALSE;
  self->text_encoder = config.has_text_encoder
                           ? pd_checkpoint_new_ldm (file, &config, PD_PART_TEXT_ENCODER, error)
                           : NULL;
  return !config.has_text_encoder || self->text_encoder != NULL;
}
