// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/ops.h"

/* The kernel variants behind pd_linear and pd_conv2d. */

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
} PdMatmul;

/* Emit the dispatches and return the result; its border is zero iff epilogue.border asks for it
 * (otherwise it may have a border with leftovers). */
PdTensor *pd_matmul_general (PdGraph *graph, const PdMatmul *matmul);
PdTensor *pd_matmul_uniform (PdGraph *graph, const PdMatmul *matmul);
