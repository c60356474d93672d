// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/ops.h"

/* What tests/test-ops.c runs: ops with shapes, odd ones above all. */

typedef enum
{
  LINEAR,
  CONV,
  CONV_HALF,
  CONV_HALF_RIGHT,
  ATTENTION,
  GROUP_NORM,
  LAYER_NORM,
  ACTIVATE,
  GEGLU,
  ADD,
  CONCAT,
  UPSAMPLE,
  CONVERT,
  ZERO_BORDER,
  COPY,
  POOL,
  CONCAT_TOKENS,
} Op;

enum
{
  WITHOUT = 1 << 0, /* the optional operand: bias, b */
  IMAGE_BIAS = 1 << 1,
  RESIDUAL = 1 << 2,
  RESIDUAL_BORDER = 1 << 3,
  BORDER = 1 << 4,    /* the result has a zero border */
  IN_BORDER = 1 << 5, /* the inputs have one */
  VIEW = 1 << 6,      /* the inputs are channels of a wider tensor */
  CAUSAL = 1 << 7,
  KEY_BIAS = 1 << 8,
  OFFSET = 1 << 9,           /* values near 33 */
  TINY = 1 << 10,            /* values of about 1e-3 */
  OTHER_TYPE = 1 << 11,      /* convert: to the other one; else: the inputs are f32 */
  IN_PLACE_BORDER = 1 << 12, /* the inputs have a border that the test fills with NaN */
};

typedef struct
{
  Op op;
  guint n, h, w, c;
  guint other;            /* channels out or of b, groups, heads, images of b */
  guint other_h, other_w; /* keys; size to scale to; of b */
  guint flags;
  PdActivation activation;
} OpRow;

extern const OpRow op_rows[];
extern const guint op_n_rows;

/* "linear/1x1x77x96:64,quick-gelu,residual" */
char *op_row_name (const OpRow *row);
