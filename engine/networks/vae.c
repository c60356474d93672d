// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/blocks.h"
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
  PdLayer sampler; /* down- or up-sampling convolution; none in the last block */
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

struct _PdVae
{
  const PdBackend *backend;
  PdVaeConfig config;
  GStringChunk *paths;
  PdWeights *weights;
  gboolean has_encoder; /* else only decoders can be made */
  PdVaeHalf encoder, decoder;
  PdLayer quant_conv, post_quant_conv; /* weight NULL where the config has none */
};

struct _PdVaePass
{
  PdGraph *graph;
  PdTensor *input, *output;
  guint latent_channels;
};

guint
pd_vae_scale (const PdVaeConfig *config)
{
  return 1u << (config->n_blocks - 1);
}

guint
pd_vae_halo (const PdVaeConfig *config)
{
  guint convs = 2 * (config->layers_per_block + 1); /* of a block, without its upsampler */
  guint reach = 1 + convs;

  for (int i = 1; i < config->n_blocks; i++)
    reach = (reach + 1 + 1) / 2 + convs;
  reach += 2 * 2 + 1; /* middle block, conv_in */
  return (4 * reach + 6) / 7;
}

static gsize
globals_of_resnets (const PdResnet *resnets, guint count)
{
  gsize bytes = 0;

  for (guint i = 0; i < count; i++)
    bytes += pd_globals_norm_bytes (resnets[i].norm1.weight->count) +
             pd_globals_norm_bytes (resnets[i].norm2.weight->count);
  return bytes;
}

PdGlobals *
pd_vae_globals_new (PdVae *self, gboolean decode, const PdGlobalsAxis axes[2], GError **error)
{
  const PdVaeHalf *half = decode ? &self->decoder : &self->encoder;
  gsize bytes = globals_of_resnets (half->mid, G_N_ELEMENTS (half->mid)) +
                pd_globals_norm_bytes (half->conv_norm_out.weight->count);

  for (guint i = 0; i < (guint) self->config.n_blocks; i++)
    bytes += globals_of_resnets (half->blocks[i].resnets, half->blocks[i].n_layers);
  if (half->mid_norm.weight != NULL)
    bytes += pd_globals_norm_bytes (half->mid_norm.weight->count) +
             pd_globals_attention_bytes ((gsize) axes[0].sample * axes[1].sample,
                                         half->mid_norm.weight->count);
  return pd_globals_new (self->backend, bytes, axes, error);
}

static void
read_mid (PdLayerReader *reader, const PdVaeConfig *config, PdVaeHalf *half, guint channels)
{
  for (guint i = 0; i < 2; i++)
    half->mid[i] =
        pd_read_resnet (reader, channels, channels, 0, "%s.mid_block.resnets.%u", half->path, i);
  if (!config->mid_attention)
    return;
  half->mid_norm =
      pd_read_norm (reader, channels, "%s.mid_block.attentions.0.group_norm", half->path);
  half->mid_attention = pd_read_attention (reader, channels, channels, 1, TRUE,
                                           "%s.mid_block.attentions.0", half->path);
}

static void
read_block (PdLayerReader *reader, PdVaeBlock *block, guint in, guint out, const char *sampler)
{
  for (guint i = 0; i < block->n_layers; i++)
    block->resnets[i] =
        pd_read_resnet (reader, i == 0 ? in : out, out, 0, "%s.resnets.%u", block->path, i);
  if (sampler != NULL)
    block->sampler = pd_read_conv (reader, out, out, TRUE, "%s.%s.0.conv", block->path, sampler);
}

static void
read_encoder (PdLayerReader *reader, PdVae *self)
{
  const PdVaeConfig *config = &self->config;
  PdVaeHalf *half = &self->encoder;
  guint last = config->n_blocks - 1, moments = 2 * config->latent_channels;

  half->conv_in = pd_read_conv (reader, config->block_out_channels[0], config->in_channels, TRUE,
                                "encoder.conv_in");
  for (guint i = 0; i <= last; i++)
    read_block (reader, &half->blocks[i], config->block_out_channels[i > 0 ? i - 1 : 0],
                config->block_out_channels[i], i < last ? "downsamplers" : NULL);
  read_mid (reader, config, half, config->block_out_channels[last]);
  half->conv_norm_out =
      pd_read_norm (reader, config->block_out_channels[last], "encoder.conv_norm_out");
  half->conv_out =
      pd_read_conv (reader, moments, config->block_out_channels[last], TRUE, "encoder.conv_out");
  if (config->use_quant_conv)
    self->quant_conv = pd_read_linear (reader, moments, moments, TRUE, "quant_conv");
}

static void
read_decoder (PdLayerReader *reader, PdVae *self)
{
  const PdVaeConfig *config = &self->config;
  PdVaeHalf *half = &self->decoder;
  guint last = config->n_blocks - 1, latent = config->latent_channels;

  if (config->use_post_quant_conv)
    self->post_quant_conv = pd_read_linear (reader, latent, latent, TRUE, "post_quant_conv");
  half->conv_in =
      pd_read_conv (reader, config->block_out_channels[last], latent, TRUE, "decoder.conv_in");
  read_mid (reader, config, half, config->block_out_channels[last]);
  for (guint i = 0; i <= last; i++)
    read_block (reader, &half->blocks[i], config->block_out_channels[i > 0 ? last - i + 1 : last],
                config->block_out_channels[last - i], i < last ? "upsamplers" : NULL);
  half->conv_norm_out =
      pd_read_norm (reader, config->block_out_channels[0], "decoder.conv_norm_out");
  half->conv_out = pd_read_conv (reader, config->out_channels, config->block_out_channels[0], TRUE,
                                 "decoder.conv_out");
}

static void
read_vae (PdLayerReader *reader, gpointer part)
{
  const PdVae *self = part;

  if (self->has_encoder)
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

PdVae *
pd_vae_new (const PdBackend *backend,
            const PdVaeConfig *config,
            PdCheckpoint *checkpoint,
            GError **error)
{
  g_autoptr (PdVae) self = g_new0 (PdVae, 1);

  self->backend = backend;
  self->config = *config;
  self->paths = g_string_chunk_new (4096);
  name_half (self, &self->encoder, "encoder", "down_blocks", config->layers_per_block);
  name_half (self, &self->decoder, "decoder", "up_blocks", config->layers_per_block + 1);
  self->has_encoder = pd_checkpoint_has_prefix (checkpoint, "encoder.");
  self->weights = pd_read_part (checkpoint, backend, self->paths, read_vae, self, error);
  return self->weights != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_vae_free (PdVae *self)
{
  if (self == NULL)
    return;
  pd_weights_free (self->weights);
  g_string_chunk_free (self->paths);
  g_free (self);
}

const PdBackend *
pd_vae_backend (const PdVae *self)
{
  return self->backend;
}

static PdTensor *
build_mid (const PdBuilder *builder, PdTensor *x, const PdVaeHalf *half)
{
  g_autofree char *path = g_strconcat (half->path, ".mid_block", NULL);

  x = pd_build_resnet (builder, x, &half->mid[0]);
  if (half->mid_norm.weight != NULL)
    {
      PdAttentionLayer attention = half->mid_attention;
      PdTensor *h = pd_build_group_norm (builder, x, &half->mid_norm, PD_ACTIVATION_NONE, FALSE);

      /* This module's output contains its residual. */
      attention.path = attention.to_out.path;
      x = pd_build_attention (builder, h, h, x, &attention);
      pd_probe (builder->probes, builder->graph, half->mid_attention.path, x);
    }
  x = pd_build_resnet (builder, x, &half->mid[1]);
  pd_probe (builder->probes, builder->graph, path, x);
  return x;
}

static PdTensor *
build_end (const PdBuilder *builder, PdTensor *x, const PdVaeHalf *half)
{
  x = pd_build_group_norm (builder, x, &half->conv_norm_out, PD_ACTIVATION_SILU, TRUE);
  return pd_apply_conv (builder->graph, builder->probes, x, &half->conv_out, PD_CONV_SAME, NULL);
}

static PdTensor *
build_encoder (PdVae *self, const PdBuilder *builder, PdTensor *x)
{
  const PdVaeHalf *half = &self->encoder;

  x = pd_apply_conv (builder->graph, builder->probes, x, &half->conv_in, PD_CONV_SAME, NULL);
  for (guint i = 0; i < (guint) self->config.n_blocks; i++)
    {
      const PdVaeBlock *block = &half->blocks[i];

      for (guint j = 0; j < block->n_layers; j++)
        x = pd_build_resnet (builder, x, &block->resnets[j]);
      if (block->sampler.weight != NULL)
        x = pd_apply_conv (builder->graph, builder->probes, x, &block->sampler, PD_CONV_HALF_RIGHT,
                           NULL);
      pd_probe (builder->probes, builder->graph, block->path, x);
    }
  x = build_end (builder, build_mid (builder, x, half), half);
  if (self->quant_conv.weight != NULL)
    x = pd_apply_linear (builder->graph, builder->probes, x, &self->quant_conv, NULL);
  return x;
}

static PdTensor *
build_decoder (PdVae *self, const PdBuilder *builder, PdTensor *x)
{
  const PdVaeHalf *half = &self->decoder;

  if (self->post_quant_conv.weight != NULL)
    x = pd_apply_linear (builder->graph, builder->probes, x, &self->post_quant_conv,
                         &(PdEpilogue){ .border = TRUE });
  x = pd_apply_conv (builder->graph, builder->probes, x, &half->conv_in, PD_CONV_SAME, NULL);
  x = build_mid (builder, x, half);
  for (guint i = 0; i < (guint) self->config.n_blocks; i++)
    {
      const PdVaeBlock *block = &half->blocks[i];

      for (guint j = 0; j < block->n_layers; j++)
        x = pd_build_resnet (builder, x, &block->resnets[j]);
      if (block->sampler.weight != NULL)
        {
          x = pd_upsample (builder->graph, x, 2 * x->h, 2 * x->w, TRUE);
          x = pd_apply_conv (builder->graph, builder->probes, x, &block->sampler, PD_CONV_SAME,
                             NULL);
        }
      pd_probe (builder->probes, builder->graph, block->path, x);
    }
  return build_end (builder, x, half);
}

PdVaePass *
pd_vae_pass_new (PdVae *vae, const PdVaePassOptions *options, GError **error)
{
  const PdVaeConfig *config = &vae->config;
  g_autoptr (PdVaePass) self = g_new0 (PdVaePass, 1);
  PdBuilder builder = { .probes = options->probes,
                        .groups = config->norm_num_groups,
                        .eps = norm_eps,
                        .globals = options->globals };
  guint scale = pd_vae_scale (config);
  PdTensor *x;

  self->latent_channels = config->latent_channels;
  self->graph = builder.graph = pd_graph_new (vae->backend);
  if (options->globals != NULL)
    pd_globals_begin (options->globals, options->globals_mode);
  if (options->decode)
    {
      self->input = pd_graph_input (self->graph, options->n, options->h, options->w,
                                    config->latent_channels, 1);
      x = build_decoder (vae, &builder, self->input);
    }
  else
    {
      self->input = pd_graph_input (self->graph, options->n, options->h * scale, options->w * scale,
                                    config->in_channels, 1);
      x = build_encoder (vae, &builder, self->input);
    }
  self->output = pd_graph_output (self->graph, x);
  return pd_graph_compile (self->graph, options->timestamps, error) ? g_steal_pointer (&self)
                                                                    : NULL;
}

PdVaePass *
pd_vae_decoder_new (
    PdVae *vae, guint n, guint h, guint w, PdProbes *probes, gboolean timestamps, GError **error)
{
  return pd_vae_pass_new (
      vae,
      &(PdVaePassOptions){
          .decode = TRUE, .n = n, .h = h, .w = w, .probes = probes, .timestamps = timestamps },
      error);
}

PdVaePass *
pd_vae_encoder_new (
    PdVae *vae, guint n, guint h, guint w, PdProbes *probes, gboolean timestamps, GError **error)
{
  return pd_vae_pass_new (
      vae,
      &(PdVaePassOptions){ .n = n, .h = h, .w = w, .probes = probes, .timestamps = timestamps },
      error);
}

void
pd_vae_pass_free (PdVaePass *self)
{
  if (self == NULL)
    return;
  pd_graph_free (self->graph);
  g_free (self);
}

PdGraph *
pd_vae_pass_graph (PdVaePass *self)
{
  return self->graph;
}

gboolean
pd_vae_decode (PdVaePass *self,
               const float *latents,
               gsize n_latents,
               float *picture,
               gsize n_picture,
               GCancellable *cancellable,
               GError **error)
{
  return pd_tensor_write_nchw (self->input, latents, n_latents, error) &&
         pd_graph_run (self->graph, cancellable, error) &&
         pd_tensor_read (self->output, picture, n_picture, error);
}

gboolean
pd_vae_encode (PdVaePass *self,
               const float *picture,
               gsize n_picture,
               float *mean,
               float *log_variance,
               gsize n_latents,
               GCancellable *cancellable,
               GError **error)
{
  const PdTensor *output = self->output;
  gsize latent = (gsize) self->latent_channels * output->h * output->w;
  g_autofree float *moments = NULL;

  if (!pd_tensor_check_length (output, 2 * n_latents, error) ||
      (moments = pd_try_new (float, 2 * n_latents, _ ("the autoencoder's windows"), error)) ==
          NULL ||
      !pd_tensor_write (self->input, picture, n_picture, error) ||
      !pd_graph_run (self->graph, cancellable, error) ||
      !pd_tensor_read_nchw (output, moments, 2 * n_latents, error))
    return FALSE;
  for (guint n = 0; n < output->n; n++)
    for (gsize i = 0; i < latent; i++)
      {
        mean[n * latent + i] = moments[2 * n * latent + i];
        log_variance[n * latent + i] = CLAMP (moments[(2 * n + 1) * latent + i], -30.0f, 20.0f);
      }
  return TRUE;
}
