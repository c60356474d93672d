// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

/* A Vulkan compute device: instance, logical device, one compute queue, the memory account and the
 * cache of pipelines. Everything that is made from a device (buffers, commands) must be freed
 * before it; kernels belong to it. Functions that take a PdDevice may be called from any thread. */
typedef struct _PdDevice PdDevice;

typedef enum
{
  PD_DEVICE_OTHER,
  PD_DEVICE_CPU,
  PD_DEVICE_VIRTUAL,
  PD_DEVICE_INTEGRATED,
  PD_DEVICE_DISCRETE,
} PdDeviceType;

/* Properties, features and limits of a device, as the driver reports them. The struct owns its
 * strings. */
typedef struct
{
  char *name;
  PdDeviceType type;
  const char *type_name; /* "discrete", "integrated", "virtual", "cpu", "other" */
  char *driver_name;
  char *driver_info;
  char *uuid;             /* 32 hexadecimal digits */
  guint32 api_version;    /* VK_MAKE_API_VERSION */
  guint32 driver_version; /* encoding is the driver's own */
  guint32 vendor_id;
  guint32 device_id;
  gboolean is_cpu;
  gboolean is_lavapipe;    /* Mesa's llvmpipe: takes the "-uniform" kernels */
  gboolean unified_memory; /* device memory is host memory: buffers are mapped, no staging */

  /* Memory, bytes. */
  guint64 heap;   /* largest device-local heap as reported */
  guint64 budget; /* what this process may use now: VK_EXT_memory_budget, else the heap; for a CPU
                     device, whose heap figure is nominal, three quarters of physical memory */
  guint64 max_storage_buffer_range; /* less if environment PD_MAX_STORAGE_RANGE says so */
  guint64 max_memory_allocation_size;
  guint64 max_buffer_size;

  /* Features; those that are TRUE are enabled on every PdDevice. */
  gboolean float16;   /* arithmetic on 16-bit floats in shaders */
  gboolean storage16; /* 16-bit members in storage buffers and behind addresses */
  gboolean int16;
  gboolean int64;
  gboolean robust_access; /* accesses through a binding stay within its buffer */
  gboolean buffer_device_address;
  gboolean
      cooperative_matrix; /* VK_KHR_cooperative_matrix: f16 x f16 summed in f32, per subgroup */
  guint cooperative_matrix_size[3]; /* M, N, K of that; 16 x 16 x 16 where offered */
  gboolean memory_model;            /* vulkanMemoryModel, which cooperative matrices need */
  gboolean subgroup_ballot;         /* includes broadcast */
  gboolean subgroup_shuffle;
  gboolean subgroup_arithmetic;
  gboolean subgroup_size_control; /* a kernel may ask for a subgroup size */
  gboolean timestamps;
  guint timestamp_bits; /* how many bits of a timestamp count */

  /* Limits. */
  guint subgroup_size;
  guint min_subgroup_size; /* equal to subgroup_size without subgroup_size_control */
  guint max_subgroup_size;
  guint min_storage_buffer_offset_alignment; /* bytes */
  guint max_shared_memory;                   /* bytes per workgroup */
  guint max_workgroup_invocations;
  guint max_workgroup_size[3];
  guint max_workgroup_count[3];
  float timestamp_period; /* nanoseconds per tick */
} PdDeviceInfo;

void pd_device_info_free (PdDeviceInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdDeviceInfo, pd_device_info_free)

typedef struct
{
  /* NULL or "": the best one (discrete, integrated, virtual, CPU). Else a number of
   * pd_device_list(), a UUID, or part of a name in any case. */
  const char *selector;
  guint64 memory_limit; /* bytes; 0: PdDeviceInfo.budget */
  gboolean validation;  /* Khronos validation layer with synchronisation validation; environment
                           PD_VALIDATION=1 asks for it too, PD_VALIDATION=gpu for the layer with
                           GPU-assisted validation instead: each access of a kernel is looked at */
} PdDeviceOptions;

/* Asks drivers, through the environment, for what suits this program: lavapipe for vectors of 512
 * bits where the processor has AVX-512, Mesa for a shader cache of its own per width. To be called
 * before other threads exist; what is set already stays. */
void pd_device_prepare_environment (void);

/* All devices with Vulkan 1.2 and a compute queue, in the loader's order.
 * Returns: (element-type PdDeviceInfo) a new array that frees its elements, or NULL with
 * PD_ERROR_NO_DEVICE when there is no driver or no such device. */
GPtrArray *pd_device_list (GError **error);

/* The devices that @selectors names, in its order: one, as PdDeviceOptions.selector has it, or
 * several with commas between them, which may be the same one twice; "all" is every device,
 * processors only where there is nothing else. Returns: (transfer full) selectors of pd_device_new,
 * one or more. Errors: PD_ERROR_NO_DEVICE (no driver, nothing matches, more than @most). */
GStrv pd_device_select (const char *selectors, guint most, GError **error);

/* Opens a device; options may be NULL.
 * Errors: PD_ERROR_NO_DEVICE (no driver, nothing matches, validation layer missing). */
PdDevice *pd_device_new (const PdDeviceOptions *options, GError **error);
/* Waits for the device, writes the pipeline cache if it changed, frees everything. NULL is fine. */
void pd_device_free (PdDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdDevice, pd_device_free)

const PdDeviceInfo *pd_device_info (PdDevice *self);

/* Whether the driver has lost it, or does not answer any more: nothing works on it then. */
gboolean pd_device_is_lost (PdDevice *self);

/* Number of warnings and errors the validation layer has reported on this device so far; each is
 * also written to standard error. 0 without validation. */
guint pd_device_validation_messages (PdDevice *self);
