// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/ops.h"

/* Naive twins of the ops of engine/nn/ops.h, on dense host arrays, with sums in double. */

typedef struct
{
  guint n, h, w, c;
  float *values; /* [n][h][w][c], owned */
} RefTensor;

RefTensor *ref_tensor_new (guint n, guint h, guint w, guint c);
void ref_tensor_free (RefTensor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RefTensor, ref_tensor_free)

gsize ref_tensor_count (const RefTensor *self);
/* The value at channel c of pixel (y, x) of image n; 0 outside the image. */
double ref_at (const RefTensor *self, guint n, int y, int x, guint c);

typedef struct
{
  PdActivation activation;
  const RefTensor *image_bias, *residual;
} RefEpilogue;

/* @weight: [out][in][taps]; @taps 1 or 9; @bias may be NULL. The input pixel of output pixel (y, x)
 * and tap (ty, tx) is (y · stride + ty - pad, x · stride + tx - pad). */
typedef struct
{
  const float *weight, *bias;
  guint out, taps;
  guint h, w; /* of the result */
  guint stride, pad;
  RefEpilogue epilogue;
} RefProduct;

RefTensor *ref_product (const RefTensor *x, const RefProduct *product);

RefTensor *ref_attention (const RefTensor *q,
                          const RefTensor *k,
                          const RefTensor *v,
                          guint heads,
                          const RefTensor *key_bias,
                          gboolean causal);

RefTensor *ref_group_norm (const RefTensor *x,
                           const float *weight,
                           const float *bias,
                           guint groups,
                           double eps,
                           PdActivation activation);
RefTensor *ref_layer_norm (const RefTensor *x, const float *weight, const float *bias, double eps);

RefTensor *ref_activate (const RefTensor *x, PdActivation activation);
RefTensor *ref_geglu (const RefTensor *x);
/* @b may be NULL. */
RefTensor *ref_add (const RefTensor *a, double scale_a, const RefTensor *b, double scale_b);
RefTensor *ref_concat (const RefTensor *a, const RefTensor *b);
RefTensor *ref_upsample (const RefTensor *x, guint h, guint w);
/* Mean over rows floor (y · in / out) … ceil ((y + 1) · in / out) - 1, columns likewise. */
RefTensor *ref_pool (const RefTensor *x, guint h, guint w);
/* Image i of @a, then image i · b->n / a->n of @b, as 1 × tokens. */
RefTensor *ref_concat_tokens (const RefTensor *a, const RefTensor *b);
/* Channels first … first + count - 1; with all of them, a copy. */
RefTensor *ref_channels (const RefTensor *x, guint first, guint count);
