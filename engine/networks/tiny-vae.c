// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/tiny-vae.h"

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

struct _PdTinyVae
{
  const PdBackend *backend;
  PdTinyVaeConfig config;
  GStringChunk *paths;
  gboolean has_encoder; /* else only decoders can be made */
  PdWeights *weights;
  PdTinyStage encoder[PD_CONFIG_MAX_BLOCKS], decoder[PD_CONFIG_MAX_BLOCKS];
  PdLayer encoder_out, decoder_in;
};

struct _PdTinyVaePass
{
  PdGraph *graph;
  PdTensor *input, *output;
  float *values; /* the input after its element-wise map */
};

guint
pd_tiny_vae_scale (const PdTinyVaeConfig *config)
{
  guint scale = 1;

  for (int i = 1; i < config->n_decoder_stages; i++)
    scale *= config->upsampling_factor;
  return scale;
}

/* From the output back to the input: a 3 × 3 convolution reads one pixel further. */
guint
pd_tiny_vae_halo (const PdTinyVaeConfig *config, gboolean decode)
{
  guint reach = 0, factor = config->upsampling_factor, scale = pd_tiny_vae_scale (config);

  if (decode)
    {
      for (int i = config->n_decoder_stages - 1; i >= 0; i--)
        {
          reach += 1;
          if (i + 1 < config->n_decoder_stages)
            reach = (reach + factor - 1) / factor;
          reach += 3 * config->decoder_blocks[i];
        }
      return reach + 1;
    }
  reach = 1;
  for (int i = config->n_encoder_stages - 1; i >= 0; i--)
    {
      reach += 3 * config->encoder_blocks[i];
      reach = i > 0 ? 2 * reach + 1 : reach + 1;
    }
  return (reach + scale - 1) / scale;
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
        block.conv[j] = pd_read_conv (reader, channels, channels, TRUE, "%s.layers.%u.conv.%u",
                                      half, *index, 2 * j);
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
          pd_read_conv (reader, channels, i == 0 ? (guint) config->in_channels : channels, i == 0,
                        "encoder.layers.%u", index);
      index++;
      read_blocks (reader, &self->encoder[i], config->encoder_blocks[i], channels, "encoder",
                   &index);
    }
  self->encoder_out = pd_read_conv (reader, config->latent_channels,
                                    config->encoder_channels[config->n_encoder_stages - 1], TRUE,
                                    "encoder.layers.%u", index);
}

/* Module numbers count what has no weights too: activations and upsamplers. */
static void
read_tiny_vae (PdLayerReader *reader, gpointer part)
{
  PdTinyVae *self = part;
  const PdTinyVaeConfig *config = &self->config;
  guint index = 2;

  if (self->has_encoder)
    read_tiny_encoder (reader, self);
  self->decoder_in = pd_read_conv (reader, config->decoder_channels[0], config->latent_channels,
                                   TRUE, "decoder.layers.0");
  for (int i = 0; i < config->n_decoder_stages; i++)
    {
      guint channels = config->decoder_channels[i];
      gboolean last = i + 1 == config->n_decoder_stages;

      read_blocks (reader, &self->decoder[i], config->decoder_blocks[i], channels, "decoder",
                   &index);
      index += last ? 0 : 1;
      self->decoder[i].conv = pd_read_conv (reader, last ? (guint) config->out_channels : channels,
                                            channels, last, "decoder.layers.%u", index);
      index++;
    }
}

PdTinyVae *
pd_tiny_vae_new (const PdBackend *backend,
                 const PdTinyVaeConfig *config,
                 PdCheckpoint *checkpoint,
                 GError **error)
{
  g_autoptr (PdTinyVae) self = g_new0 (PdTinyVae, 1);

  self->backend = backend;
  self->config = *config;
  self->paths = g_string_chunk_new (4096);
  for (guint i = 0; i < PD_CONFIG_MAX_BLOCKS; i++)
    {
      self->encoder[i].blocks = g_array_new (FALSE, FALSE, sizeof (PdTinyBlock));
      self->decoder[i].blocks = g_array_new (FALSE, FALSE, sizeof (PdTinyBlock));
    }
  self->has_encoder = pd_checkpoint_has_prefix (checkpoint, "encoder.");
  self->weights = pd_read_part (checkpoint, backend, self->paths, read_tiny_vae, self, error);
  return self->weights != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_tiny_vae_free (PdTinyVae *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < PD_CONFIG_MAX_BLOCKS; i++)
    {
      g_array_unref (self->encoder[i].blocks);
      g_array_unref (self->decoder[i].blocks);
    }
  pd_weights_free (self->weights);
  g_string_chunk_free (self->paths);
  g_free (self);
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

static PdTinyVaePass *
pass_new (PdTinyVae *vae, gboolean decode, guint n, guint h, guint w, GError **error)
{
  const PdTinyVaeConfig *config = &vae->config;
  g_autoptr (PdTinyVaePass) self = g_new0 (PdTinyVaePass, 1);
  guint scale = pd_tiny_vae_scale (config);
  PdTensor *x;

  self->graph = pd_graph_new (vae->backend);
  if (decode)
    {
      self->input = pd_graph_input (self->graph, n, h, w, config->latent_channels, 1);
      x = build_decoder (vae, self->graph, self->input);
    }
  else
    {
      self->input = pd_graph_input (self->graph, n, h * scale, w * scale, config->in_channels, 1);
      x = build_encoder (vae, self->graph, self->input);
    }
  self->output = pd_graph_output (self->graph, x);
  self->values =
      pd_try_new (float, pd_tensor_n_values (self->input), _ ("the autoencoder's windows"), error);
  return self->values != NULL && pd_graph_compile (self->graph, FALSE, error)
             ? g_steal_pointer (&self)
             : NULL;
}

PdTinyVaePass *
pd_tiny_vae_decoder_new (PdTinyVae *vae, guint n, guint h, guint w, GError **error)
{
  return pass_new (vae, TRUE, n, h, w, error);
}

PdTinyVaePass *
pd_tiny_vae_encoder_new (PdTinyVae *vae, guint n, guint h, guint w, GError **error)
{
  return pass_new (vae, FALSE, n, h, w, error);
}

void
pd_tiny_vae_pass_free (PdTinyVaePass *self)
{
  if (self == NULL)
    return;
  pd_graph_free (self->graph);
  g_free (self->values);
  g_free (self);
}

PdGraph *
pd_tiny_vae_pass_graph (PdTinyVaePass *self)
{
  return self->graph;
}

gboolean
pd_tiny_vae_decode (PdTinyVaePass *self,
                    const float *latents,
                    gsize n_latents,
                    float *picture,
                    gsize n_picture,
                    GCancellable *cancellable,
                    GError **error)
{
  if (!pd_tensor_check_length (self->input, n_latents, error))
    return FALSE;
  for (gsize i = 0; i < n_latents; i++)
    self->values[i] = 3 * tanhf (latents[i] / 3);
  if (!pd_tensor_write_nchw (self->input, self->values, n_latents, error) ||
      !pd_graph_run (self->graph, cancellable, error) ||
      !pd_tensor_read (self->output, picture, n_picture, error))
    return FALSE;
  for (gsize i = 0; i < n_picture; i++)
    picture[i] = 2 * picture[i] - 1;
  return TRUE;
}

gboolean
pd_tiny_vae_encode (PdTinyVaePass *self,
                    const float *picture,
                    gsize n_picture,
                    float *latents,
                    gsize n_latents,
                    GCancellable *cancellable,
                    GError **error)
{
  if (!pd_tensor_check_length (self->input, n_picture, error))
    return FALSE;
  for (gsize i = 0; i < n_picture; i++)
    self->values[i] = (picture[i] + 1) / 2;
  return pd_tensor_write (self->input, self->values, n_picture, error) &&
         pd_graph_run (self->graph, cancellable, error) &&
         pd_tensor_read_nchw (self->output, latents, n_latents, error);
}
