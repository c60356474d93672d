// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/blocks.h"

/* eps of a transformer's group norm and layer norms, fixed in diffusers. */
static const float transformer_group_eps = 1e-6f;
static const float transformer_layer_eps = 1e-5f;

#define FORMAT_PATH(reader, path, result)                                                          \
  G_STMT_START                                                                                     \
  {                                                                                                \
    va_list args;                                                                                  \
    g_autofree char *text = NULL;                                                                  \
                                                                                                   \
    va_start (args, path);                                                                         \
    text = g_strdup_vprintf (path, args);                                                          \
    va_end (args);                                                                                 \
    (result) = g_string_chunk_insert ((reader)->paths, text);                                      \
  }                                                                                                \
  G_STMT_END

PdResnet
pd_blocks_read_resnet (
    PdLayerReader *reader, guint in, guint out, guint time_embedding, const char *path, ...)
{
  PdResnet resnet = { 0 };

  FORMAT_PATH (reader, path, resnet.path);
  resnet.norm1 = pd_layer_read_norm (reader, in, "%s.norm1", resnet.path);
  resnet.conv1 = pd_layer_read_conv (reader, out, in, TRUE, "%s.conv1", resnet.path);
  if (time_embedding > 0)
    resnet.time_emb_proj =
        pd_layer_read_linear (reader, out, time_embedding, TRUE, "%s.time_emb_proj", resnet.path);
  resnet.norm2 = pd_layer_read_norm (reader, out, "%s.norm2", resnet.path);
  resnet.conv2 = pd_layer_read_conv (reader, out, out, TRUE, "%s.conv2", resnet.path);
  if (in != out)
    resnet.conv_shortcut =
        pd_layer_read_linear (reader, out, in, TRUE, "%s.conv_shortcut", resnet.path);
  return resnet;
}

/* Of a norm of a tensor of @x's size. */
static PdSite
norm_site (const PdBuilder *builder, const PdTensor *x, guint channels, const PdNorm *norm)
{
  return (PdSite){ .kind = PD_SITE_NORM,
                   .path = norm->path,
                   .depth = builder->depth,
                   .decoder = builder->decoder,
                   .h = x->h,
                   .w = x->w,
                   .channels = channels,
                   .parts = builder->groups };
}

PdTensor *
pd_blocks_build_group_norm (const PdBuilder *builder,
                            PdTensor *x,
                            const PdNorm *norm,
                            PdActivation activation,
                            gboolean border)
{
  const PdSite site = norm_site (builder, x, x->c, norm);
  const PdNormArgs args = {
    .groups = builder->groups, .eps = builder->eps, .activation = activation, .border = border
  };
  PdTensor *y = pd_sites_norm (builder->sites, builder->graph, site, x, norm, &args);

  return y != NULL ? y
                   : pd_layer_apply_group_norm (builder->graph, builder->probes, x, norm, &args);
}

/* silu (norm (conv (x) + image_bias)), in one pass where the statistics are known. */
static PdTensor *
build_conv_norm (const PdBuilder *builder,
                 PdTensor *x,
                 const PdLayer *conv,
                 PdTensor *image_bias,
                 const PdNorm *norm)
{
  PdEpilogue epilogue = { .image_bias = image_bias };
  PdStorage *table = NULL;

  if (image_bias == NULL && builder->probes == NULL)
    table = pd_sites_norm_table (builder->sites, builder->graph,
                                 norm_site (builder, x, conv->weight->out, norm));
  if (table == NULL)
    {
      x = pd_layer_apply_conv (builder->graph, builder->probes, x, conv, PD_CONV_SAME, &epilogue);
      return pd_blocks_build_group_norm (builder, x, norm, PD_ACTIVATION_SILU, TRUE);
    }
  epilogue = (PdEpilogue){ .activation = PD_ACTIVATION_SILU, .border = TRUE };
  epilogue.affine =
      pd_group_norm_affine (builder->graph, table, conv->weight->out, norm->bias, conv->bias);
  return pd_conv2d (builder->graph, x, conv->weight, NULL, PD_CONV_SAME, &epilogue);
}

PdTensor *
pd_blocks_build_resnet (const PdBuilder *builder, PdTensor *x, const PdResnet *resnet)
{
  g_autofree char *dropout = g_strconcat (resnet->path, ".dropout", NULL);
  PdEpilogue second = { 0 };
  PdTensor *temb = NULL, *h;

  if (builder->temb != NULL)
    temb = pd_layer_apply_linear (builder->graph, builder->probes, builder->temb,
                                  &resnet->time_emb_proj, NULL);
  h = pd_blocks_build_group_norm (builder, x, &resnet->norm1, PD_ACTIVATION_SILU, TRUE);
  h = build_conv_norm (builder, h, &resnet->conv1, temb, &resnet->norm2);
  pd_probes_keep (builder->probes, builder->graph, dropout, h);
  second.residual =
      resnet->conv_shortcut.weight != NULL
          ? pd_layer_apply_linear (builder->graph, builder->probes, x, &resnet->conv_shortcut, NULL)
          : x;
  h = pd_layer_apply_conv (builder->graph, builder->probes, h, &resnet->conv2, PD_CONV_SAME,
                           &second);
  pd_probes_keep (builder->probes, builder->graph, resnet->path, h);
  return h;
}

PdAttentionLayer
pd_blocks_read_attention (PdLayerReader *reader,
                          guint channels,
                          guint context,
                          guint heads,
                          gboolean bias,
                          const char *path,
                          ...)
{
  PdAttentionLayer layer = { .heads = heads };

  FORMAT_PATH (reader, path, layer.path);
  layer.to_q = pd_layer_read_linear (reader, channels, channels, bias, "%s.to_q", layer.path);
  layer.to_k = pd_layer_read_linear (reader, channels, context, bias, "%s.to_k", layer.path);
  layer.to_v = pd_layer_read_linear (reader, channels, context, bias, "%s.to_v", layer.path);
  layer.to_out = pd_layer_read_linear (reader, channels, channels, TRUE, "%s.to_out.0", layer.path);
  return layer;
}

PdTensor *
pd_blocks_build_attention (const PdBuilder *builder,
                           PdTensor *x,
                           PdTensor *y,
                           PdTensor *residual,
                           const PdAttentionLayer *layer)
{
  PdTensor *q = pd_layer_apply_linear (builder->graph, builder->probes, x, &layer->to_q, NULL);
  PdTensor *k = pd_layer_apply_linear (builder->graph, builder->probes, y, &layer->to_k, NULL);
  PdTensor *v = pd_layer_apply_linear (builder->graph, builder->probes, y, &layer->to_v, NULL);
  PdTensor *mixed;
  /* The module's own output is what to_out gives: probe it under the module's name. */
  PdLayer to_out = layer->to_out;

  mixed =
      pd_sites_attention (builder->sites, builder->graph,
                          (PdSite){ .kind = x == y ? PD_SITE_ATTENTION : PD_SITE_CROSS_ATTENTION,
                                    .path = layer->path,
                                    .depth = builder->depth,
                                    .decoder = builder->decoder,
                                    .h = q->h,
                                    .w = q->w,
                                    .channels = q->c,
                                    .parts = layer->heads },
                          q, k, v);
  if (mixed == NULL)
    mixed = pd_attention (builder->graph,
                          &(PdAttention){ .q = q, .k = k, .v = v, .heads = layer->heads });
  to_out.path = layer->path;
  return pd_layer_apply_linear (builder->graph, builder->probes, mixed, &to_out,
                                &(PdEpilogue){ .residual = residual });
}

static PdTransformerBlock
read_transformer_block (
    PdLayerReader *reader, guint channels, guint context, guint heads, const char *path)
{
  guint inner = 4 * channels;
  PdTransformerBlock block = { .path = g_string_chunk_insert (reader->paths, path) };

  block.norm1 = pd_layer_read_norm (reader, channels, "%s.norm1", path);
  block.attn1 =
      pd_blocks_read_attention (reader, channels, channels, heads, FALSE, "%s.attn1", path);
  block.norm2 = pd_layer_read_norm (reader, channels, "%s.norm2", path);
  block.attn2 =
      pd_blocks_read_attention (reader, channels, context, heads, FALSE, "%s.attn2", path);
  block.norm3 = pd_layer_read_norm (reader, channels, "%s.norm3", path);
  block.ff_in = pd_layer_read_linear (reader, 2 * inner, channels, TRUE, "%s.ff.net.0.proj", path);
  block.ff_out = pd_layer_read_linear (reader, channels, inner, TRUE, "%s.ff.net.2", path);
  return block;
}

PdTransformer
pd_blocks_read_transformer (PdLayerReader *reader,
                            guint channels,
                            guint context,
                            guint heads,
                            guint n_blocks,
                            const char *path,
                            ...)
{
  PdTransformer self = { .n_blocks = n_blocks };

  FORMAT_PATH (reader, path, self.path);
  self.norm = pd_layer_read_norm (reader, channels, "%s.norm", self.path);
  self.proj_in = pd_layer_read_linear (reader, channels, channels, TRUE, "%s.proj_in", self.path);
  self.blocks = g_new0 (PdTransformerBlock, n_blocks);
  for (guint i = 0; i < n_blocks; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s.transformer_blocks.%u", self.path, i);

      self.blocks[i] = read_transformer_block (reader, channels, context, heads, name);
    }
  self.proj_out = pd_layer_read_linear (reader, channels, channels, TRUE, "%s.proj_out", self.path);
  return self;
}

void
pd_blocks_clear_transformer (PdTransformer *self)
{
  g_clear_pointer (&self->blocks, g_free);
}

static PdTensor *
build_feed_forward (const PdBuilder *builder,
                    PdTensor *x,
                    PdTensor *residual,
                    const PdTransformerBlock *block)
{
  g_autofree char *gated = g_strconcat (block->path, ".ff.net.0", NULL);
  g_autofree char *whole = g_strconcat (block->path, ".ff", NULL);
  PdLayer out = block->ff_out;
  PdTensor *h = pd_layer_apply_linear (builder->graph, builder->probes, x, &block->ff_in, NULL);

  h = pd_geglu (builder->graph, h);
  pd_probes_keep (builder->probes, builder->graph, gated, h);
  out.path = whole;
  return pd_layer_apply_linear (builder->graph, builder->probes, h, &out,
                                &(PdEpilogue){ .residual = residual });
}

static PdTensor *
build_transformer_block (const PdBuilder *builder, PdTensor *x, const PdTransformerBlock *block)
{
  PdTensor *h = pd_layer_apply_layer_norm (builder->graph, builder->probes, x, &block->norm1,
                                           transformer_layer_eps);

  x = pd_blocks_build_attention (builder, h, h, x, &block->attn1);
  h = pd_layer_apply_layer_norm (builder->graph, builder->probes, x, &block->norm2,
                                 transformer_layer_eps);
  x = pd_blocks_build_attention (builder, h, builder->context, x, &block->attn2);
  h = pd_layer_apply_layer_norm (builder->graph, builder->probes, x, &block->norm3,
                                 transformer_layer_eps);
  x = build_feed_forward (builder, h, x, block);
  pd_probes_keep (builder->probes, builder->graph, block->path, x);
  return x;
}

PdTensor *
pd_blocks_build_transformer (const PdBuilder *builder,
                             PdTensor *x,
                             const PdTransformer *transformer)
{
  PdBuilder norm_builder = *builder;
  PdTensor *h;

  norm_builder.eps = transformer_group_eps;
  h = pd_blocks_build_group_norm (&norm_builder, x, &transformer->norm, PD_ACTIVATION_NONE, FALSE);

  h = pd_layer_apply_linear (builder->graph, builder->probes, h, &transformer->proj_in, NULL);
  for (guint i = 0; i < transformer->n_blocks; i++)
    h = build_transformer_block (builder, h, &transformer->blocks[i]);
  h = pd_layer_apply_linear (builder->graph, builder->probes, h, &transformer->proj_out,
                             &(PdEpilogue){ .residual = x });
  pd_probes_keep (builder->probes, builder->graph, transformer->path, h);
  return h;
}
