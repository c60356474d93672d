// SPDX-License-Identifier: GPL-3.0-or-later
/* A library to preload, in which one call of Vulkan fails. PD_FAULT_CALL is the function, such as
 * vkWaitForFences; PD_FAULT_RESULT the VkResult, such as -1 (out of host memory), -2 (of device
 * memory), -4 (device lost), or "hang": the device does nothing any more, so that waiting for a
 * fence ends with its timeout, and any other call does not return. PD_FAULT_DEVICE is the one
 * device whose calls count and fail, from 1 in the order in which they are made; else all do. */
#include "tests/faults/fault.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <vulkan/vulkan.h>

static VkResult
fail (const char *name, unsigned long long nanoseconds)
{
  const char *result = getenv ("PD_FAULT_RESULT");

  fault_record (name);
  if (result == NULL || strcmp (result, "hang") != 0)
    return result != NULL ? atoi (result) : VK_ERROR_DEVICE_LOST;
  if (strcmp (name, "vkWaitForFences") != 0)
    for (;;)
      pause ();
  {
    const struct timespec rest = { .tv_sec = (time_t) (nanoseconds / 1000000000),
                                   .tv_nsec = (long) (nanoseconds % 1000000000) };

    nanosleep (&rest, NULL);
  }
  return VK_TIMEOUT;
}

enum
{
  MAX_DEVICES = 8,
};

static const void *devices[MAX_DEVICES];
static int n_devices;

/* What the loader gives a device, its queues and its command buffers in common. */
static const void *
table_of (const void *handle)
{
  return *(const void *const *) handle;
}

/* The number of a call, among those that count; 0: it does not. */
static int
count (int *counter, const void *handle)
{
  const char *chosen = getenv ("PD_FAULT_DEVICE");
  int device = chosen != NULL ? atoi (chosen) : 0;

  if (device > 0 && (device > n_devices || devices[device - 1] != table_of (handle)))
    return 0;
  return __sync_add_and_fetch (counter, 1);
}

/* The functions that return a VkResult: name, parameters, arguments. */
#define FUNCTIONS(F)                                                                               \
  F (vkCreateInstance,                                                                             \
     (const VkInstanceCreateInfo *a, const VkAllocationCallbacks *b, VkInstance *c), (a, b, c))    \
  F (vkEnumeratePhysicalDevices, (VkInstance a, uint32_t * b, VkPhysicalDevice * c), (a, b, c))    \
  F (vkQueueSubmit, (VkQueue a, uint32_t b, const VkSubmitInfo *c, VkFence d), (a, b, c, d))       \
  F (vkDeviceWaitIdle, (VkDevice a), (a))                                                          \
  F (vkResetFences, (VkDevice a, uint32_t b, const VkFence *c), (a, b, c))                         \
  F (vkAllocateMemory,                                                                             \
     (VkDevice a, const VkMemoryAllocateInfo *b, const VkAllocationCallbacks *c,                   \
      VkDeviceMemory *d),                                                                          \
     (a, b, c, d))                                                                                 \
  F (vkBindBufferMemory, (VkDevice a, VkBuffer b, VkDeviceMemory c, VkDeviceSize d), (a, b, c, d)) \
  F (vkMapMemory,                                                                                  \
     (VkDevice a, VkDeviceMemory b, VkDeviceSize c, VkDeviceSize d, VkMemoryMapFlags e, void **f), \
     (a, b, c, d, e, f))                                                                           \
  F (vkCreateBuffer,                                                                               \
     (VkDevice a, const VkBufferCreateInfo *b, const VkAllocationCallbacks *c, VkBuffer *d),       \
     (a, b, c, d))                                                                                 \
  F (vkCreatePipelineCache,                                                                        \
     (VkDevice a, const VkPipelineCacheCreateInfo *b, const VkAllocationCallbacks *c,              \
      VkPipelineCache *d),                                                                         \
     (a, b, c, d))                                                                                 \
  F (vkGetPipelineCacheData, (VkDevice a, VkPipelineCache b, size_t * c, void *d), (a, b, c, d))   \
  F (vkCreateDescriptorSetLayout,                                                                  \
     (VkDevice a, const VkDescriptorSetLayoutCreateInfo *b, const VkAllocationCallbacks *c,        \
      VkDescriptorSetLayout *d),                                                                   \
     (a, b, c, d))                                                                                 \
  F (vkCreatePipelineLayout,                                                                       \
     (VkDevice a, const VkPipelineLayoutCreateInfo *b, const VkAllocationCallbacks *c,             \
      VkPipelineLayout *d),                                                                        \
     (a, b, c, d))                                                                                 \
  F (vkCreateShaderModule,                                                                         \
     (VkDevice a, const VkShaderModuleCreateInfo *b, const VkAllocationCallbacks *c,               \
      VkShaderModule *d),                                                                          \
     (a, b, c, d))                                                                                 \
  F (vkCreateComputePipelines,                                                                     \
     (VkDevice a, VkPipelineCache b, uint32_t c, const VkComputePipelineCreateInfo *d,             \
      const VkAllocationCallbacks *e, VkPipeline *f),                                              \
     (a, b, c, d, e, f))                                                                           \
  F (vkCreateDescriptorPool,                                                                       \
     (VkDevice a, const VkDescriptorPoolCreateInfo *b, const VkAllocationCallbacks *c,             \
      VkDescriptorPool *d),                                                                        \
     (a, b, c, d))                                                                                 \
  F (vkAllocateDescriptorSets,                                                                     \
     (VkDevice a, const VkDescriptorSetAllocateInfo *b, VkDescriptorSet *c), (a, b, c))            \
  F (vkCreateCommandPool,                                                                          \
     (VkDevice a, const VkCommandPoolCreateInfo *b, const VkAllocationCallbacks *c,                \
      VkCommandPool *d),                                                                           \
     (a, b, c, d))                                                                                 \
  F (vkAllocateCommandBuffers,                                                                     \
     (VkDevice a, const VkCommandBufferAllocateInfo *b, VkCommandBuffer *c), (a, b, c))            \
  F (vkBeginCommandBuffer, (VkCommandBuffer a, const VkCommandBufferBeginInfo *b), (a, b))         \
  F (vkEndCommandBuffer, (VkCommandBuffer a), (a))                                                 \
  F (vkCreateFence,                                                                                \
     (VkDevice a, const VkFenceCreateInfo *b, const VkAllocationCallbacks *c, VkFence *d),         \
     (a, b, c, d))

#define DEFINE(name, parameters, arguments)                                                        \
  static int count_##name;                                                                         \
  VkResult name parameters                                                                         \
  {                                                                                                \
    int number = count (&count_##name, a);                                                         \
    PFN_##name next = (PFN_##name) dlsym (RTLD_NEXT, #name);                                       \
                                                                                                   \
    return fault_is_chosen (#name, number) ? fail (#name, 0) : next arguments;                     \
  }
FUNCTIONS (DEFINE)
#undef DEFINE

static int count_vkWaitForFences, count_vkCreateDevice;

VkResult
vkWaitForFences (VkDevice a, uint32_t b, const VkFence *c, VkBool32 d, uint64_t timeout)
{
  int number = count (&count_vkWaitForFences, a);
  PFN_vkWaitForFences next = (PFN_vkWaitForFences) dlsym (RTLD_NEXT, "vkWaitForFences");

  return fault_is_chosen ("vkWaitForFences", number) ? fail ("vkWaitForFences", timeout)
                                                     : next (a, b, c, d, timeout);
}

VkResult
vkCreateDevice (VkPhysicalDevice a,
                const VkDeviceCreateInfo *b,
                const VkAllocationCallbacks *c,
                VkDevice *d)
{
  int number = __sync_add_and_fetch (&count_vkCreateDevice, 1);
  PFN_vkCreateDevice next = (PFN_vkCreateDevice) dlsym (RTLD_NEXT, "vkCreateDevice");
  VkResult result =
      fault_is_chosen ("vkCreateDevice", number) ? fail ("vkCreateDevice", 0) : next (a, b, c, d);

  if (result == VK_SUCCESS && n_devices < MAX_DEVICES)
    devices[n_devices++] = table_of (*d);
  return result;
}

__attribute__ ((destructor)) static void
write_counts (void)
{
  FILE *file = fault_open_counts ();

  if (file != NULL)
    {
      fprintf (file, "vkWaitForFences %d\nvkCreateDevice %d\n", count_vkWaitForFences,
               count_vkCreateDevice);
#define WRITE(name, parameters, arguments) fprintf (file, #name " %d\n", count_##name);
      FUNCTIONS (WRITE)
#undef WRITE
    }
  fault_close_counts (file);
}
