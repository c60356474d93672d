// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/unet.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/files/model-check.h"
#include "engine/networks/blocks.h"
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

typedef struct
{
  PdDenoiser base;
  PdUNetConfig config;
  GStringChunk *paths;

  PdLayer time_linear1, time_linear2;
  PdLayer conv_in, conv_out;
  PdNorm conv_norm_out;
  PdUNetBlock down[PD_CONFIG_MAX_BLOCKS], mid, up[PD_CONFIG_MAX_BLOCKS];
} PdUNet;

typedef struct
{
  PdDenoiserPass base;
  PdBackend backend;
  PdTensor *sample, *timestep, *context;
  /* What the host writes before every run. */
  float *timestep_values; /* [n][timestep->c] */
  float *context_values;  /* [n][tokens][width] */
  float *sample_values;   /* [n][in_channels][h][w]; NULL without a map: the latents as they are */
  gsize n_timestep, n_context, n_sample;
} PdUNetPass;

static void
read_attention_of_block (
    PdLayerReader *reader, const PdUNetConfig *config, PdUNetBlock *block, guint level, guint layer)
{
  block->attentions[layer] = pd_blocks_read_transformer (
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
      block->resnets[i] = pd_blocks_read_resnet (
          reader, i == 0 ? in : out, out, config->time_embed_dim, "%s.resnets.%u", block->path, i);
      if (config->down_attention[level])
        read_attention_of_block (reader, config, block, level, i);
    }
  if (level + 1 < (guint) config->n_blocks)
    block->sampler =
        pd_layer_read_conv (reader, out, out, TRUE, "%s.downsamplers.0.conv", block->path);
}

static void
read_mid_block (PdLayerReader *reader, PdUNet *self)
{
  const PdUNetConfig *config = &self->config;
  guint level = config->n_blocks - 1, channels = config->block_out_channels[level];

  self->mid.n_layers = config->mid_attention ? 2 : 1;
  for (guint i = 0; i < self->mid.n_layers; i++)
    self->mid.resnets[i] = pd_blocks_read_resnet (
        reader, channels, channels, config->time_embed_dim, "%s.resnets.%u", self->mid.path, i);
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
      block->resnets[i] = pd_blocks_read_resnet (
          reader, (i == 0 ? previous : out) + skip_channels (config, level, i), out,
          config->time_embed_dim, "%s.resnets.%u", block->path, i);
      if (config->up_attention[index])
        read_attention_of_block (reader, config, block, level, i);
    }
  if (level > 0)
    block->sampler =
        pd_layer_read_conv (reader, out, out, TRUE, "%s.upsamplers.0.conv", block->path);
}

static void
clear_block (PdUNetBlock *block)
{
  for (guint i = 0; i < MAX_LAYERS; i++)
    pd_blocks_clear_transformer (&block->attentions[i]);
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
  self->time_linear1 = pd_layer_read_linear (reader, time, first, TRUE, "time_embedding.linear_1");
  self->time_linear2 = pd_layer_read_linear (reader, time, time, TRUE, "time_embedding.linear_2");
  self->conv_in = pd_layer_read_conv (reader, first, config->in_channels, TRUE, "conv_in");
  for (guint i = 0; i < (guint) config->n_blocks; i++)
    read_down_block (reader, self, i);
  read_mid_block (reader, self);
  for (guint i = 0; i < (guint) config->n_blocks; i++)
    read_up_block (reader, self, i);
  self->conv_norm_out = pd_layer_read_norm (reader, first, "conv_norm_out");
  self->conv_out = pd_layer_read_conv (reader, config->out_channels, first, TRUE, "conv_out");
}

static PdTensor *
build_time_embedding (PdUNet *self, PdGraph *graph, PdProbes *probes, PdTensor *timestep)
{
  PdTensor *h, *temb;

  pd_probes_keep (probes, graph, "time_proj", timestep);
  h = pd_layer_apply_linear (graph, probes, timestep, &self->time_linear1,
                             &(PdEpilogue){ .activation = PD_ACTIVATION_SILU });
  /* Every resnet takes silu (embedding): stored that way. */
  temb = pd_layer_apply_linear (graph, probes, h, &self->time_linear2,
                                &(PdEpilogue){ .activation = PD_ACTIVATION_SILU });
  if (pd_probes_want (probes, "time_embedding"))
    pd_probes_keep (probes, graph, "time_embedding",
                    pd_layer_apply_linear (graph, NULL, h, &self->time_linear2, NULL));
  return temb;
}

static void
probe_sampler (const PdBuilder *builder, const PdUNetBlock *block, const char *name, PdTensor *x)
{
  g_autofree char *path = g_strdup_printf ("%s.%s.0", block->path, name);

  pd_probes_keep (builder->probes, builder->graph, path, x);
}

static PdTensor *
build_down_block (const PdBuilder *builder, PdTensor *x, const PdUNetBlock *block, GPtrArray *skips)
{
  for (guint i = 0; i < block->n_layers; i++)
    {
      x = pd_blocks_build_resnet (builder, x, &block->resnets[i]);
      if (block->attentions[i].n_blocks > 0)
        x = pd_blocks_build_transformer (builder, x, &block->attentions[i]);
      g_ptr_array_add (skips, x);
    }
  if (block->sampler.weight != NULL)
    {
      x = pd_layer_apply_conv (builder->graph, builder->probes, x, &block->sampler, PD_CONV_HALF,
                               NULL);
      probe_sampler (builder, block, "downsamplers", x);
      g_ptr_array_add (skips, x);
    }
  pd_probes_keep (builder->probes, builder->graph, block->path, x);
  return x;
}

static PdTensor *
build_up_block (const PdBuilder *builder, PdTensor *x, const PdUNetBlock *block, GPtrArray *skips)
{
  for (guint i = 0; i < block->n_layers; i++)
    {
      PdTensor *skip = g_ptr_array_steal_index (skips, skips->len - 1);

      x = pd_concat (builder->graph, x, skip);
      x = pd_blocks_build_resnet (builder, x, &block->resnets[i]);
      if (block->attentions[i].n_blocks > 0)
        x = pd_blocks_build_transformer (builder, x, &block->attentions[i]);
    }
  if (block->sampler.weight != NULL)
    {
      /* To the size of the skip it will meet, which is not the double where a level was odd. */
      const PdTensor *next = g_ptr_array_index (skips, skips->len - 1);

      x = pd_upsample (builder->graph, x, next->h, next->w, TRUE);
      x = pd_layer_apply_conv (builder->graph, builder->probes, x, &block->sampler, PD_CONV_SAME,
                               NULL);
      probe_sampler (builder, block, "upsamplers", x);
    }
  pd_probes_keep (builder->probes, builder->graph, block->path, x);
  return x;
}

static PdTensor *
build_unet (PdUNet *self, PdBuilder *builder, PdTensor *sample)
{
  g_autoptr (GPtrArray) skips = g_ptr_array_new ();
  const PdUNetConfig *config = &self->config;
  PdTensor *x = pd_layer_apply_conv (builder->graph, builder->probes, sample, &self->conv_in,
                                     PD_CONV_SAME, NULL);

  g_ptr_array_add (skips, x);
  for (guint i = 0; i < (guint) config->n_blocks; i++)
    {
      builder->depth = i;
      x = build_down_block (builder, x, &self->down[i], skips);
    }

  x = pd_blocks_build_resnet (builder, x, &self->mid.resnets[0]);
  if (config->mid_attention)
    {
      x = pd_blocks_build_transformer (builder, x, &self->mid.attentions[0]);
      x = pd_blocks_build_resnet (builder, x, &self->mid.resnets[1]);
    }
  pd_probes_keep (builder->probes, builder->graph, self->mid.path, x);

  builder->decoder = TRUE;
  for (guint i = 0; i < (guint) config->n_blocks; i++)
    {
      builder->depth = (guint) config->n_blocks - 1 - i;
      x = build_up_block (builder, x, &self->up[i], skips);
    }

  x = pd_blocks_build_group_norm (builder, x, &self->conv_norm_out, PD_ACTIVATION_SILU, TRUE);
  return pd_layer_apply_conv (builder->graph, builder->probes, x, &self->conv_out, PD_CONV_SAME,
                              NULL);
}

/* A group norm over a few values divides by differences that may be no larger than the rounding of
 * f16. So a pass whose smallest level has fewer than MIN_NORM_VALUES in a group keeps its
 * activations in f32; it is small. */
static PdBackend
choose_backend (const PdUNet *self, guint h, guint w, gboolean f32)
{
  const PdUNetConfig *config = &self->config;
  PdBackend backend = *self->base.backend;

  for (int level = 0; level < config->n_blocks; level++)
    {
      guint channels = config->block_out_channels[level] / config->norm_num_groups;

      f32 |= (gsize) h * w * channels < MIN_NORM_VALUES;
      h = (h + 1) / 2;
      w = (w + 1) / 2;
    }
  if (f32)
    {
      backend.activations = PD_TYPE_F32;
      if (backend.kernels == PD_KERNELS_COOPERATIVE)
        backend.kernels = PD_KERNELS_GENERAL;
    }
  return backend;
}

static void
pass_free (PdDenoiserPass *pass)
{
  PdUNetPass *self = (PdUNetPass *) pass;

  pd_graph_free (pass->graph);
  g_free (self->timestep_values);
  g_free (self->context_values);
  g_free (self->sample_values);
  g_free (self);
}

/* Appends the UNet to the pass's graph, for texts of @tokens. */
static void
build_pass (PdUNetPass *self, const PdDenoiserPassOptions *options, guint tokens, PdSites *sites)
{
  PdUNet *unet = (PdUNet *) self->base.denoiser;
  const PdUNetConfig *config = &unet->config;
  PdGraph *graph = self->base.graph;
  PdBuilder builder = { .graph = graph,
                        .probes = options->probes,
                        .sites = sites,
                        .groups = config->norm_num_groups,
                        .eps = (float) config->norm_eps };

  self->sample = pd_graph_input (graph, options->n, options->h, options->w, config->in_channels, 1);
  self->timestep = pd_graph_input (graph, options->n, 1, 1, config->block_out_channels[0], 0);
  self->context = pd_graph_input (graph, options->n, 1, tokens, config->cross_attention_dim, 0);
  builder.temb = build_time_embedding (unet, graph, options->probes, self->timestep);
  builder.context = self->context;
  self->base.prediction = pd_graph_output (graph, build_unet (unet, &builder, self->sample));
}

static gboolean
allocate (PdUNetPass *self, GError **error)
{
  const char *what = _ ("the tiles");

  self->n_timestep = pd_tensor_n_values (self->timestep);
  self->n_context = pd_tensor_n_values (self->context);
  self->n_sample = pd_tensor_n_values (self->sample);
  return (self->timestep_values = pd_try_new (float, self->n_timestep, what, error)) != NULL &&
         (self->context_values = pd_try_new (float, self->n_context, what, error)) != NULL &&
         (self->base.denoiser->info.map_channels == 0 ||
          (self->sample_values = pd_try_new (float, self->n_sample, what, error)) != NULL);
}

static PdDenoiserPass *
pass_new (PdDenoiser *denoiser, const PdDenoiserPassOptions *options, GError **error)
{
  const PdConditionTensor *context = pd_condition_find (options->like, PD_CONDITION_CONTEXT);
  PdSites sites = { .hooks = options->hooks };
  PdUNetPass *self = g_new0 (PdUNetPass, 1);
  g_autoptr (PdDenoiserPass) base = &self->base;

  self->backend = choose_backend ((PdUNet *) denoiser, options->h, options->w, options->f32);
  *base = (PdDenoiserPass){ .denoiser = denoiser,
                            .hooks = options->hooks,
                            .n = options->n,
                            .graph = pd_graph_new (&self->backend) };
  build_pass (self, options, context->tokens, &sites);
  return allocate (self, error) && pd_graph_compile (base->graph, options->timestamps, error)
             ? g_steal_pointer (&base)
             : NULL;
}

static void
survey (PdDenoiser *denoiser, guint h, guint w, GArray *sites)
{
  const PdDenoiserPassOptions options = { .n = 1, .h = h, .w = w };
  g_autoptr (PdGraph) graph = pd_graph_new (denoiser->backend);
  PdUNetPass pass = { .base = { .denoiser = denoiser, .graph = graph } };

  build_pass (&pass, &options, 1, &(PdSites){ .survey = sites });
}

/* Puts the part of the map that the view shows behind the latent. */
static void
append_map (const PdUNetPass *self, const PdMap *map, const PdView *view, float *out)
{
  guint h = self->sample->h, w = self->sample->w;

  for (guint c = 0; c < map->channels; c++)
    for (guint y = 0; y < h; y++)
      {
        const float *row = map->values + ((gsize) c * map->h + (view->y + y) % map->h) * map->w;

        for (guint x = 0; x < w; x++)
          *out++ = row[(view->x + x) % map->w];
      }
}

/* The sample of the network: the latents, each with its part of the map. */
static const float *
make_sample (PdUNetPass *self, const PdDenoiserRun *run)
{
  gsize plane = (gsize) self->sample->h * self->sample->w;
  gsize latent = self->base.denoiser->info.channels * plane, image = self->sample->c * plane;

  if (self->sample_values == NULL)
    return run->latents;
  for (guint i = 0; i < self->base.n; i++)
    {
      static const PdView origin = { 0, 0 };
      float *out = self->sample_values + i * image;

      memcpy (out, run->latents + i * latent, latent * sizeof *out);
      append_map (self, run->map, run->views != NULL ? &run->views[i] : &origin, out + latent);
    }
  return self->sample_values;
}

static gboolean
check_run (const PdUNetPass *self, const PdDenoiserRun *run, GError **error)
{
  guint planes = self->base.denoiser->info.map_channels;
  gsize per_image = self->n_context / self->base.n;
  guint given = run->map != NULL ? run->map->channels : 0;

  if (!pd_tensor_check_length (self->base.prediction, run->n_latents, error))
    return FALSE;
  if (planes != given)
    {
      pd_error_set_bad_model (error, "the UNet reads %u channels beside the latent, %u are there",
                              planes, given);
      return FALSE;
    }
  for (guint i = 0; i < self->base.n; i++)
    {
      const PdConditionTensor *context =
          pd_condition_find (run->conditions[i], PD_CONDITION_CONTEXT);

      if (context == NULL || (gsize) context->tokens * context->width != per_image)
        {
          pd_error_set_bad_model (
              error, "the prompt's text does not have the %u × %u values that the UNet reads",
              self->context->w, self->context->c);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
pass_upload (PdDenoiserPass *pass, const PdDenoiserRun *run, GError **error)
{
  PdUNetPass *self = (PdUNetPass *) pass;
  const PdUNetConfig *config = &((PdUNet *) pass->denoiser)->config;
  guint width = self->timestep->c;
  gsize per_image = self->n_context / pass->n;

  if (!check_run (self, run, error))
    return FALSE;
  for (guint i = 0; i < pass->n; i++)
    {
      pd_timestep_embedding (run->timestep, width, config->flip_sin_to_cos, config->freq_shift,
                             self->timestep_values + (gsize) i * width);
      memcpy (self->context_values + i * per_image,
              pd_condition_find (run->conditions[i], PD_CONDITION_CONTEXT)->values,
              per_image * sizeof *self->context_values);
    }
  return pd_tensor_write_nchw (self->sample, make_sample (self, run), self->n_sample, error) &&
         pd_tensor_write (self->timestep, self->timestep_values, self->n_timestep, error) &&
         pd_tensor_write (self->context, self->context_values, self->n_context, error);
}

static void
free_unet (PdDenoiser *denoiser)
{
  PdUNet *self = (PdUNet *) denoiser;

  clear_blocks (self);
  pd_weights_free (denoiser->weights);
  g_string_chunk_free (self->paths);
  g_free (self);
}

static const PdDenoiserClass unet_class = {
  .pass_new = pass_new,
  .pass_upload = pass_upload,
  .pass_free = pass_free,
  .survey = survey,
  .free = free_unet,
};

PdDenoiser *
pd_unet_new (const PdBackend *backend,
             const PdUNetConfig *config,
             PdCheckpoint *checkpoint,
             GError **error)
{
  PdUNet *self;
  g_autoptr (PdDenoiser) base = NULL;

  if (!pd_model_check_unet (config, pd_checkpoint_get_path (checkpoint), error) ||
      (self = pd_try_new0 (PdUNet, 1, _ ("the model's weights"), error)) == NULL)
    return NULL;
  base = &self->base;
  *base =
      (PdDenoiser){ .class = &unet_class,
                    .backend = backend,
                    .info = { .channels = config->out_channels,
                              .map_channels = MAX (config->in_channels - config->out_channels, 0),
                              .native = MAX (config->sample_size, 0) } };
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
  base->weights = pd_layer_read_part (checkpoint, backend, self->paths, read_unet, self, error);
  return base->weights != NULL ? g_steal_pointer (&base) : NULL;
}
