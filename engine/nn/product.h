// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/ops.h"

/* What pd_linear, pd_conv2d and pd_attention hand to the kernel variants. */

/* y (p, o) = activation (Σ_tap,i a (p · stride + tap - pad, i) · b (o, tap, i) + bias + image_bias)
 * + residual, for each pixel p of n × h × w outputs. With 9 taps @a has a zero border of one pixel,
 * so tap offsets of -1 … +1 and one pixel past the end need no test. @residual may have any border;
 * the variant copies it where its addressing needs another one. */
typedef struct
{
  const char *label;
  PdTensor *a;
  const PdMatrix *b;
  const PdVector *bias;
  guint h, w; /* of the result */
  guint stride, pad;
  PdEpilogue epilogue;
} PdProduct;

/* Emit the dispatches and return the result; its border is zero iff epilogue.border asks for it
 * (otherwise it may have a border with leftovers). */
PdTensor *pd_product_general (PdGraph *graph, const PdProduct *product);
PdTensor *pd_product_uniform (PdGraph *graph, const PdProduct *product);

typedef struct
{
  PdTensor *q, *k, *v;
  guint heads;
  PdTensor *key_bias;
  gboolean causal;
  PdTensor *more_k, *more_v; /* as in pd_attention_more; NULL: none */
} PdAttention;

/* Own and further keys and values as one tensor each, for kernels that take no others. */
PdAttention pd_attention_joined (PdGraph *graph, const PdAttention *attention);

PdTensor *pd_attention_general (PdGraph *graph, const PdAttention *attention);
PdTensor *pd_attention_uniform (PdGraph *graph, const PdAttention *attention);
