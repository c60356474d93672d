// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/device.h"

/* Who waits for the device: what takes long on it looks at @cancellable and tells how far it is. */
typedef struct
{
  GCancellable *cancellable; /* may be NULL */
  /* @done of @n kernels that are needed next are ready. May be NULL; called from the thread that
   * uses the device. */
  void (*kernels) (guint done, guint n, gpointer user_data);
  gpointer user_data;
} PdDeviceWatch;

/* From now on; the cancellable is borrowed. NULL: nobody. Nothing else uses the device meanwhile.
 */
void pd_queue_set_watch (PdDevice *self, const PdDeviceWatch *watch);
/* The watch's; may be NULL. */
GCancellable *pd_queue_cancellable (PdDevice *self);
/* FALSE with G_IO_ERROR_CANCELLED once the watch's cancellable is cancelled. */
gboolean pd_queue_check_cancelled (PdDevice *self, GError **error);

/* TRUE once the device has not answered far longer than it should have needed. It is as lost; since
 * it may still be at work, what belongs to it is not freed but kept to the end of the process. */
gboolean pd_queue_is_silent (PdDevice *self);
