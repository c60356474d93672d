// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/work.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

/* One call of pd_work_run. */
typedef struct
{
  const PdWork *work;
  PdWorkShare *shares; /* each is its worker's own */
  GCancellable *stop;  /* of all workers */

  GMutex lock; /* of what follows */
  GCond changed;
  guint present;   /* workers that have not left */
  gsize next;      /* the first item that nobody took */
  GArray *back;    /* gsize: items that were taken and not done; all before next */
  gsize done;      /* items */
  gsize finished;  /* items; they are the first */
  gboolean *ready; /* [window]: done and not finished, by item % window */
  GError *failure; /* the first */
} Run;

typedef struct
{
  Run *run;
  guint worker;
  gsize *items; /* [its batch] */
  GThread *thread;
} Seat;

/* Removes the first of the items that came back. */
static gsize
take_back (GArray *back)
{
  guint first = 0;
  gsize item;

  for (guint i = 1; i < back->len; i++)
    if (g_array_index (back, gsize, i) < g_array_index (back, gsize, first))
      first = i;
  item = g_array_index (back, gsize, first);
  g_array_remove_index_fast (back, first);
  return item;
}

/* The next items for a worker that takes @most, if they are within the window. */
static guint
take (Run *self, guint most, gsize *items)
{
  const PdWork *work = self->work;
  const gsize end = MIN (work->n_items, self->finished + work->window);
  guint count = 0;

  while (count < most && self->back->len > 0)
    items[count++] = take_back (self->back);
  while (count < most && self->next < end)
    items[count++] = self->next++;
  return count;
}

/* Of the thread that called, with the lock, which it gives away meanwhile: the places of what it
 * finishes are taken by nobody else before it is counted. */
static void
finish_ready (Run *self)
{
  const PdWork *work = self->work;

  while (self->finished < work->n_items && self->ready[self->finished % work->window])
    {
      self->ready[self->finished % work->window] = FALSE;
      g_mutex_unlock (&self->lock);
      if (work->finish != NULL)
        work->finish (self->finished, work->user_data);
      g_mutex_lock (&self->lock);
      self->finished++;
      g_cond_broadcast (&self->changed);
    }
}

static void
tell_progress (Run *self, gsize *told)
{
  const gsize done = self->done;

  if (*told == done || self->work->progress == NULL)
    return;
  *told = done;
  g_mutex_unlock (&self->lock);
  self->work->progress (done, self->work->user_data);
  g_mutex_lock (&self->lock);
}

gboolean
pd_work_may_leave (const GError *error)
{
  return g_error_matches (error, PD_ERROR, PD_ERROR_DEVICE_LOST) ||
         g_error_matches (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY);
}

/* Items that could not be done. */
static void
fail (Run *self, const Seat *seat, guint count, GError *error)
{
  if (self->present > 1 && pd_work_may_leave (error))
    {
      self->shares[seat->worker].gone = TRUE;
      self->present--;
      g_array_append_vals (self->back, seat->items, count);
      g_error_free (error);
    }
  else if (self->failure == NULL)
    self->failure = error;
  else
    g_error_free (error);
}

static void
do_items (Run *self, const Seat *seat, guint count)
{
  const PdWork *work = self->work;
  PdWorkShare *share = &self->shares[seat->worker];
  GError *error = NULL;
  gint64 start;
  gboolean ok;

  g_mutex_unlock (&self->lock);
  start = g_get_monotonic_time ();
  ok = work->work (seat->worker, seat->items, count, self->stop, work->user_data, &error);
  g_mutex_lock (&self->lock);
  share->busy += g_get_monotonic_time () - start;
  if (ok)
    {
      for (guint i = 0; i < count; i++)
        self->ready[seat->items[i] % work->window] = TRUE;
      self->done += count;
      share->items += count;
    }
  else
    fail (self, seat, count, error);
  g_cond_broadcast (&self->changed);
}

/* With the lock. */
static gboolean
is_through (const Run *self, const Seat *seat)
{
  if (seat->worker == 0)
    return self->finished == self->work->n_items;
  return self->done == self->work->n_items || self->shares[seat->worker].gone;
}

/* A worker's thread. */
static gpointer
attend (gpointer data)
{
  const Seat *seat = data;
  Run *self = seat->run;
  const PdWork *work = self->work;
  const PdWorkShare *share = &self->shares[seat->worker];
  gsize told = 0;

  g_mutex_lock (&self->lock);
  while (self->failure == NULL)
    {
      guint count = 0;

      if (seat->worker == 0)
        {
          finish_ready (self);
          tell_progress (self, &told);
        }
      if (is_through (self, seat))
        break;
      if (!share->gone)
        count = take (self, work->batches[seat->worker], seat->items);
      if (count > 0)
        do_items (self, seat, count);
      else if (seat->worker > 0 || !self->ready[self->finished % work->window])
        g_cond_wait (&self->changed, &self->lock);
    }
  if (self->failure != NULL)
    g_cancellable_cancel (self->stop);
  g_mutex_unlock (&self->lock);
  return NULL;
}

/* A function of g_cancellable_connect. */
static void
pass_on (GCancellable *cancellable, gpointer stop)
{
  g_cancellable_cancel (stop);
}

/* A worker for which there is no thread leaves its work to the others. */
static void
start (Run *self, Seat *seat)
{
  seat->thread = g_thread_try_new ("pd-worker", attend, seat, NULL);
  if (seat->thread != NULL)
    return;
  g_mutex_lock (&self->lock);
  self->present--;
  g_mutex_unlock (&self->lock);
}

static void
run_all (Run *self, Seat *seats, GCancellable *cancellable)
{
  gulong connection = 0;

  if (cancellable != NULL)
    connection = g_cancellable_connect (cancellable, G_CALLBACK (pass_on), self->stop, NULL);
  for (guint worker = 1; worker < self->work->n_workers; worker++)
    if (!self->shares[worker].gone)
      start (self, &seats[worker]);
  attend (&seats[0]);
  for (guint worker = 1; worker < self->work->n_workers; worker++)
    if (seats[worker].thread != NULL)
      g_thread_join (seats[worker].thread);
  g_cancellable_disconnect (cancellable, connection);
}

gboolean
pd_work_run (const PdWork *self, PdWorkShare *shares, GCancellable *cancellable, GError **error)
{
  g_autoptr (GCancellable) stop = g_cancellable_new ();
  const char *what = _ ("the list of the device's work");
  g_autofree gboolean *ready = pd_try_new0 (gboolean, self->window, what, error);
  g_autoptr (GArray) back = g_array_new (FALSE, FALSE, sizeof (gsize));
  Run run = { .work = self, .shares = shares, .stop = stop, .ready = ready, .back = back };
  Seat seats[PD_WORKERS_MAX];
  gboolean ok = ready != NULL;

  g_assert (self->n_workers >= 1 && self->n_workers <= PD_WORKERS_MAX);
  for (guint worker = 0; worker < self->n_workers; worker++)
    {
      seats[worker] = (Seat){ .run = &run, .worker = worker };
      run.present += !shares[worker].gone;
      g_assert (self->batches[worker] >= 1 && self->batches[worker] <= self->window);
      if (ok)
        seats[worker].items = pd_try_new (gsize, self->batches[worker], what, error);
      ok = ok && seats[worker].items != NULL;
    }
  if (ok)
    {
      g_mutex_init (&run.lock);
      g_cond_init (&run.changed);
      run_all (&run, seats, cancellable);
      g_mutex_clear (&run.lock);
      g_cond_clear (&run.changed);
    }
  for (guint worker = 0; worker < self->n_workers; worker++)
    g_free (seats[worker].items);
  if (run.failure == NULL)
    return ok;
  g_propagate_error (error, run.failure);
  return FALSE;
}
