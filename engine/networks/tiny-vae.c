// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/tiny-vae.h"

#include <math.h>

/* AutoencoderTinyBlock: relu (conv.4 (relu (conv.2 (relu (conv.0 (x))))) + x) */
typedef struct
{
  PdLayer conv[3];
} PdTinyBlock;

typedef struct
{
  PdLayer conv;   /* begins a stage of the encoder, ends one of the decoder */
  GArray *blocks; /* PdTinyBlock */
} PdTinyStage;

typedef struct
{
  PdAutoencoder base;
  PdTinyVaeConfig config;
  GStringChunk *paths;
  PdWeights *weights;
  PdTinyStage encoder[PD_CONFIG_MAX_BLOCKS], decoder[PD_CONFIG_MAX_BLOCKS];
  PdLayer encoder_out, decoder_in;
} PdTinyVae;

static guint
scale_of (const PdTinyVaeConfig *config)
{
  guint scale = 1;

  for (int i = 1; i < config->n_decoder_stages; i++)
    scale *= config->upsampling_factor;
  return scale;
}

/* From the output back to the input: a 3 × 3 convolution reads one pixel further. */
static guint
halo_decode (const PdTinyVaeConfig *config)
{
  guint reach = 0, factor = config->upsampling_factor;

  for (int i = config->n_decoder_stages - 1; i >= 0; i--)
    {
      reach += 1;
      if (i + 1 < config->n_decoder_stages)
        reach = (reach + factor - 1) / factor;
      reach += 3 * config->decoder_blocks[i];
    }
  return reach + 1;
}

static guint
halo_encode (const PdTinyVaeConfig *config)
{
  guint reach = 1, scale = scale_of (config);

  for (int i = config->n_encoder_stages - 1; i >= 0; i--)
    {
      reach += 3 * config->encoder_blocks[i];
      reach = i > 0 ? 2 * reach + 1 : reach + 1;
    }
  return (reach + scale - 1) / scale;
}

PdAutoencoderInfo
pd_tiny_vae_info (const PdTinyVaeConfig *config)
{
  return (PdAutoencoderInfo){ .scale = scale_of (config),
                              .channels = config->latent_channels,
                              .scaling = 1,
                              .halo_decode = halo_decode (config),
                              .halo_encode = halo_encode (config) };
}

static void
read_blocks (PdLayerReader *reader,
             PdTinyStage *stage,
             guint count,
             guint channels,
             const char *half,
             guint *index)
{
  g_array_set_size (stage->blocks, 0);
  for (guint i = 0; i < count; i++, (*index)++)
    {
      PdTinyBlock block;

      for (guint j = 0; j < 3; j++)
        block.conv[j] = pd_layer_read_conv (reader, channels, channels, TRUE,
                                            "%s.layers.%u.conv.%u", half, *index, 2 * j);
      g_array_append_val (stage->blocks, block);
    }
}

static void
read_tiny_encoder (PdLayerReader *reader, PdTinyVae *self)
{
  const PdTinyVaeConfig *config = &self->config;
  guint index = 0;

  for (int i = 0; i < config->n_encoder_stages; i++)
    {
      guint channels = config->encoder_channels[i];

      self->encoder[i].conv =
          pd_layer_read_conv (reader, channels, i == 0 ? (guint) config->in_channels : channels,
                              i == 0, "encoder.layers.%u", index);
      index++;
      read_blocks (reader, &self->encoder[i], config->encoder_blocks[i], channels, "encoder",
                   &index);
    }
  self->encoder_out = pd_layer_read_conv (reader, config->latent_channels,
                                          config->encoder_channels[config->n_encoder_stages - 1],
                                          TRUE, "encoder.layers.%u", index);
}

/* Module numbers count what has no weights too: activations and upsamplers. */
static void
read_tiny_vae (PdLayerReader *reader, gpointer part)
{
  PdTinyVae *self = part;
  const PdTinyVaeConfig *config = &self->config;
  guint index = 2;

  if (self->base.has_encoder)
    read_tiny_encoder (reader, self);
  self->decoder_in = pd_layer_read_conv (reader, config->decoder_channels[0],
                                         config->latent_channels, TRUE, "decoder.layers.0");
  for (int i = 0; i < config->n_decoder_stages; i++)
    {
      guint channels = config->decoder_channels[i];
      gboolean last = i + 1 == config->n_decoder_stages;

      read_blocks (reader, &self->decoder[i], config->decoder_blocks[i], channels, "decoder",
                   &index);
      index += last ? 0 : 1;
      self->decoder[i].conv =
          pd_layer_read_conv (reader, last ? (guint) config->out_channels : channels, channels,
                              last, "decoder.layers.%u", index);
      index++;
    }
}

static PdTensor *
apply_conv (PdGraph *graph, PdTensor *x, const PdLayer *layer, PdConv kind, PdEpilogue epilogue)
{
  return pd_conv2d (graph, x, layer->weight, layer->bias, kind, &epilogue);
}

static PdTensor *
build_blocks (PdGraph *graph, PdTensor *x, const PdTinyStage *stage)
{
  static const PdEpilogue relu = { .activation = PD_ACTIVATION_RELU, .border = TRUE };

  for (guint i = 0; i < stage->blocks->len; i++)
    {
      const PdTinyBlock *block = &g_array_index (stage->blocks, PdTinyBlock, i);
      PdTensor *h = apply_conv (graph, x, &block->conv[0], PD_CONV_SAME, relu);

      h = apply_conv (graph, h, &block->conv[1], PD_CONV_SAME, relu);
      h = apply_conv (graph, h, &block->conv[2], PD_CONV_SAME, (PdEpilogue){ .residual = x });
      x = pd_activate (graph, h, PD_ACTIVATION_RELU);
    }
  return x;
}

static PdTensor *
build_encoder (PdTinyVae *self, PdGraph *graph, PdTensor *x)
{
  for (int i = 0; i < self->config.n_encoder_stages; i++)
    {
      x = apply_conv (graph, x, &self->encoder[i].conv, i == 0 ? PD_CONV_SAME : PD_CONV_HALF,
                      (PdEpilogue){ 0 });
      x = build_blocks (graph, x, &self->encoder[i]);
    }
  return apply_conv (graph, x, &self->encoder_out, PD_CONV_SAME, (PdEpilogue){ 0 });
}

static PdTensor *
build_decoder (PdTinyVae *self, PdGraph *graph, PdTensor *x)
{
  guint factor = self->config.upsampling_factor;

  x = apply_conv (graph, x, &self->decoder_in, PD_CONV_SAME,
                  (PdEpilogue){ .activation = PD_ACTIVATION_RELU, .border = TRUE });
  for (int i = 0; i < self->config.n_decoder_stages; i++)
    {
      x = build_blocks (graph, x, &self->decoder[i]);
      if (i + 1 < self->config.n_decoder_stages)
        x = pd_upsample (graph, x, factor * x->h, factor * x->w, TRUE);
      x = apply_conv (graph, x, &self->decoder[i].conv, PD_CONV_SAME, (PdEpilogue){ 0 });
    }
  return x;
}

static PdTensor *
build_tiny_vae (PdAutoencoder *self, const PdBuilder *builder, gboolean decode, PdTensor *x)
{
  return decode ? build_decoder ((PdTinyVae *) self, builder->graph, x)
                : build_encoder ((PdTinyVae *) self, builder->graph, x);
}

static void
map_input (gboolean decode, float *values, gsize n)
{
  for (gsize i = 0; i < n; i++)
    values[i] = decode ? 3 * tanhf (values[i] / 3) : (values[i] + 1) / 2;
}

static void
map_output (gboolean decode, float *values, gsize n)
{
  for (gsize i = 0; decode && i < n; i++)
    values[i] = 2 * values[i] - 1;
}

static void
free_tiny_vae (PdAutoencoder *autoencoder)
{
  PdTinyVae *self = (PdTinyVae *) autoencoder;

  for (guint i = 0; i < PD_CONFIG_MAX_BLOCKS; i++)
    {
      g_array_unref (self->encoder[i].blocks);
      g_array_unref (self->decoder[i].blocks);
    }
  pd_weights_free (self->weights);
  g_string_chunk_free (self->paths);
  g_free (self);
}

static const PdAutoencoderClass tiny_vae_class = {
  .build = build_tiny_vae, .map_input = map_input, .map_output = map_output, .free = free_tiny_vae
};

PdAutoencoder *
pd_tiny_vae_new (const PdBackend *backend,
                 const PdTinyVaeConfig *config,
                 PdCheckpoint *checkpoint,
                 GError **error)
{
  PdTinyVae *self = g_new0 (PdTinyVae, 1);
  g_autoptr (PdAutoencoder) base = &self->base;

  *base = (PdAutoencoder){ .class = &tiny_vae_class,
                           .backend = backend,
                           .info = pd_tiny_vae_info (config),
                           .has_encoder = pd_checkpoint_has_prefix (checkpoint, "encoder.") };
  self->config = *config;
  self->paths = g_string_chunk_new (4096);
  for (guint i = 0; i < PD_CONFIG_MAX_BLOCKS; i++)
    {
      self->encoder[i].blocks = g_array_new (FALSE, FALSE, sizeof (PdTinyBlock));
      self->decoder[i].blocks = g_array_new (FALSE, FALSE, sizeof (PdTinyBlock));
    }
  self->weights = pd_layer_read_part (checkpoint, backend, self->paths, read_tiny_vae, self, error);
  return self->weights != NULL ? g_steal_pointer (&base) : NULL;
}
