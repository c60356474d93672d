// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/layer.h"
#include "engine/networks/sites.h"

/* The blocks that UNets and autoencoders share, with diffusers' names. Plain data: layers belong to
 * the reader's weights. */

/* ResnetBlock2D: x + conv2 (silu (norm2 (conv1 (silu (norm1 (x))) + time_emb_proj (temb)))) */
typedef struct
{
  char *path;
  PdNorm norm1, norm2;
  PdLayer conv1, conv2;
  PdLayer time_emb_proj; /* none in autoencoders */
  PdLayer conv_shortcut; /* 1 × 1, where the channel count changes */
} PdResnet;

/* @time_embedding: its width, 0 without. */
PdResnet pd_blocks_read_resnet (
    PdLayerReader *reader, guint in, guint out, guint time_embedding, const char *path, ...)
    G_GNUC_PRINTF (5, 6);

/* What all blocks of a part are built with. */
typedef struct
{
  PdGraph *graph;
  PdProbes *probes; /* may be NULL */
  PdSites *sites;
  guint depth; /* of the sites that are built now */
  gboolean decoder;
  guint groups;
  float eps;
  PdTensor *temb;    /* silu (time embedding), n × 1 × 1 × width; NULL in autoencoders */
  PdTensor *context; /* n × 1 × tokens × width; NULL in autoencoders */
} PdBuilder;

PdTensor *pd_blocks_build_group_norm (const PdBuilder *builder,
                                      PdTensor *x,
                                      const PdNorm *norm,
                                      PdActivation activation,
                                      gboolean border);

PdTensor *pd_blocks_build_resnet (const PdBuilder *builder, PdTensor *x, const PdResnet *resnet);

/* Attention: to_out (attention (to_q (x), to_k (y), to_v (y))) + residual, y = x or the context */
typedef struct
{
  char *path;
  PdLayer to_q, to_k, to_v, to_out;
  guint heads;
} PdAttentionLayer;

/* @context: width of the keys' source; @bias: of to_q, to_k and to_v (to_out always has one). */
PdAttentionLayer pd_blocks_read_attention (PdLayerReader *reader,
                                           guint channels,
                                           guint context,
                                           guint heads,
                                           gboolean bias,
                                           const char *path,
                                           ...) G_GNUC_PRINTF (6, 7);

PdTensor *pd_blocks_build_attention (const PdBuilder *builder,
                                     PdTensor *x,
                                     PdTensor *y,
                                     PdTensor *residual,
                                     const PdAttentionLayer *layer);

/* Transformer2DModel of BasicTransformerBlocks. */
typedef struct
{
  char *path;
  PdNorm norm1, norm2, norm3;
  PdAttentionLayer attn1, attn2;
  PdLayer ff_in, ff_out; /* ff.net.0.proj, ff.net.2 */
} PdTransformerBlock;

typedef struct
{
  char *path;
  PdNorm norm;
  PdLayer proj_in, proj_out;
  PdTransformerBlock *blocks; /* n_blocks, freed by pd_blocks_clear_transformer */
  guint n_blocks;
} PdTransformer;

PdTransformer pd_blocks_read_transformer (PdLayerReader *reader,
                                          guint channels,
                                          guint context,
                                          guint heads,
                                          guint n_blocks,
                                          const char *path,
                                          ...) G_GNUC_PRINTF (6, 7);
void pd_blocks_clear_transformer (PdTransformer *self);

PdTensor *pd_blocks_build_transformer (const PdBuilder *builder,
                                       PdTensor *x,
                                       const PdTransformer *transformer);
