// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

static double
mib (guint64 bytes)
{
  return (double) bytes / (1024.0 * 1024.0);
}

static guint32
memory_type (PdDevice *device, PdBufferUse use, guint32 allowed)
{
  static const VkMemoryPropertyFlags host =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  guint32 type = G_MAXUINT32;

  if (use == PD_BUFFER_DEVICE)
    {
      type = pd_device_memory_type (&device->memory, device->info->unified_memory);
      return type != G_MAXUINT32 && (allowed & (1u << type)) != 0
                 ? type
                 : pd_memory_type_find (&device->memory, allowed,
                                        VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    }
  if (use == PD_BUFFER_READBACK)
    type =
        pd_memory_type_find (&device->memory, allowed, host | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  return type != G_MAXUINT32 ? type : pd_memory_type_find (&device->memory, allowed, host);
}

/* Puts bytes on the account, or fails; a rehearsal has no limit. */
static gboolean
account (PdDevice *device, guint64 bytes, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&device->lock);

  if (!device->rehearsing && (bytes > device->limit || device->used > device->limit - bytes))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
                   _ ("%.1f MiB of device memory asked for with %.1f MiB in use, the limit is %.1f "
                      "MiB; use smaller tiles or raise the limit"),
                   mib (bytes), mib (device->used), mib (device->limit));
      return FALSE;
    }
  device->used += bytes;
  device->peak = MAX (device->peak, device->used);
  return TRUE;
}

static gboolean
allocate (PdBuffer *buffer, PdBufferUse use, GError **error)
{
  PdDevice *device = buffer->device;
  VkMemoryAllocateFlagsInfo flags = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                      .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT };
  VkMemoryAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
  VkMemoryRequirements needs;
  const VkMemoryType *type;
  VkResult result;

  vkGetBufferMemoryRequirements (device->vk, buffer->vk, &needs);
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
      if (!account (device, needs.size, error))
        return FALSE;
      buffer->counted = needs.size;
    }
  if (device->rehearsing)
    return TRUE;
  result = vkAllocateMemory (device->vk, &info, NULL, &buffer->memory);
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
          _ ("the driver refused %.1f MiB of memory with %.1f MiB in use (limit %.1f MiB); "
             "close other programs or use smaller tiles"),
          mib (needs.size), mib (pd_device_memory_used (device) - buffer->counted),
          mib (device->limit));
      return FALSE;
    }
  if (!pd_vk_check (result, "vkAllocateMemory", error) ||
      !pd_vk_check (vkBindBufferMemory (device->vk, buffer->vk, buffer->memory, 0),
                    "vkBindBufferMemory", error))
    return FALSE;
  if (use == PD_BUFFER_DEVICE && !device->info->unified_memory)
    return TRUE;
  return pd_vk_check (
      vkMapMemory (device->vk, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->mapped), "vkMapMemory",
      error);
}

PdBuffer *
pd_buffer_new (PdDevice *device, gsize size, PdBufferUse use, GError **error)
{
  const PdDeviceInfo *device_info = device->info;
  const guint64 largest =
      MIN (device_info->max_buffer_size, device_info->max_memory_allocation_size);
  g_autoptr (PdBuffer) buffer = NULL;
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
          mib (size), device_info->name, mib (largest), mib (pd_device_memory_used (device)),
          mib (device->limit));
      return NULL;
    }
  buffer = g_new0 (PdBuffer, 1);
  buffer->device = device;
  buffer->size = size;
  if (device_info->buffer_device_address)
    info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
  if (!pd_vk_check (vkCreateBuffer (device->vk, &info, NULL, &buffer->vk), "vkCreateBuffer",
                    error) ||
      !allocate (buffer, use, error))
    return NULL;
  if (device_info->buffer_device_address && !device->rehearsing)
    {
      VkBufferDeviceAddressInfo address = { .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                            .buffer = buffer->vk };

      buffer->address = vkGetBufferDeviceAddress (device->vk, &address);
    }
  return g_steal_pointer (&buffer);
}

void
pd_buffer_free (PdBuffer *buffer)
{
  PdDevice *device;

  if (buffer == NULL)
    return;
  device = buffer->device;
  if (!pd_device_is_silent (device))
    {
      vkDestroyBuffer (device->vk, buffer->vk, NULL);
      vkFreeMemory (device->vk, buffer->memory, NULL);
    }
  g_mutex_lock (&device->lock);
  device->used -= buffer->counted;
  g_mutex_unlock (&device->lock);
  g_free (buffer);
}

PdDevice *
pd_buffer_device (const PdBuffer *buffer)
{
  return buffer->device;
}

gsize
pd_buffer_size (const PdBuffer *buffer)
{
  return buffer->size;
}

guint64
pd_buffer_address (const PdBuffer *buffer)
{
  return buffer->address;
}

void *
pd_buffer_mapped (const PdBuffer *buffer)
{
  return buffer->mapped;
}

static gboolean
check_region (PdBuffer *buffer, gsize offset, gsize size, GError **error)
{
  if (offset <= buffer->size && size <= buffer->size - offset)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%zu bytes at offset %zu are outside a buffer of %zu bytes"), size, offset,
               buffer->size);
  return FALSE;
}

gboolean
pd_buffer_write (PdBuffer *buffer, gsize offset, const void *data, gsize size, GError **error)
{
  if (!check_region (buffer, offset, size, error) ||
      !pd_device_check_cancelled (buffer->device, error))
    return FALSE;
  if (buffer->memory == VK_NULL_HANDLE) /* of a rehearsal */
    return TRUE;
  if (buffer->mapped == NULL)
    return pd_staging_write (buffer->device->staging, buffer, offset, data, size, error);
  if (size > 0)
    memcpy ((guint8 *) buffer->mapped + offset, data, size);
  return TRUE;
}

gboolean
pd_buffer_read (PdBuffer *buffer, gsize offset, void *data, gsize size, GError **error)
{
  if (!check_region (buffer, offset, size, error))
    return FALSE;
  if (buffer->mapped == NULL)
    return pd_staging_read (buffer->device->staging, buffer, offset, data, size, error);
  if (size > 0)
    memcpy (data, (guint8 *) buffer->mapped + offset, size);
  return TRUE;
}
