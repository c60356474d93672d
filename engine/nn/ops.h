// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/graph.h"
#include "shaders/abi/activation.h"

/* One function per op: appends to the graph and returns the result. Shapes are n × h × w × c as in
 * tensor.h; a tensor given to an op that needs a zero border and has none is copied. */

/* Applied to the sums of a matrix product before they are stored:
 * y = activation (sum + bias + image_bias) + residual. NULL members are left out. */
typedef struct
{
  PdActivation activation;
  PdTensor *image_bias; /* n × 1 × 1 × c: added to every pixel of its image (time embedding) */
  PdTensor *residual;   /* the result's shape, any border */
  gboolean border;      /* the result gets a zero border, for a following convolution */
  /* y = activation (sum · factor + shift): of pd_group_norm_affine, in place of bias, image_bias
   * and residual. */
  PdStorage *affine;
} PdEpilogue;

/* x · wᵀ + bias over every pixel. 1 × 1 convolutions are this. */
PdTensor *pd_linear (PdGraph *graph,
                     PdTensor *x,
                     const PdMatrix *weight,
                     const PdVector *bias,
                     const PdEpilogue *epilogue);

typedef enum
{
  PD_CONV_SAME,       /* 3 × 3, stride 1, one pixel of zeros on all sides */
  PD_CONV_HALF,       /* 3 × 3, stride 2, one pixel of zeros on all sides */
  PD_CONV_HALF_RIGHT, /* 3 × 3, stride 2, one pixel of zeros right and below only (VAE encoder) */
} PdConv;

PdTensor *pd_conv2d (PdGraph *graph,
                     PdTensor *x,
                     const PdMatrix *weight,
                     const PdVector *bias,
                     PdConv kind,
                     const PdEpilogue *epilogue);

/* The convolution PD_CONV_SAME of @x enlarged to twice its size by nearest neighbour. Each of the
 * four phases of the result's pixels sees 2 × 2 pixels of @x, so that 16 products do for 36;
 * @phases: the matrices of 4 taps that pd_weights_phase makes. */
PdTensor *pd_conv2d_doubled (PdGraph *graph,
                             PdTensor *x,
                             const PdMatrix *const phases[PD_N_PHASES],
                             const PdVector *bias);

typedef struct
{
  PdTensor *q;     /* n × h × w × (heads · d) */
  PdTensor *k, *v; /* n × h' × w' × (heads · d): any number of keys */
  guint heads;
  PdTensor *key_bias; /* f32, n × 1 × 1 × keys, those of more_k included; NULL: none */
  gboolean causal;    /* query i sees keys 0 … i */
  /* Keys and values behind those of k and v; NULL: none. They may have fewer images, of which each
   * then serves q->n / more_k->n neighbouring ones. */
  PdTensor *more_k, *more_v;
} PdAttention;

/* softmax (q kᵀ / √d + key_bias) v per head. */
PdTensor *pd_attention (PdGraph *graph, const PdAttention *attention);

/* Where the corrections of a group norm's statistics come from and the statistics go to, f32 on the
 * device. */
typedef struct
{
  PdStorage *given; /* [n][groups]{added to the mean, factor of the variance} */
  PdStorage *own;   /* [n][groups]{mean, variance} before that, written */
} PdNormCorrection;

/* How a group norm is taken. */
typedef struct
{
  guint groups; /* divides the channels */
  float eps;
  PdActivation activation;
  gboolean border; /* the result gets a zero border, for a following convolution */
  const PdNormCorrection *correction; /* NULL: none */
} PdNormArgs;

/* Normalises c / groups channels of each image together, then weight, bias, activation. */
PdTensor *pd_group_norm (PdGraph *graph,
                         PdTensor *x,
                         const PdVector *weight,
                         const PdVector *bias,
                         const PdNormArgs *args);

/* The two halves of pd_group_norm, for statistics that come from elsewhere. A table holds what
 * normalises one image of c channels. */
gsize pd_group_norm_table_bytes (guint c);

/* The weights of pixels in the statistics of their image: an image that stands for a larger one has
 * too much border. Along an axis that of the outermost @frame pixels on either side is @outer, of
 * the others @inner; a pixel counts the product of both axes. */
typedef struct
{
  guint frame;
  float outer, inner; /* ≥ 0 */
} PdPixelShares;

/* Writes the table of every image of @x to @table; with @joint one table, of all its images
 * together. @shares: of the vertical and the horizontal axis; NULL: all pixels count alike. Where
 * pixels whose share is 0 vary 10,000 times as much as those that count, the variance is what
 * bounds them: they are part of the result's surroundings. */
void pd_group_norm_measure (PdGraph *graph,
                            PdTensor *x,
                            const PdVector *weight,
                            const PdNormArgs *args,
                            gboolean joint,
                            const PdPixelShares shares[2],
                            PdStorage *table);

/* Normalises by a table per image, or with @joint by one for all. */
PdTensor *pd_group_norm_apply (PdGraph *graph,
                               PdTensor *x,
                               PdStorage *table,
                               const PdVector *bias,
                               const PdNormArgs *args,
                               gboolean joint);

/* Normalising by a table, known before the product is there whose results are normalised: factors
 * and shifts of @c channels for the epilogue of pd_linear or pd_conv2d with weights whose bias is
 * @product_bias. @norm_bias: the norm's. One table for all images. */
PdStorage *pd_group_norm_affine (PdGraph *graph,
                                 PdStorage *table,
                                 guint c,
                                 const PdVector *norm_bias,
                                 const PdVector *product_bias);

/* Normalises the channels of each pixel. */
PdTensor *pd_layer_norm (
    PdGraph *graph, PdTensor *x, const PdVector *weight, const PdVector *bias, float eps);

/* Mean and variance (of a sample: over one pixel less) of each channel over the pixels of an image,
 * f32 on the device: [n][channels, surplus included]{mean, variance}. */
gsize pd_channel_moments_bytes (guint n, guint c);
void pd_channel_moments (PdGraph *graph, PdTensor *x, PdStorage *found);

/* Moments of @n images, of which each stands for x->n / n neighbouring ones. */
typedef struct
{
  PdStorage *moments;
  guint n;
} PdMomentsOf;

/* Gives every channel of @x, whose moments are @own, those of @target (adaptive instance
 * normalisation, Huang and Belongie 2017); @eps is added to variances. */
PdTensor *pd_match (PdGraph *graph, PdTensor *x, PdMomentsOf own, PdMomentsOf target, float eps);

PdTensor *pd_activate (PdGraph *graph, PdTensor *x, PdActivation activation);

/* First half of the channels · GELU (second half). */
PdTensor *pd_geglu (PdGraph *graph, PdTensor *x);

/* a · scale_a + b · scale_b; @b NULL: a · scale_a. */
PdTensor *pd_add (PdGraph *graph, PdTensor *a, float scale_a, PdTensor *b, float scale_b);

/* Channels of @a, then those of @b. */
PdTensor *pd_concat (PdGraph *graph, PdTensor *a, PdTensor *b);

/* Nearest neighbour to h × w: source = floor (target · in / out). */
PdTensor *pd_upsample (PdGraph *graph, PdTensor *x, guint h, guint w, gboolean border);

/* The same values with another storage type or border. */
PdTensor *pd_convert (PdGraph *graph, PdTensor *x, PdType type, gboolean border);

/* @x if it has that type, else converted, without border. */
PdTensor *pd_to_type (PdGraph *graph, PdTensor *x, PdType type);

/* Writes zeros to the border of @x, in place. Returns @x. */
PdTensor *pd_zero_border (PdGraph *graph, PdTensor *x);

/* Writes @source to @target, of the same size and type; borders may differ. */
void pd_copy (PdGraph *graph, PdTensor *source, PdTensor *target);

/* Token i of every image of @target, n × 1 × tokens × c, becomes token picks[i] of that image of
 * @x, counted row by row, and where that is below 0 it stays. @picks: f32, 1 × 1 × 1 × tokens.
 * Halves that are infinite become the largest there are. */
void pd_pick (PdGraph *graph, PdTensor *x, PdTensor *picks, PdTensor *target);

/* The pixels of @a, then those of @b, as one row of tokens. @b may have fewer images, of which each
 * then serves a->n / b->n neighbouring ones of @a. */
PdTensor *pd_concat_tokens (PdGraph *graph, PdTensor *a, PdTensor *b);
