// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/blocks.h"
#include "engine/files/model-check.h"
#include "engine/networks/unet.h"
#include "engine/networks/timestep.h"

enum
{
  MAX_LAYERS = PD_CONFIG_MAX_BLOCK_LAYERS + 1, /* upwards a block has one more */
  MIN_NORM_VALUES = 16,
};

typedef struct
{
  char *path;
  guint n_layers;
  PdResnet resnets[MAX_LAYERS];
  PdTransformer attentions[MAX_LAYERS]; /* n_blocks 0: none */
  PdLayer sampler;                      /* down- or up-sampling convolution; none at the end */
} PdUNetBlock;

struct _PdUNet
{
  const PdBackend *backend;
  PdUNetConfig config;
  GStringChunk *paths;
  PdWeights *weights;

  PdLayer time_linear1, time_linear2;
  PdLayer conv_in, conv_out;
  PdNorm conv_norm_out;
  PdUNetBlock down[PD_CONFIG_MAX_BLOCKS], mid, up[PD_CONFIG_MAX_BLOCKS];
};

struct _PdUNetPass
{
  PdBackend backend;
  PdGraph *graph;
  PdTensor *sample, *timestep, *context, *prediction;
  guint time_channels;
  gboolean flip_sin_to_cos;
  double freq_shift;
  float *timestep_values; /* n × time_channels */
  PdSharing *sharing;     /* NULL: every image for itself */
  double bank_strength;
  PdNorms *norms; /* NULL: every image has its own statistics */
};

static void
read_attention_of_block (
    PdLayerReader *reader, const PdUNetConfig *config, PdUNetBlock *block, guint level, guint layer)
{
  block->attentions[layer] = pd_read_transformer (
      reader, config->block_out_channels[level], config->cross_attention_dim, config->heads[level],
      config->transformer_layers[level], "%s.attentions.%u", block->path, layer);
}

static void
read_down_block (PdLayerReader *reader, PdUNet *self, guint level)
{
  const PdUNetConfig *config = &self->config;
  PdUNetBlock *block = &self->down[level];
  guint out = config->block_out_channels[level];
  guint in = config->block_out_channels[level > 0 ? level - 1 : 0];

  block->n_layers = config->layers_per_block[level];
  for (guint i = 0; i < block->n_layers; i++)
    {
      block->resnets[i] = pd_read_resnet (reader, i == 0 ? in : out, out, config->time_embed_dim,
                                          "%s.resnets.%u", block->path, i);
      if (config->down_attention[level])
        read_attention_of_block (reader, config, block, level, i);
    }
  if (level + 1 < (guint) config->n_blocks)
    block->sampler = pd_read_conv (reader, out, out, TRUE, "%s.downsamplers.0.conv", block->path);
}

static void
read_mid_block (PdLayerReader *reader, PdUNet *self)
{
  const PdUNetConfig *config = &self->config;
  guint level = config->n_blocks - 1, channels = config->block_out_channels[level];

  self->mid.n_layers = config->mid_attention ? 2 : 1;
  for (guint i = 0; i < self->mid.n_layers; i++)
    self->mid.resnets[i] = pd_read_resnet (reader, channels, channels, config->time_embed_dim,
                                           "%s.resnets.%u", self->mid.path, i);
  if (config->mid_attention)
    read_attention_of_block (reader, config, &self->mid, level, 0);
}

/* Channels of the skip tensor that layer @layer of up block @level takes: the mirror of the down
 * blocks' outputs, the last of which is the input of level @level's down block. */
static guint
skip_channels (const PdUNetConfig *config, guint level, guint layer)
{
  if (layer < (guint) config->layers_per_block[level])
    return config->block_out_channels[level];
  return config->block_out_channels[level > 0 ? level - 1 : 0];
}

static void
read_up_block (PdLayerReader *reader, PdUNet *self, guint index)
{
  const PdUNetConfig *config = &self->config;
  PdUNetBlock *block = &self->up[index];
  guint level = config->n_blocks - 1 - index, out = config->block_out_channels[level];
  guint previous = config->block_out_channels[index > 0 ? level + 1 : level];

  block->n_layers = config->layers_per_block[level] + 1;
  for (guint i = 0; i < block->n_layers; i++)
    {
      block->resnets[i] =
          pd_read_resnet (reader, (i == 0 ? previous : out) + skip_channels (config, level, i), out,
                          config->time_embed_dim, "%s.resnets.%u", block->path, i);
      if (config->up_attention[index])
        read_attention_of_block (reader, config, block, level, i);
    }
  if (level > 0)
    block->sampler = pd_read_conv (reader, out, out, TRUE, "%s.upsamplers.0.conv", block->path);
}

static void
clear_block (PdUNetBlock *block)
{
  for (guint i = 0; i < MAX_LAYERS; i++)
    pd_transformer_clear (&block->attentions[i]);
}

static void
clear_blocks (PdUNet *self)
{
  for (guint i = 0; i < PD_CONFIG_MAX_BLOCKS; i++)
    {
      clear_block (&self->down[i]);
      clear_block (&self->up[i]);
    }
  clear_block (&self->mid);
}

static void
read_unet (PdLayerReader *reader, gpointer part)
{
  PdUNet *self = part;
  const PdUNetConfig *config = &self->config;
  guint first = config->block_out_channels[0], time = config->time_embed_dim;

  clear_blocks (self);
  self->time_linear1 = pd_read_linear (reader, time, first, TRUE, "time_embedding.linear_1");
  self->time_linear2 = pd_read_linear (reader, time, time, TRUE, "time_embedding.linear_2");
  self->conv_in = pd_read_conv (reader, first, config->in_channels, TRUE, "conv_in");
  for (guint i = 0; i < (guint) config->n_blocks; i++)
    read_down_block (reader, self, i);
  read_mid_block (reader, self);
  for (guint i = 0; i < (guint) config->n_blocks; i++)
    read_up_block (reader, self, i);
  self->conv_norm_out = pd_read_norm (reader, first, "conv_norm_out");
  self->conv_out = pd_read_conv (reader, config->out_channels, first, TRUE, "conv_out");
}

PdUNet *
pd_unet_new (const PdBackend *backend,
             const PdUNetConfig *config,
             PdCheckpoint *checkpoint,
             GError **error)
{
  g_autoptr (PdUNet) self = NULL;

  if (!pd_model_check_unet (config, pd_checkpoint_get_path (checkpoint), error))
    return NULL;

  self = pd_try_new0 (PdUNet, 1, _ ("the model's weights"), error);
  if (self == NULL)
    return NULL;
  self->backend = backend;
  self->config = *config;
  self->paths = g_string_chunk_new (4096);
  for (guint i = 0; i < (guint) config->n_blocks; i++)
    {
      g_autofree char *down = g_strdup_printf ("down_blocks.%u", i);
      g_autofree char *up = g_strdup_printf ("up_blocks.%u", i);

      self->down[i].path = g_string_chunk_insert (self->paths, down);
      self->up[i].path = g_string_chunk_insert (self->paths, up);
    }
  self->mid.path = g_string_chunk_insert (self->paths, "mid_block");
  self->weights = pd_read_part (checkpoint, backend, self->paths, read_unet, self, error);
  return self->weights != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_unet_free (PdUNet *self)
{
  if (self == NULL)
    return;
  clear_blocks (self);
  pd_weights_free (self->weights);
  g_string_chunk_free (self->paths);
  g_free (self);
}

const PdUNetConfig *
pd_unet_config (const PdUNet *self)
{
  return &self->config;
}

const PdBackend *
pd_unet_backend (const PdUNet *self)
{
  return self->backend;
}

static PdTensor *
build_time_embedding (PdUNet *self, PdGraph *graph, PdProbes *probes, PdTensor *timestep)
{
  PdTensor *h, *temb;

  pd_probe (probes, graph, "time_proj", timestep);
  h = pd_apply_linear (graph, probes, timestep, &self->time_linear1,
                       &(PdEpilogue){ .activation = PD_ACTIVATION_SILU });
  /* Every resnet takes silu (embedding): stored that way. */
  temb = pd_apply_linear (graph, probes, h, &self->time_linear2,
                          &(PdEpilogue){ .activation = PD_ACTIVATION_SILU });
  if (pd_probes_want (probes, "time_embedding"))
    pd_probe (probes, graph, "time_embedding",
              pd_apply_linear (graph, NULL, h, &self->time_linear2, NULL));
  return temb;
}

static void
probe_sampler (const PdBuilder *builder, const PdUNetBlock *block, const char *name, PdTensor *x)
{
  g_autofree char *path = g_strdup_printf ("%s.%s.0", block->path, name);

  pd_probe (builder->probes, builder->graph, path, x);
}

static PdTensor *
build_down_block (const PdBuilder *builder, PdTensor *x, const PdUNetBlock *block, GPtrArray *skips)
{
  for (guint i = 0; i < block->n_layers; i++)
    {
      x = pd_build_resnet (builder, x, &block->resnets[i]);
      if (block->attentions[i].n_blocks > 0)
        x = pd_build_transformer (builder, x, &block->attentions[i]);
      g_ptr_array_add (skips, x);
    }
  if (block->sampler.weight != NULL)
    {
      x = pd_apply_conv (builder->graph, builder->probes, x, &block->sampler, PD_CONV_HALF, NULL);
      probe_sampler (builder, block, "downsamplers", x);
      g_ptr_array_add (skips, x);
    }
  pd_probe (builder->probes, builder->graph, block->path, x);
  return x;
}

static PdTensor *
build_up_block (const PdBuilder *builder, PdTensor *x, const PdUNetBlock *block, GPtrArray *skips)
{
  for (guint i = 0; i < block->n_layers; i++)
    {
      PdTensor *skip = g_ptr_array_steal_index (skips, skips->len - 1);

      x = pd_concat (builder->graph, x, skip);
      x = pd_build_resnet (builder, x, &block->resnets[i]);
      if (block->attentions[i].n_blocks > 0)
        x = pd_build_transformer (builder, x, &block->attentions[i]);
    }
  if (block->sampler.weight != NULL)
    {
      /* To the size of the skip it will meet, which is not the double where a level was odd. */
      const PdTensor *next = g_ptr_array_index (skips, skips->len - 1);

      x = pd_upsample (builder->graph, x, next->h, next->w, TRUE);
      x = pd_apply_conv (builder->graph, builder->probes, x, &block->sampler, PD_CONV_SAME, NULL);
      probe_sampler (builder, block, "upsamplers", x);
    }
  pd_probe (builder->probes, builder->graph, block->path, x);
  return x;
}

static PdTensor *
build_unet (PdUNet *self, const PdBuilder *builder, PdTensor *sample)
{
  g_autoptr (GPtrArray) skips = g_ptr_array_new ();
  const PdUNetConfig *config = &self->config;
  PdTensor *x =
      pd_apply_conv (builder->graph, builder->probes, sample, &self->conv_in, PD_CONV_SAME, NULL);

  g_ptr_array_add (skips, x);
  for (guint i = 0; i < (guint) config->n_blocks; i++)
    x = build_down_block (builder, x, &self->down[i], skips);

  x = pd_build_resnet (builder, x, &self->mid.resnets[0]);
  if (config->mid_attention)
    {
      x = pd_build_transformer (builder, x, &self->mid.attentions[0]);
      x = pd_build_resnet (builder, x, &self->mid.resnets[1]);
    }
  pd_probe (builder->probes, builder->graph, self->mid.path, x);

  for (guint i = 0; i < (guint) config->n_blocks; i++)
    x = build_up_block (builder, x, &self->up[i], skips);

  x = pd_build_group_norm (builder, x, &self->conv_norm_out, PD_ACTIVATION_SILU, TRUE);
  return pd_apply_conv (builder->graph, builder->probes, x, &self->conv_out, PD_CONV_SAME, NULL);
}

static guint
count_norms (const PdUNet *self)
{
  guint n = 1;
  const PdUNetBlock *blocks[2 * PD_CONFIG_MAX_BLOCKS + 1];
  guint n_blocks = 0;

  blocks[n_blocks++] = &self->mid;
  for (guint i = 0; i < (guint) self->config.n_blocks; i++)
    {
      blocks[n_blocks++] = &self->down[i];
      blocks[n_blocks++] = &self->up[i];
    }
  for (guint i = 0; i < n_blocks; i++)
    for (guint layer = 0; layer < blocks[i]->n_layers; layer++)
      n += 2 + (blocks[i]->attentions[layer].n_blocks > 0);
  return n;
}

guint
pd_unet_n_moments (const PdUNet *self)
{
  return count_norms (self) * self->config.norm_num_groups;
}

/* A group norm over a few values divides by differences that may be no larger than the rounding of
 * f16. So a pass whose smallest level has fewer than MIN_NORM_VALUES in a group keeps its
 * activations in f32; it is small. */
static PdBackend
choose_backend (const PdUNet *self, guint h, guint w, gboolean wide)
{
  const PdUNetConfig *config = &self->config;
  PdBackend backend = *self->backend;

  for (int level = 0; level < config->n_blocks; level++)
    {
      guint channels = config->block_out_channels[level] / config->norm_num_groups;

      wide |= (gsize) h * w * channels < MIN_NORM_VALUES;
      h = (h + 1) / 2;
      w = (w + 1) / 2;
    }
  if (wide)
    {
      backend.activations = PD_TYPE_F32;
      if (backend.kernels == PD_KERNELS_COOPERATIVE)
        backend.kernels = PD_KERNELS_GENERAL;
    }
  return backend;
}

PdUNetPass *
pd_unet_pass_new (PdUNet *unet, const PdUNetPassOptions *options, GError **error)
{
  const PdUNetConfig *config = &unet->config;
  g_autoptr (PdUNetPass) self = g_new0 (PdUNetPass, 1);
  PdBuilder builder = { .probes = options->probes,
                        .groups = config->norm_num_groups,
                        .eps = (float) config->norm_eps };
  guint n = options->n;

  self->backend = choose_backend (unet, options->h, options->w, options->wide);
  self->graph = builder.graph = pd_graph_new (&self->backend);
  self->bank_strength = 1;
  if (options->share != PD_SHARE_NONE)
    builder.sharing = self->sharing =
        pd_sharing_new (options->share, options->bank, options->branches);
  if (options->norms)
    {
      builder.norms = self->norms =
          pd_norms_new (&self->backend, count_norms (unet), config->norm_num_groups, n, error);
      if (self->norms == NULL)
        return NULL;
    }
  self->time_channels = config->block_out_channels[0];
  self->flip_sin_to_cos = config->flip_sin_to_cos;
  self->freq_shift = config->freq_shift;
  self->timestep_values =
      pd_try_new (float, (gsize) n * self->time_channels, _ ("the tiles"), error);
  if (self->timestep_values == NULL)
    return NULL;
  self->sample = pd_graph_input (self->graph, n, options->h, options->w, config->in_channels, 1);
  self->timestep = pd_graph_input (self->graph, n, 1, 1, self->time_channels, 0);
  self->context =
      pd_graph_input (self->graph, n, 1, options->tokens, config->cross_attention_dim, 0);
  builder.temb = build_time_embedding (unet, self->graph, options->probes, self->timestep);
  builder.context = self->context;
  self->prediction = pd_graph_output (self->graph, build_unet (unet, &builder, self->sample));
  return pd_graph_compile (self->graph, options->timestamps, error) ? g_steal_pointer (&self)
                                                                    : NULL;
}

void
pd_unet_pass_free (PdUNetPass *self)
{
  if (self == NULL)
    return;
  pd_graph_free (self->graph);
  pd_sharing_free (self->sharing);
  pd_norms_free (self->norms);
  g_free (self->timestep_values);
  g_free (self);
}

void
pd_unet_pass_set_bank_strength (PdUNetPass *self, double strength)
{
  self->bank_strength = strength;
}

PdNorms *
pd_unet_pass_norms (PdUNetPass *self)
{
  return self->norms;
}

PdGraph *
pd_unet_pass_graph (PdUNetPass *self)
{
  return self->graph;
}

gboolean
pd_unet_pass_run (PdUNetPass *self, const PdUNetRun *run, GCancellable *cancellable, GError **error)
{
  guint n = self->sample->n;

  for (guint i = 0; i < n; i++)
    pd_timestep_embedding (run->timestep, self->time_channels, self->flip_sin_to_cos,
                           self->freq_shift,
                           self->timestep_values + (gsize) i * self->time_channels);
  return pd_tensor_write_nchw (self->sample, run->sample, run->n_sample, error) &&
         pd_tensor_write (self->timestep, self->timestep_values, (gsize) n * self->time_channels,
                          error) &&
         pd_tensor_write (self->context, run->context, run->n_context, error) &&
         (self->sharing == NULL ||
          pd_sharing_write_biases (self->sharing, self->bank_strength, error)) &&
         pd_graph_run (self->graph, cancellable, error) &&
         pd_tensor_read_nchw (self->prediction, run->prediction, run->n_prediction, error);
}
