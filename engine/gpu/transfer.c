// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

/* Copies between the host and buffers that are not mapped: two slots, so that one is filled or
 * emptied by the host while the device copies the other. */
enum
{
  N_SLOTS = 2,
  SLOT_SIZE = 8 << 20, /* bytes */
  COPY_WORK = 10,      /* what takes as long as copying a byte, in floating point operations */
};

typedef struct
{
  PdBuffer *buffer;
  VkCommandBuffer commands;
  VkFence fence;
  gboolean busy; /* submitted, not waited for */
} Slot;

struct _PdTransfer
{
  PdDevice *device;
  GMutex lock;
  VkCommandPool pool;
  Slot up[N_SLOTS];
  Slot down[N_SLOTS];
};

PdTransfer *
pd_transfer_new (PdDevice *device)
{
  PdTransfer *self = g_new0 (PdTransfer, 1);

  self->device = device;
  g_mutex_init (&self->lock);
  return self;
}

void
pd_transfer_free (PdTransfer *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < N_SLOTS; i++)
    {
      pd_buffer_free (self->up[i].buffer);
      pd_buffer_free (self->down[i].buffer);
      vkDestroyFence (self->device->vk, self->up[i].fence, NULL);
      vkDestroyFence (self->device->vk, self->down[i].fence, NULL);
    }
  vkDestroyCommandPool (self->device->vk, self->pool, NULL);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Makes what the slot lacks; nothing is made for devices that never need it. */
static gboolean
prepare (PdTransfer *self, Slot *slot, PdBufferUse use, GError **error)
{
  VkDevice vk = self->device->vk;
  VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                   .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                   .queueFamilyIndex = self->device->family };
  VkCommandBufferAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                           .commandBufferCount = 1 };
  VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };

  if (self->pool == VK_NULL_HANDLE &&
      !pd_vk_check (vkCreateCommandPool (vk, &pool, NULL, &self->pool), "vkCreateCommandPool",
                    error))
    return FALSE;
  allocate.commandPool = self->pool;
  if (slot->buffer == NULL)
    slot->buffer = pd_buffer_new (self->device, SLOT_SIZE, use, error);
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
finish (PdTransfer *self, Slot *slot, GError **error)
{
  gboolean ok;

  if (!slot->busy)
    return TRUE;
  slot->busy = FALSE;
  ok = pd_queue_wait (self->device, slot->fence, COPY_WORK * SLOT_SIZE, NULL, error) &&
       pd_vk_check (vkResetFences (self->device->vk, 1, &slot->fence), "vkResetFences", error);
  /* A fence whose state is not known is not used again. */
  if (!ok && !pd_queue_is_silent (self->device))
    {
      vkDestroyFence (self->device->vk, slot->fence, NULL);
      slot->fence = VK_NULL_HANDLE;
    }
  return ok;
}

static gboolean
submit (PdTransfer *self,
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
  pd_queue_record_barrier (slot->commands,
                           VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                           VK_PIPELINE_STAGE_TRANSFER_BIT);
  vkCmdCopyBuffer (slot->commands, source, target, 1, region);
  if (target == slot->buffer->vk)
    pd_queue_record_barrier (slot->commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                             VK_PIPELINE_STAGE_HOST_BIT);
  if (!pd_vk_check (vkEndCommandBuffer (slot->commands), "vkEndCommandBuffer", error) ||
      !pd_queue_submit (self->device, &slot->commands, 1, slot->fence, error))
    return FALSE;
  slot->busy = TRUE;
  return TRUE;
}

/* Waits for all slots; after a failure the error that is already set stays. */
static gboolean
finish_all (PdTransfer *self, Slot slots[N_SLOTS], gboolean ok, GError **error)
{
  for (guint i = 0; i < N_SLOTS; i++)
    ok = finish (self, &slots[i], ok ? error : NULL) && ok;
  return ok;
}

static gboolean
write_staged (
    PdTransfer *self, PdBuffer *target, gsize offset, const void *data, gsize size, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  gboolean ok = TRUE;
  guint turn = 0;

  for (gsize done = 0; ok && done < size; turn++)
    {
      Slot *slot = &self->up[turn % N_SLOTS];
      gsize piece = MIN (size - done, SLOT_SIZE);
      VkBufferCopy region = { .dstOffset = offset + done, .size = piece };

      ok = prepare (self, slot, PD_BUFFER_UPLOAD, error) && finish (self, slot, error);
      if (ok)
        {
          memcpy (slot->buffer->mapped, (const guint8 *) data + done, piece);
          ok = submit (self, slot, slot->buffer->vk, target->vk, &region, error);
        }
      done += piece;
    }
  return finish_all (self, self->up, ok, error);
}

static gboolean
read_staged (
    PdTransfer *self, PdBuffer *source, gsize offset, void *data, gsize size, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  const gsize n = (size + SLOT_SIZE - 1) / SLOT_SIZE;
  gboolean ok = TRUE;

  /* Piece i is asked for before piece i - 1 is fetched. */
  for (gsize i = 0; ok && n > 0 && i <= n; i++)
    {
      if (i < n)
        {
          Slot *slot = &self->down[i % N_SLOTS];
          VkBufferCopy region = { .srcOffset = offset + i * SLOT_SIZE,
                                  .size = MIN (size - i * SLOT_SIZE, SLOT_SIZE) };

          ok = prepare (self, slot, PD_BUFFER_READBACK, error) &&
               submit (self, slot, source->vk, slot->buffer->vk, &region, error);
        }
      if (ok && i > 0)
        {
          Slot *slot = &self->down[(i - 1) % N_SLOTS];
          gsize start = (i - 1) * SLOT_SIZE;

          ok = finish (self, slot, error);
          if (ok)
            memcpy ((guint8 *) data + start, slot->buffer->mapped, MIN (size - start, SLOT_SIZE));
        }
    }
  return finish_all (self, self->down, ok, error);
}

static gboolean
check_region (PdBuffer *self, gsize offset, gsize size, GError **error)
{
  if (offset <= self->size && size <= self->size - offset)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%zu bytes at offset %zu are outside a buffer of %zu bytes"), size, offset,
               self->size);
  return FALSE;
}

gboolean
pd_buffer_write (PdBuffer *self, gsize offset, const void *data, gsize size, GError **error)
{
  if (!check_region (self, offset, size, error) || !pd_queue_check_cancelled (self->device, error))
    return FALSE;
  if (self->memory == VK_NULL_HANDLE) /* of a rehearsal */
    return TRUE;
  if (self->mapped == NULL)
    return write_staged (self->device->transfer, self, offset, data, size, error);
  if (size > 0)
    memcpy ((guint8 *) self->mapped + offset, data, size);
  return TRUE;
}

gboolean
pd_buffer_read (PdBuffer *self, gsize offset, void *data, gsize size, GError **error)
{
  if (!check_region (self, offset, size, error))
    return FALSE;
  if (self->mapped == NULL)
    return read_staged (self->device->transfer, self, offset, data, size, error);
  if (size > 0)
    memcpy (data, (guint8 *) self->mapped + offset, size);
  return TRUE;
}
