// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/device.h"

/* A compute pipeline: one shader of shaders/meson.build with its specialisation constants. Owned by
 * the device, made once per (shader, constants, subgroup size), immutable. */
typedef struct _PdKernel PdKernel;

/* A variant of the table in shaders/meson.build. What it needs is read from its SPIR-V. */
typedef struct
{
  const char *name;
  const guint32 *code;
  gsize size; /* bytes */
} PdShader;

/* All variants that were built, ended by one whose name is NULL. */
extern const PdShader pd_shaders[];
/* NULL if this build has no such variant (an unknown name, or the GLSL compiler lacked an
 * extension). */
const PdShader *pd_shader_find (const char *name);

typedef struct
{
  const char *shader;       /* name in the table */
  const guint32 *constants; /* values of constant_id 0, 1, …; ids beyond keep their default */
  guint n_constants;
  guint subgroup_size; /* 0: the driver's choice; else full subgroups of this size
                          (PdDeviceInfo.subgroup_size_control) */
} PdKernelSpec;

/* TRUE if the variant was built and the device has every feature it needs. */
gboolean pd_kernel_has_shader (PdDevice *device, const char *shader);

/* The pipeline, made now if this is the first request for it (0.1 to 2 s on lavapipe).
 * Errors: PD_ERROR_NO_DEVICE (variant not built, or the device lacks a feature; the message names
 * it), PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST. */
PdKernel *pd_kernel_get (
    PdDevice *device, const char *shader, const guint32 *constants, guint n, GError **error);
PdKernel *pd_kernel_get_spec (PdDevice *device, const PdKernelSpec *spec, GError **error);

/* Makes those of the list that do not exist yet, on all cores; doubles are made once. Tells the
 * device's watch how many are ready and looks at its cancellable before each. */
gboolean pd_prepare_kernels (PdDevice *device, const PdKernelSpec *specs, guint n, GError **error);

/* Notes those of the list that do not exist yet, for the function below. */
void pd_prepare_rehearse (PdDevice *device, const PdKernelSpec *specs, guint n);
/* How many kernels were missed since the last call, and what it takes to make them, by how long
 * others took in this process; negative: none has been made yet. */
guint pd_prepare_take_rehearsed (PdDevice *device, double *seconds);

/* How many pipelines there are, and the seconds spent creating them (summed over threads). */
guint pd_kernel_count (PdDevice *device);
double pd_kernel_seconds (PdDevice *device);
