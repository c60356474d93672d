// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/safetensors.h"

/* A product of two thin matrices that is added to a layer's weight: LoRA, and for convolutions
 * LoCon. Immutable, so it may be used from any thread. https://arxiv.org/abs/2106.09685 */
typedef struct _PdPatch PdPatch;

/* Adds @scale · @up · @down to the weight of the layer @path (diffusers' module path). @up is
 * [out][rank], @down [rank][in] or [rank][in][height][width]; further dimensions of @up are 1. Both
 * are copied. Errors: PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_HOST_MEMORY. */
PdPatch *pd_patch_new (const char *path,
                       const PdTensorInfo *up,
                       const PdTensorInfo *down,
                       double scale,
                       GError **error);
void pd_patch_free (PdPatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPatch, pd_patch_free)

const char *pd_patch_path (const PdPatch *self);

/* Fails with PD_ERROR_BAD_MODEL unless it is made for a weight of @out rows with @width values. */
gboolean pd_patch_check (const PdPatch *self, guint out, gsize width, GError **error);

/* Adds to rows @first … @first + @n - 1 of the weight, which are at @values. */
void pd_patch_add (const PdPatch *self, gsize first, gsize n, float *values);
