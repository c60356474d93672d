// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vulkan/vulkan.h>

#include "engine/gpu/account.h"
#include "engine/gpu/commands.h"
#include "engine/gpu/queue.h"

/* Shared by the files of this folder. */

/* TRUE for VK_SUCCESS; else sets the error. @what: the call, as it should stand in the message. */
gboolean pd_vk_check (VkResult result, const char *what, GError **error);

/* ---- instance.c */

typedef struct
{
  VkInstance vk;
  gboolean validation;
  gboolean assisted; /* by code in the kernels, which looks at every access */
  VkDebugUtilsMessengerEXT messenger;
  PFN_vkSetDebugUtilsObjectNameEXT set_name; /* NULL: no VK_EXT_debug_utils */
  gint messages;                             /* atomic */
} PdInstance;

/* @validation: as in PdDeviceOptions. */
PdInstance *pd_instance_new (gboolean validation, GError **error);
void pd_instance_free (PdInstance *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdInstance, pd_instance_free)
/* Names an object of @device for messages of the validation layer and for tools such as RenderDoc.
 */
void pd_instance_name (const PdInstance *self,
                       VkDevice device,
                       VkObjectType type,
                       guint64 object,
                       const char *format,
                       ...) G_GNUC_PRINTF (5, 6);

/* ---- device-info.c */

/* NULL if the device has no Vulkan 1.2 or no compute queue. @family: its queue family. */
PdDeviceInfo *
pd_device_info_query (VkInstance instance, VkPhysicalDevice physical, guint32 *family);
gboolean pd_device_info_has_extension (VkPhysicalDevice physical, const char *name);
/* The type for device-local buffers: within the largest device-local heap, mapped if the memory is
 * unified. */
guint32 pd_device_info_memory_type (const VkPhysicalDeviceMemoryProperties *memory,
                                    gboolean unified);
/* First type having all flags, else G_MAXUINT32. */
guint32 pd_device_info_find_type (const VkPhysicalDeviceMemoryProperties *memory,
                                  guint32 allowed,
                                  VkMemoryPropertyFlags flags);

/* ---- device.c */

typedef struct _PdTransfer PdTransfer;
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
  gint silent, lost; /* atomic */

  PdTransfer *transfer;
  PdKernelCache *kernels;
};

/* ---- account.c */

/* @limit as in PdDeviceOptions; needs the device's info. */
void pd_account_init (PdDevice *self, guint64 limit);
/* Puts bytes on the account. PD_ERROR_OUT_OF_MEMORY beyond the limit, which a rehearsal has not. */
gboolean pd_account_add (PdDevice *self, guint64 bytes, GError **error);
void pd_account_subtract (PdDevice *self, guint64 bytes);
/* The same for bytes that are to leave no trace: the peak is again @peak, what it was before. */
void pd_account_forget (PdDevice *self, guint64 bytes, guint64 peak);
/* Notes that work took seconds. */
void pd_account_learn_rate (PdDevice *self, double work, double seconds);

static inline double
pd_mib (guint64 bytes)
{
  return (double) bytes / (1024.0 * 1024.0);
}

/* ---- queue.c */

gboolean
pd_queue_submit (PdDevice *self, VkCommandBuffer *buffers, guint n, VkFence fence, GError **error);
/* Waits until the fence is signalled. @work: of what was submitted with it. When it returns, the
 * device does not use what was submitted any more, or is silent or lost: also if it fails. Errors:
 * PD_ERROR_DEVICE_LOST, also for a device that does not answer; PD_ERROR_OUT_OF_MEMORY; for a
 * device that does not answer after a cancellation, G_IO_ERROR_CANCELLED. */
gboolean pd_queue_wait (
    PdDevice *self, VkFence fence, double work, GCancellable *cancellable, GError **error);
/* Until the device does nothing; it counts as silent if that cannot be known. */
void pd_queue_settle (PdDevice *self);
/* Makes the writes of the stages @before (compute, transfer) visible to the stages @after (compute,
 * transfer, host). */
void pd_queue_record_barrier (VkCommandBuffer commands,
                              VkPipelineStageFlags before,
                              VkPipelineStageFlags after);

/* ---- buffer.c */

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

/* ---- transfer.c */

/* Staging for pd_buffer_read and pd_buffer_write, for buffers that are not mapped. */
PdTransfer *pd_transfer_new (PdDevice *device);
void pd_transfer_free (PdTransfer *self);

/* ---- shader.c */

typedef struct
{
  guint n_bindings;
  char *lacking; /* first capability the device has not, or NULL */
} PdShaderNeeds;

void pd_shader_read_needs (const PdShader *shader, const PdDeviceInfo *info, PdShaderNeeds *needs);

/* ---- kernel.c */

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
  guint prepared;        /* kernels, by pd_prepare_kernels, */
  double waited;         /* which took so long */
  PdBuffer *nothing;     /* to bind where nothing is done; may be NULL */
  VkPipelineCache pipelines;
  char *path;
  char *checksum; /* of the data after loading the file, NULL if nothing was loaded */
  /* By number of bindings. */
  VkDescriptorSetLayout set_layouts[PD_MAX_BINDINGS + 1];
  VkPipelineLayout layouts[PD_MAX_BINDINGS + 1];
};

/* The key of a kernel in the cache: shader, constants and subgroup size. */
GBytes *
pd_kernel_key_new (const PdShader *shader, const guint32 *constants, guint n, guint subgroup_size);
PdKernelCache *pd_kernel_cache_new (PdDevice *device, GError **error);
/* Saves the pipeline cache. */
void pd_kernel_cache_free (PdKernelCache *self);
/* As pd_kernel_get_spec() for a shader that need not be in the table. */
PdKernel *pd_kernel_get_shader (PdDevice *device,
                                const PdShader *shader,
                                const guint32 *constants,
                                guint n,
                                guint subgroup_size,
                                GError **error);
/* Where the pipeline cache is kept. */
char *pd_kernel_cache_path (const PdDeviceInfo *info);

/* ---- commands.c */

/* Submissions that the last run took. */
guint pd_commands_n_submissions (const PdCommands *self);

/* ---- replay.c */

/* An operation of a PdCommands, checked: a dispatch, or a barrier. */
typedef struct
{
  const char *label; /* owned by the PdCommands */
  double work;
  PdKernel *kernel;    /* NULL: a barrier, and nothing else counts */
  VkDescriptorSet set; /* filled in by PdReplay */
  VkDescriptorBufferInfo bindings[PD_MAX_BINDINGS];
  guint8 push[PD_MAX_PUSH];
  guint32 push_size;
  guint32 groups[3];
} PdOperation;

/* The Vulkan side of a PdCommands: what is made of its operations once and submitted at every run.
 */
typedef struct _PdReplay PdReplay;

PdReplay *pd_replay_new (
    PdDevice *device, PdOperation *operations, guint n, gboolean timestamps, GError **error);
void pd_replay_free (PdReplay *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdReplay, pd_replay_free)
/* As pd_commands_run(). */
gboolean pd_replay_run (PdReplay *self, GCancellable *cancellable, GError **error);
guint pd_replay_n_submissions (const PdReplay *self);
/* Seconds of each operation in the last run, 0 for barriers; NULL without timestamps or such a run.
 */
double *pd_replay_get_seconds (PdReplay *self);
