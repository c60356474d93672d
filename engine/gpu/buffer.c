// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

static guint32
memory_type (PdDevice *device, PdBufferUse use, guint32 allowed)
{
  static const VkMemoryPropertyFlags host =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  guint32 type = G_MAXUINT32;

  if (use == PD_BUFFER_DEVICE)
    {
      type = pd_device_info_memory_type (&device->memory, device->info->unified_memory);
      return type != G_MAXUINT32 && (allowed & (1u << type)) != 0
                 ? type
                 : pd_device_info_find_type (&device->memory, allowed,
                                             VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    }
  if (use == PD_BUFFER_READBACK)
    type = pd_device_info_find_type (&device->memory, allowed,
                                     host | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  return type != G_MAXUINT32 ? type : pd_device_info_find_type (&device->memory, allowed, host);
}

static gboolean
allocate (PdBuffer *self, PdBufferUse use, GError **error)
{
  PdDevice *device = self->device;
  VkMemoryAllocateFlagsInfo flags = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                      .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT };
  VkMemoryAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
  VkMemoryRequirements needs;
  const VkMemoryType *type;
  VkResult result;

  vkGetBufferMemoryRequirements (device->vk, self->vk, &needs);
  info.allocationSize = needs.size;
  info.memoryTypeIndex = memory_type (device, use, needs.memoryTypeBits);
  info.pNext = device->info->buffer_device_address ? &flags : NULL;
  if (info.memoryTypeIndex == G_MAXUINT32)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
                   _ ("device “%s” has no memory type for a buffer of use %d"), device->info->name,
                   (int) use);
      return FALSE;
    }
  type = &device->memory.memoryTypes[info.memoryTypeIndex];
  if ((device->memory.memoryHeaps[type->heapIndex].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0)
    {
      if (!pd_account_add (device, needs.size, error))
        return FALSE;
      self->counted = needs.size;
    }
  if (device->rehearsing)
    return TRUE;
  result = vkAllocateMemory (device->vk, &info, NULL, &self->memory);
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
          _ ("the driver refused %.1f MiB of memory with %.1f MiB in use (limit %.1f MiB); "
             "close other programs or use smaller tiles"),
          pd_mib (needs.size), pd_mib (pd_account_used (device) - self->counted),
          pd_mib (device->limit));
      return FALSE;
    }
  if (!pd_vk_check (result, "vkAllocateMemory", error) ||
      !pd_vk_check (vkBindBufferMemory (device->vk, self->vk, self->memory, 0),
                    "vkBindBufferMemory", error))
    return FALSE;
  if (use == PD_BUFFER_DEVICE && !device->info->unified_memory)
    return TRUE;
  return pd_vk_check (vkMapMemory (device->vk, self->memory, 0, VK_WHOLE_SIZE, 0, &self->mapped),
                      "vkMapMemory", error);
}

PdBuffer *
pd_buffer_new (PdDevice *device, gsize size, PdBufferUse use, GError **error)
{
  static const char *const names[] = { [PD_BUFFER_DEVICE] = "device buffer",
                                       [PD_BUFFER_UPLOAD] = "upload",
                                       [PD_BUFFER_READBACK] = "readback" };
  const PdDeviceInfo *device_info = device->info;
  const guint64 largest =
      MIN (device_info->max_buffer_size, device_info->max_memory_allocation_size);
  g_autoptr (PdBuffer) self = NULL;
  VkBufferCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                              .size = size,
                              .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                                       VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                       VK_BUFFER_USAGE_TRANSFER_DST_BIT };

  if (size == 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("a buffer of 0 bytes was asked for"));
      return NULL;
    }
  if (size > largest)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
          _ ("a buffer of %.1f MiB was asked for, device “%s” allows %.1f MiB in one piece "
             "(%.1f MiB in use, limit %.1f MiB); use smaller tiles"),
          pd_mib (size), device_info->name, pd_mib (largest), pd_mib (pd_account_used (device)),
          pd_mib (device->limit));
      return NULL;
    }
  self = g_new0 (PdBuffer, 1);
  self->device = device;
  self->size = size;
  if (device_info->buffer_device_address)
    info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
  if (!pd_vk_check (vkCreateBuffer (device->vk, &info, NULL, &self->vk), "vkCreateBuffer", error) ||
      !allocate (self, use, error))
    return NULL;
  if (device_info->buffer_device_address && !device->rehearsing)
    {
      VkBufferDeviceAddressInfo address = { .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                            .buffer = self->vk };

      self->address = vkGetBufferDeviceAddress (device->vk, &address);
    }
  pd_buffer_set_name (self, names[use]);
  return g_steal_pointer (&self);
}

void
pd_buffer_set_name (PdBuffer *self, const char *name)
{
  pd_instance_name (self->device->instance, self->device->vk, VK_OBJECT_TYPE_BUFFER,
                    (guint64) self->vk, "%s of %zu bytes", name, self->size);
}

void
pd_buffer_free (PdBuffer *self)
{
  PdDevice *device;

  if (self == NULL)
    return;
  device = self->device;
  if (!pd_queue_is_silent (device))
    {
      vkDestroyBuffer (device->vk, self->vk, NULL);
      vkFreeMemory (device->vk, self->memory, NULL);
    }
  pd_account_subtract (device, self->counted);
  g_free (self);
}

gsize
pd_buffer_size (const PdBuffer *self)
{
  return self->size;
}

guint64
pd_buffer_address (const PdBuffer *self)
{
  return self->address;
}

void *
pd_buffer_mapped (const PdBuffer *self)
{
  return self->mapped;
}
