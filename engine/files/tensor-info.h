// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/dtype.h"

enum
{
  PD_TENSOR_MAX_DIMS = 8
};

/* See safetensors.h. */
typedef struct _PdSafetensors PdSafetensors;

/* One tensor of a file. Row-major, little-endian. */
typedef struct
{
  const char *name;
  PdDtype dtype;
  const char *dtype_name; /* the file's */
  guint n_dims;           /* 0: a scalar */
  gint64 dims[PD_TENSOR_MAX_DIMS];
  const PdSafetensors *file; /* not owned; NULL: the values are at data */
  guint64 offset;            /* bytes, of the file's first value */
  const guint8 *data;        /* in memory; NOT aligned to the element size */
  gsize size;  /* bytes = pd_tensor_info_count () · pd_dtype_size (), if that is not 0 */
  float scale; /* what all values are multiplied by; 0: nothing */
} PdTensorInfo;

/* Elements; 0 where the dtype is PD_DTYPE_OTHER. */
gsize pd_tensor_info_count (const PdTensorInfo *self);

/* "32x4x3x3", or "scalar". */
char *pd_tensor_info_format_shape (guint n_dims, const gint64 *dims);
