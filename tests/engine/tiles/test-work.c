// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/work.h"

#include "engine/base/error.h"

/* Work that workers share: every item once, finished in order, within the window. */

enum
{
  ITEMS = 200,
  WINDOW = 7,
  FAILS_AT = 50,
};

typedef struct
{
  GMutex lock; /* of what threads change */
  guint done[ITEMS], finished, told;
  guint n_workers;
  gboolean fails, waits;
  guint lost; /* so many of the first workers are lost at FAILS_AT items done */
  GThread *caller;
} Tally;

static const guint batches[PD_WORKERS_MAX] = { 1, 3, 2, 1, 4 };

static gboolean
work (guint worker,
      const gsize *items,
      guint count,
      GCancellable *cancellable,
      gpointer user_data,
      GError **error)
{
  Tally *self = user_data;
  gboolean waits;

  g_assert_cmpuint (count, >=, 1);
  g_assert_cmpuint (count, <=, batches[worker]);
  g_assert_true ((worker == 0) == (g_thread_self () == self->caller));
  g_mutex_lock (&self->lock);
  waits = self->waits;
  if (worker < self->lost && self->finished >= FAILS_AT)
    {
      g_mutex_unlock (&self->lock);
      g_set_error_literal (error, PD_ERROR, PD_ERROR_DEVICE_LOST, "lost");
      return FALSE;
    }
  g_mutex_unlock (&self->lock);
  if (waits)
    while (!g_cancellable_is_cancelled (cancellable))
      g_usleep (1000);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (worker == 1)
    g_usleep (500); /* a slower one */
  g_mutex_lock (&self->lock);
  for (guint i = 0; i < count; i++)
    {
      g_assert_cmpuint (items[i], <, self->finished + WINDOW);
      self->done[items[i]]++;
    }
  g_mutex_unlock (&self->lock);
  if (!self->fails || items[count - 1] < FAILS_AT)
    return TRUE;
  g_mutex_lock (&self->lock);
  self->waits = TRUE; /* the others are still at it, and are stopped */
  g_mutex_unlock (&self->lock);
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL, "item %u", (guint) items[0]);
  return FALSE;
}

static void
finish (gsize item, gpointer user_data)
{
  Tally *self = user_data;

  g_assert_true (g_thread_self () == self->caller);
  g_mutex_lock (&self->lock);
  g_assert_cmpuint (item, ==, self->finished);
  g_assert_cmpuint (self->done[item], ==, 1);
  self->finished++;
  g_mutex_unlock (&self->lock);
}

static void
progress (gsize done, gpointer user_data)
{
  Tally *self = user_data;

  g_assert_true (g_thread_self () == self->caller);
  g_assert_cmpuint (done, >, self->told);
  self->told = (guint) done;
}

static gboolean
run (Tally *self, GCancellable *cancellable, PdWorkShare *shares, GError **error)
{
  const PdWork all = { .n_workers = self->n_workers,
                       .batches = batches,
                       .n_items = ITEMS,
                       .window = WINDOW,
                       .work = work,
                       .finish = finish,
                       .progress = progress,
                       .user_data = self };

  self->caller = g_thread_self ();
  return pd_work_run (&all, shares, cancellable, error);
}

static void
test_all (void)
{
  for (guint n = 1; n <= 5; n++)
    {
      Tally self = { .n_workers = n };
      PdWorkShare shares[PD_WORKERS_MAX] = { { 0 } };
      g_autoptr (GError) error = NULL;
      const gboolean ok = run (&self, NULL, shares, &error);
      guint64 sum = 0;

      g_assert_true (ok);
      g_assert_no_error (error);
      g_assert_cmpuint (self.finished, ==, ITEMS);
      g_assert_cmpuint (self.told, ==, ITEMS);
      for (guint i = 0; i < n; i++)
        sum += shares[i].items;
      g_assert_cmpuint (sum, ==, ITEMS);
    }
}

static void
test_nothing (void)
{
  const PdWork nothing = { .n_workers = 2, .batches = batches, .window = WINDOW, .work = work };
  PdWorkShare shares[2] = { { 0 } };

  g_assert_true (pd_work_run (&nothing, shares, NULL, NULL));
}

/* The first error is the one that is told, not what became of the others. */
static void
test_failure (void)
{
  for (guint n = 1; n <= 5; n++)
    {
      Tally self = { .n_workers = n, .fails = TRUE };
      PdWorkShare shares[PD_WORKERS_MAX] = { { 0 } };
      g_autoptr (GError) error = NULL;

      g_assert_false (run (&self, NULL, shares, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
      g_assert_cmpuint (self.finished, <, ITEMS);
    }
}

/* What lost workers had goes to the others, the caller still finishes, and none is asked again; if
 * all are lost, that is the error. */
static void
test_lost (void)
{
  for (guint n = 1; n <= 4; n++)
    for (guint lost = 1; lost <= n; lost++)
      {
        Tally self = { .n_workers = n, .lost = lost };
        PdWorkShare shares[PD_WORKERS_MAX] = { { 0 } };
        g_autoptr (GError) error = NULL;
        const gboolean ok = run (&self, NULL, shares, &error);

        g_assert_true (ok == (lost < n));
        if (lost == n)
          {
            g_assert_error (error, PD_ERROR, PD_ERROR_DEVICE_LOST);
            continue;
          }
        g_assert_no_error (error);
        g_assert_cmpuint (self.finished, ==, ITEMS);
        for (guint i = lost; i < n; i++)
          g_assert_false (shares[i].gone);
      }
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (20000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancel (void)
{
  for (guint n = 1; n <= 5; n++)
    {
      Tally self = { .n_workers = n, .waits = TRUE };
      PdWorkShare shares[PD_WORKERS_MAX] = { { 0 } };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      GThread *thread = g_thread_new ("cancel", cancel_soon, cancellable);

      g_assert_false (run (&self, cancellable, shares, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/workers/all", test_all);
  g_test_add_func ("/workers/nothing", test_nothing);
  g_test_add_func ("/workers/failure", test_failure);
  g_test_add_func ("/workers/lost", test_lost);
  g_test_add_func ("/workers/cancel", test_cancel);
  return g_test_run ();
}
