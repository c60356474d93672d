// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/vae.h"

/* Of every group norm, fixed in diffusers. */
static const float norm_eps = 1e-6f;

enum
{
  MAX_LAYERS = PD_CONFIG_MAX_BLOCK_LAYERS + 1, /* upwards a block has one more */
};

typedef struct
{
  char *path;
  guint n_layers;
  PdResnet resnets[MAX_LAYERS];
  /* Of the encoder's and of the decoder's blocks; the last one has none. */
  PdLayer downsampler;
  PdDoubling upsampler;
} PdVaeBlock;

/* Encoder or decoder. */
typedef struct
{
  char *path;
  PdLayer conv_in, conv_out;
  PdVaeBlock blocks[PD_CONFIG_MAX_BLOCKS];
  PdResnet mid[2];
  PdNorm mid_norm;
  PdAttentionLayer mid_attention;
  PdNorm conv_norm_out;
} PdVaeHalf;

typedef struct
{
  PdAutoencoder base;
  PdVaeConfig config;
  GStringChunk *paths;
  PdWeights *weights;
  PdVaeHalf encoder, decoder;
  PdLayer quant_conv, post_quant_conv; /* weight NULL where the config has none */
} PdVae;

/* Latent pixels beyond which nothing shows of those that a network reaches, norms and attention
 * left out. */
static guint
seen (guint reach)
{
  return (4 * reach + 6) / 7;
}

/* From the output back to the input. */
static guint
halo_decode (const PdVaeConfig *config)
{
  guint convs = 2 * (config->layers_per_block + 1); /* of a block, without its upsampler */
  guint reach = 1 + convs;

  for (int i = 1; i < config->n_blocks; i++)
    reach = (reach + 1 + 1) / 2 + convs;
  reach += 2 * 2 + 1; /* middle block, conv_in */
  return seen (reach);
}

static guint
halo_encode (const PdVaeConfig *config)
{
  guint convs = 2 * config->layers_per_block; /* of a block, without its downsampler */
  guint reach = 1 + 2 * 2 + convs;            /* conv_out, middle block */
  guint scale = 1u << (config->n_blocks - 1);

  for (int i = 1; i < config->n_blocks; i++)
    reach = 2 * reach + 2 + convs;
  reach += 1; /* conv_in */
  return seen ((reach + scale - 1) / scale);
}

PdAutoencoderInfo
pd_vae_info (const PdVaeConfig *config)
{
  return (PdAutoencoderInfo){ .scale = 1u << (config->n_blocks - 1),
                              .channels = config->latent_channels,
                              .scaling = config->scaling_factor,
                              .shift = config->shift_factor,
                              .halo_decode = halo_decode (config),
                              .halo_encode = halo_encode (config),
                              .needs_statistics = TRUE };
}

static void
read_mid (PdLayerReader *reader, const PdVaeConfig *config, PdVaeHalf *half, guint channels)
{
  for (guint i = 0; i < 2; i++)
    half->mid[i] = pd_blocks_read_resnet (reader, channels, channels, 0, "%s.mid_block.resnets.%u",
                                          half->path, i);
  if (!config->mid_attention)
    return;
  half->mid_norm =
      pd_layer_read_norm (reader, channels, "%s.mid_block.attentions.0.group_norm", half->path);
  half->mid_attention = pd_blocks_read_attention (reader, channels, channels, 1, TRUE,
                                                  "%s.mid_block.attentions.0", half->path);
}

static void
read_block (PdLayerReader *reader, PdVaeBlock *block, guint in, guint out)
{
  for (guint i = 0; i < block->n_layers; i++)
    block->resnets[i] =
        pd_blocks_read_resnet (reader, i == 0 ? in : out, out, 0, "%s.resnets.%u", block->path, i);
}

static void
read_encoder (PdLayerReader *reader, PdVae *self)
{
  const PdVaeConfig *config = &self->config;
  PdVaeHalf *half = &self->encoder;
  guint last = config->n_blocks - 1, moments = 2 * config->latent_channels;

  half->conv_in = pd_layer_read_conv (reader, config->block_out_channels[0], config->in_channels,
                                      TRUE, "encoder.conv_in");
  for (guint i = 0; i <= last; i++)
    {
      PdVaeBlock *block = &half->blocks[i];
      guint out = config->block_out_channels[i];

      read_block (reader, block, config->block_out_channels[i > 0 ? i - 1 : 0], out);
      if (i < last)
        block->downsampler =
            pd_layer_read_conv (reader, out, out, TRUE, "%s.downsamplers.0.conv", block->path);
    }
  read_mid (reader, config, half, config->block_out_channels[last]);
  half->conv_norm_out =
      pd_layer_read_norm (reader, config->block_out_channels[last], "encoder.conv_norm_out");
  half->conv_out = pd_layer_read_conv (reader, moments, config->block_out_channels[last], TRUE,
                                       "encoder.conv_out");
  if (config->use_quant_conv)
    self->quant_conv = pd_layer_read_linear (reader, moments, moments, TRUE, "quant_conv");
}

static void
read_decoder (PdLayerReader *reader, PdVae *self)
{
  const PdVaeConfig *config = &self->config;
  PdVaeHalf *half = &self->decoder;
  guint last = config->n_blocks - 1, latent = config->latent_channels;

  if (config->use_post_quant_conv)
    self->post_quant_conv = pd_layer_read_linear (reader, latent, latent, TRUE, "post_quant_conv");
  half->conv_in = pd_layer_read_conv (reader, config->block_out_channels[last], latent, TRUE,
                                      "decoder.conv_in");
  read_mid (reader, config, half, config->block_out_channels[last]);
  for (guint i = 0; i <= last; i++)
    {
      PdVaeBlock *block = &half->blocks[i];
      guint out = config->block_out_channels[last - i];

      read_block (reader, block, config->block_out_channels[i > 0 ? last - i + 1 : last], out);
      if (i < last)
        block->upsampler =
            pd_layer_read_doubling (reader, out, out, "%s.upsamplers.0.conv", block->path);
    }
  half->conv_norm_out =
      pd_layer_read_norm (reader, config->block_out_channels[0], "decoder.conv_norm_out");
  half->conv_out = pd_layer_read_conv (reader, config->out_channels, config->block_out_channels[0],
                                       TRUE, "decoder.conv_out");
}

static void
read_vae (PdLayerReader *reader, gpointer part)
{
  const PdVae *self = part;

  if (self->base.has_encoder)
    read_encoder (reader, part);
  read_decoder (reader, part);
}

static void
name_half (PdVae *self, PdVaeHalf *half, const char *path, const char *blocks, guint n_layers)
{
  half->path = g_string_chunk_insert (self->paths, path);
  for (guint i = 0; i < (guint) self->config.n_blocks; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%s.%u", path, blocks, i);

      half->blocks[i].path = g_string_chunk_insert (self->paths, name);
      half->blocks[i].n_layers = n_layers;
    }
}

static PdTensor *
build_mid (PdVae *self, PdBuilder *builder, PdTensor *x, const PdVaeHalf *half)
{
  g_autofree char *path = g_strconcat (half->path, ".mid_block", NULL);

  builder->depth = self->config.n_blocks - 1;
  x = pd_blocks_build_resnet (builder, x, &half->mid[0]);
  if (half->mid_norm.weight != NULL)
    {
      PdAttentionLayer attention = half->mid_attention;
      PdTensor *h =
          pd_blocks_build_group_norm (builder, x, &half->mid_norm, PD_ACTIVATION_NONE, FALSE);

      /* This module's output contains its residual. */
      attention.path = attention.to_out.path;
      x = pd_blocks_build_attention (builder, h, h, x, &attention);
      pd_probes_keep (builder->probes, builder->graph, half->mid_attention.path, x);
    }
  x = pd_blocks_build_resnet (builder, x, &half->mid[1]);
  pd_probes_keep (builder->probes, builder->graph, path, x);
  return x;
}

static PdTensor *
build_end (const PdBuilder *builder, PdTensor *x, const PdVaeHalf *half)
{
  x = pd_blocks_build_group_norm (builder, x, &half->conv_norm_out, PD_ACTIVATION_SILU, TRUE);
  return pd_layer_apply_conv (builder->graph, builder->probes, x, &half->conv_out, PD_CONV_SAME,
                              NULL);
}

static PdTensor *
build_encoder (PdVae *self, PdBuilder *builder, PdTensor *x)
{
  const PdVaeHalf *half = &self->encoder;

  x = pd_layer_apply_conv (builder->graph, builder->probes, x, &half->conv_in, PD_CONV_SAME, NULL);
  for (guint i = 0; i < (guint) self->config.n_blocks; i++)
    {
      const PdVaeBlock *block = &half->blocks[i];

      builder->depth = i;
      for (guint j = 0; j < block->n_layers; j++)
        x = pd_blocks_build_resnet (builder, x, &block->resnets[j]);
      if (block->downsampler.weight != NULL)
        x = pd_layer_apply_conv (builder->graph, builder->probes, x, &block->downsampler,
                                 PD_CONV_HALF_RIGHT, NULL);
      pd_probes_keep (builder->probes, builder->graph, block->path, x);
    }
  x = build_end (builder, build_mid (self, builder, x, half), half);
  if (self->quant_conv.weight != NULL)
    x = pd_layer_apply_linear (builder->graph, builder->probes, x, &self->quant_conv, NULL);
  return x;
}

static PdTensor *
build_decoder (PdVae *self, PdBuilder *builder, PdTensor *x)
{
  const PdVaeHalf *half = &self->decoder;

  if (self->post_quant_conv.weight != NULL)
    x = pd_layer_apply_linear (builder->graph, builder->probes, x, &self->post_quant_conv,
                               &(PdEpilogue){ .border = TRUE });
  x = pd_layer_apply_conv (builder->graph, builder->probes, x, &half->conv_in, PD_CONV_SAME, NULL);
  x = build_mid (self, builder, x, half);
  for (guint i = 0; i < (guint) self->config.n_blocks; i++)
    {
      const PdVaeBlock *block = &half->blocks[i];

      builder->depth = (guint) self->config.n_blocks - 1 - i;
      for (guint j = 0; j < block->n_layers; j++)
        x = pd_blocks_build_resnet (builder, x, &block->resnets[j]);
      if (block->upsampler.phases[0] != NULL)
        x = pd_layer_apply_doubling (builder->graph, builder->probes, x, &block->upsampler);
      pd_probes_keep (builder->probes, builder->graph, block->path, x);
    }
  return build_end (builder, x, half);
}

static PdTensor *
build_vae (PdAutoencoder *self, const PdBuilder *builder, gboolean decode, PdTensor *x)
{
  PdBuilder own = *builder;

  return decode ? build_decoder ((PdVae *) self, &own, x) : build_encoder ((PdVae *) self, &own, x);
}

static void
free_vae (PdAutoencoder *autoencoder)
{
  PdVae *self = (PdVae *) autoencoder;

  pd_weights_free (self->weights);
  g_string_chunk_free (self->paths);
  g_free (self);
}

static const PdAutoencoderClass vae_class = { .build = build_vae, .free = free_vae };

PdAutoencoder *
pd_vae_new (const PdBackend *backend,
            const PdVaeConfig *config,
            PdCheckpoint *checkpoint,
            GError **error)
{
  PdVae *self = g_new0 (PdVae, 1);
  g_autoptr (PdAutoencoder) base = &self->base;

  *base = (PdAutoencoder){ .class = &vae_class,
                           .backend = backend,
                           .info = pd_vae_info (config),
                           .groups = config->norm_num_groups,
                           .eps = norm_eps,
                           .has_encoder = pd_checkpoint_has_prefix (checkpoint, "encoder.") };
  self->config = *config;
  self->paths = g_string_chunk_new (4096);
  name_half (self, &self->encoder, "encoder", "down_blocks", config->layers_per_block);
  name_half (self, &self->decoder, "decoder", "up_blocks", config->layers_per_block + 1);
  self->weights = pd_layer_read_part (checkpoint, backend, self->paths, read_vae, self, error);
  return self->weights != NULL ? g_steal_pointer (&base) : NULL;
}
