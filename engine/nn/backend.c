// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/backend.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/gpu/kernel.h"

static const char *const kernels_names[] = {
  [PD_KERNELS_AUTO] = "auto",
  [PD_KERNELS_GENERAL] = "general",
  [PD_KERNELS_UNIFORM] = "uniform",
  [PD_KERNELS_COOPERATIVE] = "cooperative",
};

const char *
pd_kernels_to_string (PdKernels kernels)
{
  return kernels_names[kernels];
}

gsize
pd_type_size (PdType type)
{
  return type == PD_TYPE_F16 ? 2 : 4;
}

/* Why @device cannot run the uniform kernels; NULL if it can. They take vectors of one subgroup, so
 * they are written for 8 and 16 lanes. */
static const char *
uniform_obstacle (const PdDeviceInfo *info)
{
  if (!info->buffer_device_address)
    return "bufferDeviceAddress";
  if (!info->int64)
    return "shaderInt64";
  if (!info->subgroup_shuffle)
    return "subgroup shuffle";
  if (info->subgroup_size != 8 && info->subgroup_size != 16)
    return "a subgroup size of 8 or 16";
  return NULL;
}

/* shaders/matmul.comp multiplies blocks of 16 × 16 × 16. */
static gboolean
can_cooperate (PdDevice *device)
{
  const guint *size = pd_device_info (device)->cooperative_matrix_size;

  return size[0] == 16 && size[1] == 16 && size[2] == 16 &&
         pd_kernel_has_shader (device, "matmul-cooperative");
}

gboolean
pd_backend_init (
    PdBackend *self, PdDevice *device, PdKernels kernels, PdPrecision precision, GError **error)
{
  const PdDeviceInfo *info = pd_device_info (device);
  const char *obstacle = uniform_obstacle (info);
  gboolean cooperative = can_cooperate (device);
  PdType type = precision == PD_PRECISION_F32 ? PD_TYPE_F32 : PD_TYPE_F16;

  if (kernels == PD_KERNELS_AUTO)
    {
      if (info->is_lavapipe && obstacle == NULL)
        kernels = PD_KERNELS_UNIFORM;
      else if (cooperative && type == PD_TYPE_F16)
        kernels = PD_KERNELS_COOPERATIVE;
      else
        kernels = PD_KERNELS_GENERAL;
    }
  if (kernels == PD_KERNELS_UNIFORM && obstacle != NULL)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_NO_DEVICE,
          _ ("The uniform kernels need %s, which %s does not offer; use --kernels general"),
          obstacle, info->name);
      return FALSE;
    }
  if (kernels == PD_KERNELS_COOPERATIVE && !cooperative)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_NO_DEVICE,
          info->cooperative_matrix && info->cooperative_matrix_size[0] == 16
              ? _ ("This build has no cooperative kernels (its GLSL compiler lacks "
                   "GL_KHR_cooperative_matrix) for %s; use --kernels general")
              : _ ("The cooperative kernels need VK_KHR_cooperative_matrix with matrices of "
                   "16 × 16, which %s does not offer; use --kernels general"),
          info->name);
      return FALSE;
    }
  if (kernels == PD_KERNELS_COOPERATIVE && type != PD_TYPE_F16)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("The cooperative kernels multiply 16-bit floats; use --precision f16 or "
                      "--kernels general"));
      return FALSE;
    }

  *self = (PdBackend){
    .device = device,
    .kernels = kernels,
    .activations = kernels == PD_KERNELS_UNIFORM ? PD_TYPE_F32 : type,
    .weights = type == PD_TYPE_F16 ? PD_FORMAT_F16 : PD_FORMAT_F32,
    .panel = kernels == PD_KERNELS_UNIFORM ? info->subgroup_size : 16,
  };
  return TRUE;
}
