// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/ops.h"

enum
{
  PD_CONV_TAPS = 9,
  PD_PHASE_TAPS = 4,
};

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
  /* Of a doubled picture (4 taps, 2 × 2): this is the phase of the pixels (2 y + phase / 2,
   * 2 x + phase % 2) of @into, which the others leave as they are. */
  guint phase;
  PdTensor *into; /* the result, 2 h × 2 w; NULL: a new tensor of h × w */
  PdEpilogue epilogue;
} PdMatmul;

/* Taps in a row: they are those of a square. */
static inline guint
pd_matmul_tap_columns (const PdMatmul *self)
{
  return self->b->taps == PD_CONV_TAPS ? 3 : self->b->taps == PD_PHASE_TAPS ? 2 : 1;
}

/* Pixels of the input's stored rows, and of its columns, before the first tap of pixel (0, 0). */
static inline guint
pd_matmul_inset_y (const PdMatmul *self)
{
  return self->b->taps > 1 ? self->a->border - self->pad + self->phase / 2 : self->a->border;
}

static inline guint
pd_matmul_inset_x (const PdMatmul *self)
{
  return self->b->taps > 1 ? self->a->border - self->pad + self->phase % 2 : self->a->border;
}

/* Emit the dispatches and return the result; its border is zero iff epilogue.border asks for it
 * (otherwise it may have a border with leftovers). */
PdTensor *pd_matmul_general (PdGraph *graph, const PdMatmul *matmul);
PdTensor *pd_matmul_uniform (PdGraph *graph, const PdMatmul *matmul);
