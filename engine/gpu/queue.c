// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/gpu/patience.h"

/* Submissions, waiting for them, and barriers. */

/* Between looks at the cancellable, nanoseconds. */
static const guint64 slice = 50 * 1000 * 1000;

void
pd_queue_set_watch (PdDevice *self, const PdDeviceWatch *watch)
{
  g_mutex_lock (&self->lock);
  self->watch = watch != NULL ? *watch : (PdDeviceWatch){ 0 };
  g_mutex_unlock (&self->lock);
}

GCancellable *
pd_queue_cancellable (PdDevice *self)
{
  return self->watch.cancellable;
}

gboolean
pd_queue_check_cancelled (PdDevice *self, GError **error)
{
  return !g_cancellable_set_error_if_cancelled (self->watch.cancellable, error);
}

gboolean
pd_queue_is_silent (PdDevice *self)
{
  return g_atomic_int_get (&self->silent) != 0;
}

gboolean
pd_device_is_lost (PdDevice *self)
{
  return g_atomic_int_get (&self->lost) != 0 || pd_queue_is_silent (self);
}

/* As pd_vk_check, of calls that tell of a lost device. */
static gboolean
check (PdDevice *self, VkResult result, const char *what, GError **error)
{
  if (result == VK_ERROR_DEVICE_LOST)
    g_atomic_int_set (&self->lost, TRUE);
  return pd_vk_check (result, what, error);
}

static void
set_silent_error (double seconds, GError **error)
{
  g_set_error (error, PD_ERROR, PD_ERROR_DEVICE_LOST,
               _ ("the graphics driver has not answered for %.0f s and counts as lost; start the "
                  "program again, with smaller tiles if it happens again"),
               seconds);
}

gboolean
pd_queue_submit (PdDevice *self, VkCommandBuffer *buffers, guint n, VkFence fence, GError **error)
{
  VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                          .commandBufferCount = n,
                          .pCommandBuffers = buffers };
  g_autoptr (GMutexLocker) locker = NULL;

  if (pd_queue_is_silent (self))
    return pd_vk_check (VK_ERROR_DEVICE_LOST, "vkQueueSubmit", error);
  locker = g_mutex_locker_new (&self->queue_lock);
  return check (self, vkQueueSubmit (self->queue, 1, &submit, fence), "vkQueueSubmit", error);
}

void
pd_queue_settle (PdDevice *self)
{
  VkResult result;

  if (pd_queue_is_silent (self))
    return;
  g_mutex_lock (&self->queue_lock);
  result = vkDeviceWaitIdle (self->vk);
  g_mutex_unlock (&self->queue_lock);
  if (result != VK_SUCCESS && result != VK_ERROR_DEVICE_LOST)
    g_atomic_int_set (&self->silent, TRUE);
}

gboolean
pd_queue_wait (
    PdDevice *self, VkFence fence, double work, GCancellable *cancellable, GError **error)
{
  PdPatience patience;

  pd_patience_begin (&patience, work / pd_account_work_rate (self), g_get_monotonic_time ());
  while (!pd_queue_is_silent (self))
    {
      VkResult result = vkWaitForFences (self->vk, 1, &fence, VK_TRUE, slice);
      gboolean cancelled;

      if (result == VK_SUCCESS)
        return TRUE;
      if (result != VK_TIMEOUT)
        {
          pd_queue_settle (self);
          return check (self, result, "vkWaitForFences", error);
        }
      cancelled = g_cancellable_is_cancelled (cancellable) ||
                  g_cancellable_is_cancelled (self->watch.cancellable);
      if (!pd_patience_is_over (&patience, cancelled, g_get_monotonic_time ()))
        continue;
      g_atomic_int_set (&self->silent, TRUE);
      if (!patience.cancelled)
        set_silent_error (patience.waited, error);
      else if (!g_cancellable_set_error_if_cancelled (cancellable, error))
        pd_queue_check_cancelled (self, error);
      return FALSE;
    }
  return pd_vk_check (VK_ERROR_DEVICE_LOST, "vkWaitForFences", error);
}

static VkAccessFlags
accesses (VkPipelineStageFlags stages, gboolean reads)
{
  VkAccessFlags flags = 0;

  if ((stages & VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT) != 0)
    flags |= VK_ACCESS_SHADER_WRITE_BIT | (reads ? VK_ACCESS_SHADER_READ_BIT : 0);
  if ((stages & VK_PIPELINE_STAGE_TRANSFER_BIT) != 0)
    flags |= VK_ACCESS_TRANSFER_WRITE_BIT | (reads ? VK_ACCESS_TRANSFER_READ_BIT : 0);
  if ((stages & VK_PIPELINE_STAGE_HOST_BIT) != 0)
    flags |= VK_ACCESS_HOST_READ_BIT;
  return flags;
}

void
pd_queue_record_barrier (VkCommandBuffer commands,
                         VkPipelineStageFlags before,
                         VkPipelineStageFlags after)
{
  VkMemoryBarrier barrier = { .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                              .srcAccessMask = accesses (before, FALSE),
                              .dstAccessMask = accesses (after, TRUE) };

  vkCmdPipelineBarrier (commands, before, after, 0, 1, &barrier, 0, NULL, 0, NULL);
}
