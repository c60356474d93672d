// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/device.h"

/* Long operations of the device look at @cancellable and report how far they are. */
typedef struct
{
  GCancellable *cancellable; /* may be NULL */
  /* @done of @n kernels that are needed next are ready. May be NULL; called from the thread that
   * uses the device. */
  void (*kernels) (guint done, guint n, gpointer user_data);
  gpointer user_data;
} PdDeviceWatch;

/* Replaces the watch; the cancellable is borrowed. NULL: no watch. The device must not be in use
 * meanwhile. */
void pd_queue_set_watch (PdDevice *self, const PdDeviceWatch *watch);
/* Returns: (transfer none) (nullable): that of the watch. */
GCancellable *pd_queue_cancellable (PdDevice *self);
/* FALSE with G_IO_ERROR_CANCELLED once the watch's cancellable is cancelled. */
gboolean pd_queue_check_cancelled (PdDevice *self, GError **error);

/* TRUE once the device has not answered far longer than it should have needed. It counts as
 * lost. As it may still be at work, its objects are not freed but kept to the end of the process.
 */
gboolean pd_queue_is_silent (PdDevice *self);
