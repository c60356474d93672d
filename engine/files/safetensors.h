// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/tensor-info.h"

/* A .safetensors file, opened and never mapped, so that nothing that happens to it meanwhile is
 * more than an error. Everything its header says has been checked: all ranges lie inside the file,
 * no two tensors overlap, sizes agree with shapes. Immutable, so it may be read from any thread.
 * Format: https://github.com/huggingface/safetensors */

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
