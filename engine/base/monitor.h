// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

/* Who watches work that takes long; NULL in place of one: nobody. */
typedef struct
{
  /* @done of @n parts are done. May be NULL. */
  void (*progress) (guint done, guint n, gpointer user_data);
  gpointer user_data;
  GCancellable *cancellable; /* may be NULL */
} PdMonitor;

static inline GCancellable *
pd_monitor_cancellable (const PdMonitor *self)
{
  return self != NULL ? self->cancellable : NULL;
}

static inline void
pd_monitor_tell (const PdMonitor *self, guint done, guint n)
{
  if (self != NULL && self->progress != NULL)
    self->progress (done, n, self->user_data);
}
