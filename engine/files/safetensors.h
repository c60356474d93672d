// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

typedef enum
{
  PD_DTYPE_F64,
  PD_DTYPE_F32,
  PD_DTYPE_F16,
  PD_DTYPE_BF16,
  PD_DTYPE_I64,
  PD_DTYPE_I32,
  PD_DTYPE_I16,
  PD_DTYPE_I8,
  PD_DTYPE_U8,
  PD_DTYPE_BOOL,
  PD_DTYPE_F8_E4M3, /* 4 bits of exponent, no infinities */
  PD_DTYPE_F8_E5M2,
  PD_DTYPE_OTHER, /* one whose elements cannot be read */
} PdDtype;

PdDtype pd_dtype_from_name (const char *name);
gsize pd_dtype_size (PdDtype dtype); /* bytes per element; 0 of PD_DTYPE_OTHER */
gboolean pd_dtype_is_float (PdDtype dtype);

enum
{
  PD_TENSOR_MAX_DIMS = 8
};

/* A .safetensors file, opened and never mapped, so that nothing that happens to it meanwhile is
 * more than an error. Everything its header says has been checked: all ranges lie inside the file,
 * no two tensors overlap, sizes agree with shapes. Immutable, so it may be read from any thread.
 * Format: https://github.com/huggingface/safetensors */
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

/* The bytes of @count values from the one at @first on, as they are stored. Fails with
 * PD_ERROR_BAD_MODEL where the file has become shorter, G_IO_ERROR. */
gboolean
pd_tensor_info_read (const PdTensorInfo *self, gsize first, gsize count, void *out, GError **error);

/* @count values from the one at @first on, converted to f32 and multiplied by the scale. Fails as
 * pd_tensor_info_read. */
gboolean pd_tensor_info_read_f32 (
    const PdTensorInfo *self, gsize first, gsize count, float *out, GError **error);

/* All pd_tensor_info_count () values. */
gboolean pd_tensor_info_to_f32 (const PdTensorInfo *self, float *out, GError **error);

/* "32x4x3x3", or "scalar". */
char *pd_tensor_format_shape (guint n_dims, const gint64 *dims);

/* A tensor of any dtype may be in the file; whether it can be used is up to the user. Can be
 * cancelled by the thread's current cancellable (g_cancellable_push_current). Fails with
 * PD_ERROR_BAD_MODEL, naming file, tensor, what was found and what was expected. */
PdSafetensors *pd_safetensors_open (const char *path, GError **error);

PdSafetensors *pd_safetensors_ref (PdSafetensors *self);
void pd_safetensors_unref (PdSafetensors *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdSafetensors, pd_safetensors_unref)

const char *pd_safetensors_get_path (const PdSafetensors *self);

/* The tensors in the order of their data. */
guint pd_safetensors_get_n_tensors (const PdSafetensors *self);
const PdTensorInfo *pd_safetensors_get_tensor (const PdSafetensors *self, guint index);

/* NULL if there is no such tensor. The info lives as long as the file. */
const PdTensorInfo *pd_safetensors_find (const PdSafetensors *self, const char *name);
