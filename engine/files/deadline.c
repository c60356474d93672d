// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/deadline.h"

struct _PdDeadline
{
  GCancellable *cancellable;
  GThread *thread;
  GMutex mutex;
  GCond over; /* with the work before the time */
  gboolean done;
  gint64 end; /* µs, monotonic */
};

static gpointer
watch (gpointer data)
{
  PdDeadline *self = data;
  g_mutex_lock (&self->mutex);
  while (!self->done && g_cond_wait_until (&self->over, &self->mutex, self->end))
    ;
  g_mutex_unlock (&self->mutex);
  g_cancellable_cancel (self->cancellable);
  return NULL;
}

PdDeadline *
pd_deadline_push (gint64 time)
{
  PdDeadline *self = g_new0 (PdDeadline, 1);
  self->cancellable = g_cancellable_new ();
  self->end = g_get_monotonic_time () + time;
  g_mutex_init (&self->mutex);
  g_cond_init (&self->over);
  self->thread = g_thread_new ("deadline", watch, self);
  g_cancellable_push_current (self->cancellable);
  return self;
}

void
pd_deadline_pop (PdDeadline *self)
{
  if (self == NULL)
    return;
  g_cancellable_pop_current (self->cancellable);
  g_mutex_lock (&self->mutex);
  self->done = TRUE;
  g_cond_signal (&self->over);
  g_mutex_unlock (&self->mutex);
  g_thread_join (self->thread);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->over);
  g_object_unref (self->cancellable);
  g_free (self);
}
