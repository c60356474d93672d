// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <string.h>

/* Copies between the host and buffers that are not mapped: two slots, so that one is filled or
 * emptied by the host while the device copies the other. */
enum
{
  N_SLOTS = 2,
  SLOT_SIZE = 8 << 20, /* bytes */
};

typedef struct
{
  PdBuffer *buffer;
  VkCommandBuffer commands;
  VkFence fence;
  gboolean busy; /* submitted, not waited for */
} Slot;

struct _PdStaging
{
  PdDevice *device;
  GMutex lock;
  VkCommandPool pool;
  Slot up[N_SLOTS];
  Slot down[N_SLOTS];
};

PdStaging *
pd_staging_new (PdDevice *device)
{
  PdStaging *staging = g_new0 (PdStaging, 1);

  staging->device = device;
  g_mutex_init (&staging->lock);
  return staging;
}

void
pd_staging_free (PdStaging *staging)
{
  if (staging == NULL)
    return;
  for (guint i = 0; i < N_SLOTS; i++)
    {
      pd_buffer_free (staging->up[i].buffer);
      pd_buffer_free (staging->down[i].buffer);
      vkDestroyFence (staging->device->vk, staging->up[i].fence, NULL);
      vkDestroyFence (staging->device->vk, staging->down[i].fence, NULL);
    }
  vkDestroyCommandPool (staging->device->vk, staging->pool, NULL);
  g_mutex_clear (&staging->lock);
  g_free (staging);
}

/* Makes what the slot lacks; nothing is made for devices that never need it. */
static gboolean
prepare (PdStaging *staging, Slot *slot, PdBufferUse use, GError **error)
{
  VkDevice vk = staging->device->vk;
  VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                   .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                   .queueFamilyIndex = staging->device->family };
  VkCommandBufferAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                           .commandBufferCount = 1 };
  VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };

  if (staging->pool == VK_NULL_HANDLE &&
      !pd_vk_check (vkCreateCommandPool (vk, &pool, NULL, &staging->pool), "vkCreateCommandPool",
                    error))
    return FALSE;
  allocate.commandPool = staging->pool;
  if (slot->buffer == NULL)
    slot->buffer = pd_buffer_new (staging->device, SLOT_SIZE, use, error);
  if (slot->buffer == NULL)
    return FALSE;
  if (slot->commands == VK_NULL_HANDLE &&
      !pd_vk_check (vkAllocateCommandBuffers (vk, &allocate, &slot->commands),
                    "vkAllocateCommandBuffers", error))
    return FALSE;
  return slot->fence != VK_NULL_HANDLE ||
         pd_vk_check (vkCreateFence (vk, &fence, NULL, &slot->fence), "vkCreateFence", error);
}

static gboolean
finish (PdStaging *staging, Slot *slot, GError **error)
{
  gboolean ok;

  if (!slot->busy)
    return TRUE;
  slot->busy = FALSE;
  ok = pd_device_wait (staging->device, slot->fence, PD_COPY_WORK * SLOT_SIZE, NULL, error) &&
       pd_vk_check (vkResetFences (staging->device->vk, 1, &slot->fence), "vkResetFences", error);
  /* A fence whose state is not known is not used again. */
  if (!ok && !pd_device_is_silent (staging->device))
    {
      vkDestroyFence (staging->device->vk, slot->fence, NULL);
      slot->fence = VK_NULL_HANDLE;
    }
  return ok;
}

static gboolean
submit (PdStaging *staging,
        Slot *slot,
        VkBuffer source,
        VkBuffer target,
        const VkBufferCopy *region,
        GError **error)
{
  VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                     .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT };

  if (!pd_vk_check (vkBeginCommandBuffer (slot->commands, &begin), "vkBeginCommandBuffer", error))
    return FALSE;
  pd_record_barrier (slot->commands,
                     VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                     VK_PIPELINE_STAGE_TRANSFER_BIT);
  vkCmdCopyBuffer (slot->commands, source, target, 1, region);
  if (target == slot->buffer->vk)
    pd_record_barrier (slot->commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT);
  if (!pd_vk_check (vkEndCommandBuffer (slot->commands), "vkEndCommandBuffer", error) ||
      !pd_device_submit (staging->device, &slot->commands, 1, slot->fence, error))
    return FALSE;
  slot->busy = TRUE;
  return TRUE;
}

/* Waits for all slots; after a failure the error that is already set stays. */
static gboolean
finish_all (PdStaging *staging, Slot slots[N_SLOTS], gboolean ok, GError **error)
{
  for (guint i = 0; i < N_SLOTS; i++)
    ok = finish (staging, &slots[i], ok ? error : NULL) && ok;
  return ok;
}

gboolean
pd_staging_write (PdStaging *staging,
                  PdBuffer *target,
                  gsize offset,
                  const void *data,
                  gsize size,
                  GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&staging->lock);
  gboolean ok = TRUE;
  guint turn = 0;

  for (gsize done = 0; ok && done < size; turn++)
    {
      Slot *slot = &staging->up[turn % N_SLOTS];
      gsize piece = MIN (size - done, SLOT_SIZE);
      VkBufferCopy region = { .dstOffset = offset + done, .size = piece };

      ok = prepare (staging, slot, PD_BUFFER_UPLOAD, error) && finish (staging, slot, error);
      if (ok)
        {
          memcpy (slot->buffer->mapped, (const guint8 *) data + done, piece);
          ok = submit (staging, slot, slot->buffer->vk, target->vk, &region, error);
        }
      done += piece;
    }
  return finish_all (staging, staging->up, ok, error);
}

gboolean
pd_staging_read (
    PdStaging *staging, PdBuffer *source, gsize offset, void *data, gsize size, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&staging->lock);
  const gsize n = (size + SLOT_SIZE - 1) / SLOT_SIZE;
  gboolean ok = TRUE;

  /* Piece i is asked for before piece i - 1 is fetched. */
  for (gsize i = 0; ok && n > 0 && i <= n; i++)
    {
      if (i < n)
        {
          Slot *slot = &staging->down[i % N_SLOTS];
          VkBufferCopy region = { .srcOffset = offset + i * SLOT_SIZE,
                                  .size = MIN (size - i * SLOT_SIZE, SLOT_SIZE) };

          ok = prepare (staging, slot, PD_BUFFER_READBACK, error) &&
               submit (staging, slot, source->vk, slot->buffer->vk, &region, error);
        }
      if (ok && i > 0)
        {
          Slot *slot = &staging->down[(i - 1) % N_SLOTS];
          gsize start = (i - 1) * SLOT_SIZE;

          ok = finish (staging, slot, error);
          if (ok)
            memcpy ((guint8 *) data + start, slot->buffer->mapped, MIN (size - start, SLOT_SIZE));
        }
    }
  return finish_all (staging, staging->down, ok, error);
}
