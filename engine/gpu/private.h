// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vulkan/vulkan.h>

#include "engine/gpu/commands.h"

/* What the files of gpu/ know of each other. */

/* TRUE for VK_SUCCESS; else sets the error. what: the call, as it should stand in the message. */
gboolean pd_vk_check (VkResult result, const char *what, GError **error);

enum
{
  PD_COPY_WORK = 10, /* the same work as a copied byte, in floating point operations */
};

/* ---- instance.c */

typedef struct
{
  VkInstance vk;
  gboolean validation;
  gboolean assisted; /* by code in the kernels, which looks at every access */
  VkDebugUtilsMessengerEXT messenger;
  gint messages; /* atomic */
} PdInstance;

/* validation as in PdDeviceOptions. */
PdInstance *pd_instance_new (gboolean validation, GError **error);
void pd_instance_free (PdInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdInstance, pd_instance_free)

/* ---- device-info.c */

/* NULL if the device has no Vulkan 1.2 or no compute queue. family: its queue family. */
PdDeviceInfo *
pd_device_info_query (VkInstance instance, VkPhysicalDevice physical, guint32 *family);
gboolean pd_physical_has_extension (VkPhysicalDevice physical, const char *name);
/* The type for device-local buffers: within the largest device-local heap, mapped if the memory is
 * unified. */
guint32 pd_device_memory_type (const VkPhysicalDeviceMemoryProperties *memory, gboolean unified);
/* First type having all flags, else G_MAXUINT32. */
guint32 pd_memory_type_find (const VkPhysicalDeviceMemoryProperties *memory,
                             guint32 allowed,
                             VkMemoryPropertyFlags flags);

/* ---- device.c */

typedef struct _PdStaging PdStaging;
typedef struct _PdKernelCache PdKernelCache;

struct _PdDevice
{
  PdInstance *instance;
  PdDeviceInfo *info;
  VkPhysicalDevice physical;
  VkDevice vk;
  VkQueue queue;
  guint32 family;
  VkPhysicalDeviceMemoryProperties memory;

  GMutex queue_lock;
  GMutex lock; /* the account and the rate */
  guint64 used;
  guint64 peak;
  guint64 limit;
  gboolean rehearsing;
  guint64 peak_before; /* the rehearsal */
  double rate;
  double first_rate;

  PdDeviceWatch watch;
  gint silent; /* atomic */

  PdStaging *staging;
  PdKernelCache *kernels;
};

/* Makes the writes of the stages before (compute, transfer) visible to the stages after (compute,
 * transfer, host). */
void pd_record_barrier (VkCommandBuffer commands,
                        VkPipelineStageFlags before,
                        VkPipelineStageFlags after);

/* ---- queue.c */

gboolean pd_device_submit (
    PdDevice *device, VkCommandBuffer *buffers, guint n, VkFence fence, GError **error);
/* Until the fence is signalled. work: of what is on its way to it. When it returns, the device does
 * not use what was submitted any more, or is silent or lost: also if it fails.
 * Errors: PD_ERROR_DEVICE_LOST, also for a device that does not answer; PD_ERROR_OUT_OF_MEMORY; for
 * a device that does not answer to someone who wants to stop, G_IO_ERROR_CANCELLED. */
gboolean pd_device_wait (
    PdDevice *device, VkFence fence, double work, GCancellable *cancellable, GError **error);
/* Until the device does nothing; it counts as silent if that cannot be known. */
void pd_device_settle (PdDevice *device);
/* Notes that work took seconds. */
void pd_device_learn_rate (PdDevice *device, double work, double seconds);

/* ---- memory.c */

struct _PdBuffer
{
  PdDevice *device;
  VkBuffer vk;
  VkDeviceMemory memory;
  gsize size;
  guint64 counted; /* bytes on the account */
  guint64 address;
  void *mapped;
};

/* ---- staging.c */

PdStaging *pd_staging_new (PdDevice *device);
void pd_staging_free (PdStaging *staging);
/* For buffers that are not mapped; the region is known to be inside. Finished on return. */
gboolean pd_staging_write (PdStaging *staging,
                           PdBuffer *target,
                           gsize offset,
                           const void *data,
                           gsize size,
                           GError **error);
gboolean pd_staging_read (
    PdStaging *staging, PdBuffer *source, gsize offset, void *data, gsize size, GError **error);

/* ---- shaders.c */

typedef struct
{
  guint n_bindings;
  char *lacking; /* first capability the device has not, or NULL */
} PdShaderNeeds;

void pd_shader_read_needs (const PdShader *shader, const PdDeviceInfo *info, PdShaderNeeds *needs);

/* ---- kernels.c */

struct _PdKernel
{
  char *name;
  guint n_bindings;
  VkDescriptorSetLayout set_layout; /* borrowed */
  VkPipelineLayout layout;          /* borrowed */
  VkPipeline pipeline;
};

struct _PdKernelCache
{
  PdDevice *device;
  GMutex lock;
  GHashTable *kernels; /* GBytes (see pd_kernel_key_new) -> PdKernel */
  double seconds;
  GHashTable *rehearsed; /* GBytes: keys of kernels that were missed in rehearsals */
  guint prepared;        /* kernels, by pd_device_prepare_kernels, */
  double waited;         /* which took so long */
  PdBuffer *nothing;     /* to bind where nothing is done; may be NULL */
  VkPipelineCache pipelines;
  char *path;
  char *checksum; /* of the data after loading the file, NULL if nothing was loaded */
  /* By number of bindings. */
  VkDescriptorSetLayout set_layouts[PD_MAX_BINDINGS + 1];
  VkPipelineLayout layouts[PD_MAX_BINDINGS + 1];
};

/* What tells kernels from each other. */
GBytes *
pd_kernel_key_new (const PdShader *shader, const guint32 *constants, guint n, guint subgroup_size);
PdKernelCache *pd_kernel_cache_new (PdDevice *device, GError **error);
/* Saves the pipeline cache. */
void pd_kernel_cache_free (PdKernelCache *cache);
/* As pd_device_kernel_from_spec() for a shader that need not be in the table. */
PdKernel *pd_device_kernel_from_shader (PdDevice *device,
                                        const PdShader *shader,
                                        const guint32 *constants,
                                        guint n,
                                        guint subgroup_size,
                                        GError **error);
/* Where the pipeline cache is kept. */
char *pd_kernel_cache_path (const PdDeviceInfo *info);

/* ---- replay.c */

typedef enum
{
  PD_OPERATION_DISPATCH,
  PD_OPERATION_BARRIER,
  PD_OPERATION_COPY,
  PD_OPERATION_FILL,
} PdOperationKind;

/* An operation of a PdCommands, checked. */
typedef struct
{
  PdOperationKind kind;
  const char *label; /* owned by the PdCommands */
  double work;
  union
  {
    struct
    {
      PdKernel *kernel;
      VkDescriptorSet set; /* filled in by PdReplay */
      VkDescriptorBufferInfo bindings[PD_MAX_BINDINGS];
      guint8 push[PD_MAX_PUSH];
      guint32 push_size;
      guint32 groups[3];
    } dispatch;
    struct
    {
      VkBuffer source;
      VkBuffer target;
      VkBufferCopy region;
    } copy;
    struct
    {
      VkBuffer target;
      gsize offset;
      gsize size;
      guint32 value;
    } fill;
  };
} PdOperation;

/* The Vulkan side of a PdCommands: what is made of its operations once and submitted at every run.
 */
typedef struct _PdReplay PdReplay;

PdReplay *pd_replay_new (
    PdDevice *device, PdOperation *operations, guint n, gboolean timestamps, GError **error);
void pd_replay_free (PdReplay *replay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdReplay, pd_replay_free)
/* As pd_commands_run(). */
gboolean pd_replay_run (PdReplay *replay, GCancellable *cancellable, GError **error);
guint pd_replay_n_submissions (const PdReplay *replay);
/* Seconds of each operation in the last run, 0 for barriers; NULL without timestamps or such a run.
 */
double *pd_replay_get_seconds (PdReplay *replay);
