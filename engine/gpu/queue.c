// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/gpu/private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

/* What is handed to the device and waited for. */

/* Between looks at the cancellable, nanoseconds. */
static const guint64 slice = 50 * 1000 * 1000;

/* How long a device may stay silent, in seconds and in times of what the work should take at the
 * rate that was learned: busy machines and drivers that compile at the first dispatch stay far
 * below. Once someone wants to stop, the second row holds. */
static const double patience[2] = { 120, 5 };
static const double patience_times[2] = { 100, 10 };

void
pd_device_set_watch (PdDevice *device, const PdDeviceWatch *watch)
{
  g_mutex_lock (&device->lock);
  device->watch = watch != NULL ? *watch : (PdDeviceWatch){ 0 };
  g_mutex_unlock (&device->lock);
}

GCancellable *
pd_device_cancellable (PdDevice *device)
{
  return device->watch.cancellable;
}

gboolean
pd_device_check_cancelled (PdDevice *device, GError **error)
{
  return !g_cancellable_set_error_if_cancelled (device->watch.cancellable, error);
}

double
pd_device_work_rate (PdDevice *device)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&device->lock);

  return device->rate;
}

void
pd_device_learn_rate (PdDevice *device, double work, double seconds)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&device->lock);

  /* Shorter ones measure the submission, not the work. */
  if (seconds < 1e-3 || work <= 0)
    return;
  device->rate += 0.5 * (MIN (work / seconds, 8 * device->rate) - device->rate);
}

gboolean
pd_device_is_silent (PdDevice *device)
{
  return g_atomic_int_get (&device->silent) != 0;
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
pd_device_submit (
    PdDevice *device, VkCommandBuffer *buffers, guint n, VkFence fence, GError **error)
{
  VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                          .commandBufferCount = n,
                          .pCommandBuffers = buffers };
  g_autoptr (GMutexLocker) locker = NULL;

  if (pd_device_is_silent (device))
    return pd_vk_check (VK_ERROR_DEVICE_LOST, "vkQueueSubmit", error);
  locker = g_mutex_locker_new (&device->queue_lock);
  return pd_vk_check (vkQueueSubmit (device->queue, 1, &submit, fence), "vkQueueSubmit", error);
}

void
pd_device_settle (PdDevice *device)
{
  VkResult result;

  if (pd_device_is_silent (device))
    return;
  g_mutex_lock (&device->queue_lock);
  result = vkDeviceWaitIdle (device->vk);
  g_mutex_unlock (&device->queue_lock);
  if (result != VK_SUCCESS && result != VK_ERROR_DEVICE_LOST)
    g_atomic_int_set (&device->silent, TRUE);
}

gboolean
pd_device_wait (
    PdDevice *device, VkFence fence, double work, GCancellable *cancellable, GError **error)
{
  const double expected = work / pd_device_work_rate (device);
  const gint64 start = g_get_monotonic_time ();
  gint64 stop = 0;

  while (!pd_device_is_silent (device))
    {
      VkResult result = vkWaitForFences (device->vk, 1, &fence, VK_TRUE, slice);
      gint64 now = g_get_monotonic_time ();
      double waited;

      if (result == VK_SUCCESS)
        return TRUE;
      if (result != VK_TIMEOUT)
        {
          pd_device_settle (device);
          return pd_vk_check (result, "vkWaitForFences", error);
        }
      if (stop == 0 && (g_cancellable_is_cancelled (cancellable) ||
                        g_cancellable_is_cancelled (device->watch.cancellable)))
        stop = now;
      waited = (double) (now - (stop != 0 ? stop : start)) / G_USEC_PER_SEC;
      if (waited <= patience[stop != 0] + patience_times[stop != 0] * expected)
        continue;
      g_atomic_int_set (&device->silent, TRUE);
      if (stop == 0)
        set_silent_error (waited, error);
      else if (!g_cancellable_set_error_if_cancelled (cancellable, error))
        pd_device_check_cancelled (device, error);
      return FALSE;
    }
  return pd_vk_check (VK_ERROR_DEVICE_LOST, "vkWaitForFences", error);
}
