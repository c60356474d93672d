// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/config-private.h"

#include <glib/gi18n-lib.h>

typedef struct
{
  const char *key;
  const char *with_attention, *without;
} BlockTypes;

/* Which blocks have attention; all do but the last (the first going up) if the key is absent. */
static void
read_block_types (
    PdJsonReader *reader, const BlockTypes *names, int n_blocks, gboolean up, gboolean *attention)
{
  const char *types[PD_CONFIG_MAX_BLOCKS];
  for (int i = 0; i < n_blocks; i++)
    attention[i] = i != (up ? 0 : n_blocks - 1);
  if (pd_json_reader_is_null (reader, names->key))
    return;
  int n_types = (int) pd_json_reader_strings (reader, names->key, types, PD_CONFIG_MAX_BLOCKS);
  if (reader->error == NULL && n_types != n_blocks)
    pd_json_reader_fail (reader, _ ("\"%s\" has %d entries, block_out_channels %d"), names->key,
                         n_types, n_blocks);
  for (int i = 0; i < n_types; i++)
    {
      attention[i] = g_str_equal (types[i], names->with_attention);
      if (!attention[i] && !g_str_equal (types[i], names->without))
        pd_json_reader_fail (reader,
                             _ ("\"%s\" has %.60s, which is not supported; expected %s or %s"),
                             names->key, types[i], names->with_attention, names->without);
    }
}

static void
read_blocks (PdUNetConfig *self, PdJsonReader *reader)
{
  static const BlockTypes down = { "down_block_types", "CrossAttnDownBlock2D", "DownBlock2D" };
  static const BlockTypes up = { "up_block_types", "CrossAttnUpBlock2D", "UpBlock2D" };
  static const char *const mid_types[] = { "UNetMidBlock2DCrossAttn", "UNetMidBlock2D", NULL };
  /* diffusers' misnomer: attention_head_dim holds the number of heads. */
  const char *heads_key = pd_json_reader_is_null (reader, "num_attention_heads")
                              ? "attention_head_dim"
                              : "num_attention_heads";

  self->n_blocks = pd_config_read_channels (reader, "block_out_channels", self->block_out_channels);
  for (int i = 0; i < self->n_blocks; i++)
    {
      self->layers_per_block[i] = 2;
      self->heads[i] = 8;
      self->transformer_layers[i] = 1;
    }
  if (reader->error != NULL)
    return;
  pd_json_reader_ints_exact (reader, "layers_per_block", self->layers_per_block, self->n_blocks, 1,
                             PD_CONFIG_MAX_BLOCK_LAYERS);
  pd_json_reader_ints_exact (reader, heads_key, self->heads, self->n_blocks, 1, 1024);
  pd_json_reader_ints_exact (reader, "transformer_layers_per_block", self->transformer_layers,
                             self->n_blocks, 1, PD_CONFIG_MAX_LAYERS);
  pd_config_refuse (reader, "reverse_transformer_layers_per_block", NULL);
  read_block_types (reader, &down, self->n_blocks, FALSE, self->down_attention);
  read_block_types (reader, &up, self->n_blocks, TRUE, self->up_attention);
  self->mid_attention = pd_json_reader_choice (reader, "mid_block_type", 0, mid_types) == 0;

  for (int i = 0; i < self->n_blocks; i++)
    {
      gboolean attends = self->down_attention[i] || self->up_attention[self->n_blocks - 1 - i] ||
                         (self->mid_attention && i == self->n_blocks - 1);
      if (attends && self->block_out_channels[i] % self->heads[i] != 0)
        pd_json_reader_fail (reader,
                             _ ("\"%s\" is %d for block %d, which does not divide its %d channels"),
                             heads_key, self->heads[i], i, self->block_out_channels[i]);
    }
}

static void
read_cross_attention_dim (PdUNetConfig *self, PdJsonReader *reader)
{
  int dims[PD_CONFIG_MAX_BLOCKS];
  self->cross_attention_dim = 1280;
  if (!pd_json_reader_ints_exact (reader, "cross_attention_dim", dims, self->n_blocks, 1,
                                  PD_CONFIG_MAX_CHANNELS))
    return;
  self->cross_attention_dim = dims[0];
  for (int i = 1; i < self->n_blocks; i++)
    if (dims[i] != dims[0])
      pd_json_reader_fail (reader,
                           _ ("\"cross_attention_dim\" differs between blocks (%d, %d), which is "
                              "not supported"),
                           dims[0], dims[i]);
}

static void
read_conditions (PdUNetConfig *self, PdJsonReader *reader)
{
  static const char *const additions[] = { "text_time", NULL };
  if (!pd_json_reader_is_null (reader, "addition_embed_type"))
    {
      pd_json_reader_choice (reader, "addition_embed_type", 0, additions);
      self->addition = PD_ADDITION_TEXT_TIME;
      self->addition_time_embed_dim =
          pd_json_reader_int (reader, "addition_time_embed_dim", 256, 2, 4096);
      self->projection_class_input_dim =
          pd_json_reader_int (reader, "projection_class_embeddings_input_dim", 2816, 1, 65536);
    }
  else
    pd_config_refuse (reader, "projection_class_embeddings_input_dim", NULL);
  pd_config_refuse (reader, "class_embed_type", NULL);
  pd_config_refuse (reader, "num_class_embeds", NULL);
  pd_config_refuse (reader, "encoder_hid_dim", NULL);
  pd_config_refuse (reader, "encoder_hid_dim_type", NULL);
  pd_config_refuse (reader, "time_cond_proj_dim", NULL);
  pd_config_refuse (reader, "time_embedding_type", "positional");
  pd_config_refuse (reader, "time_embedding_act_fn", NULL);
  pd_config_refuse (reader, "timestep_post_act", NULL);
}

/* Architecture variants that no Stable Diffusion model has. */
static void
refuse_variants (PdJsonReader *reader)
{
  static const char *const acts[] = { "silu", "swish", NULL };
  pd_config_refuse (reader, "_class_name", "UNet2DConditionModel");
  pd_json_reader_choice (reader, "act_fn", 0, acts);
  pd_config_refuse (reader, "attention_type", "default");
  pd_config_refuse (reader, "cross_attention_norm", NULL);
  pd_config_refuse (reader, "resnet_time_scale_shift", "default");
  pd_config_refuse_true (reader, "center_input_sample");
  pd_config_refuse_true (reader, "class_embeddings_concat");
  pd_config_refuse_true (reader, "dual_cross_attention");
  pd_config_refuse_true (reader, "only_cross_attention");
  pd_config_refuse_true (reader, "mid_block_only_cross_attention");
  pd_config_refuse_true (reader, "resnet_skip_time_act");
  pd_json_reader_int (reader, "conv_in_kernel", 3, 3, 3);
  pd_json_reader_int (reader, "conv_out_kernel", 3, 3, 3);
  pd_json_reader_double (reader, "mid_block_scale_factor", 1, 1, 1);
  pd_json_reader_double (reader, "resnet_out_scale_factor", 1, 1, 1);
}

gboolean
pd_unet_config_read (PdUNetConfig *self, JsonObject *object, const char *name, GError **error)
{
  PdJsonReader reader = { .name = name, .object = object };

  *self = (PdUNetConfig){ 0 };
  self->in_channels = pd_json_reader_int (&reader, "in_channels", 4, 1, 1024);
  self->out_channels = pd_json_reader_int (&reader, "out_channels", 4, 1, 1024);
  self->sample_size = pd_json_reader_int (&reader, "sample_size", 0, 0, 65536);
  read_blocks (self, &reader);
  read_cross_attention_dim (self, &reader);
  read_conditions (self, &reader);
  self->use_linear_projection = pd_json_reader_bool (&reader, "use_linear_projection", FALSE);
  self->norm_num_groups =
      pd_json_reader_int (&reader, "norm_num_groups", 32, 1, PD_CONFIG_MAX_CHANNELS);
  self->norm_eps = pd_json_reader_double (&reader, "norm_eps", 1e-5, 1e-12, 0.1);
  self->downsample_padding = pd_json_reader_int (&reader, "downsample_padding", 1, 0, 1);
  self->flip_sin_to_cos = pd_json_reader_bool (&reader, "flip_sin_to_cos", TRUE);
  self->freq_shift = pd_json_reader_double (&reader, "freq_shift", 0, 0, 1);
  self->time_embed_dim =
      pd_json_reader_int (&reader, "time_embedding_dim", 4 * self->block_out_channels[0], 1,
                          8 * PD_CONFIG_MAX_CHANNELS);
  pd_config_check_groups (&reader, self->norm_num_groups, self->block_out_channels, self->n_blocks);
  if (self->block_out_channels[0] % 2 != 0)
    pd_json_reader_fail (&reader,
                         _ ("\"block_out_channels\" begins with %d, expected an even number"),
                         self->block_out_channels[0]);
  refuse_variants (&reader);
  return pd_json_reader_finish (&reader, error);
}
