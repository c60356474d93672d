// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/choices.h"
#include "engine/gpu/device.h"
#include "engine/nn/format.h"

/* Storage type of activations. Sums are always f32. */
typedef enum
{
  PD_TYPE_F32,
  PD_TYPE_F16,
} PdType;

/* A device together with the choices that hold for every tensor on it. */
typedef struct
{
  PdDevice *device;  /* not owned */
  PdKernels kernels; /* never PD_KERNELS_AUTO */
  PdType
      activations; /* f32 with PD_KERNELS_UNIFORM: broadcasting halves costs a conversion per use */
  PdFormat weights;
  guint panel; /* output columns that a packed weight panel holds */
} PdBackend;

/* Resolves @kernels for @device and @precision, which is that of the weights, and of the
 * activations where the variant stores them as f16; PD_PRECISION_AUTO: f16. Fails with
 * PD_ERROR_NO_DEVICE when the device lacks what the asked variant needs. */
gboolean pd_backend_init (
    PdBackend *self, PdDevice *device, PdKernels kernels, PdPrecision precision, GError **error);

/* "auto", "general", "uniform", "cooperative". */
const char *pd_kernels_to_string (PdKernels kernels);

/* Bytes of one element. */
gsize pd_type_size (PdType type);
