// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

/* Numbered items of work, shared out among workers: the first is the thread that calls, every other
 * one has a thread as long as the call lasts. Whoever is free takes the next items, so a faster one
 * takes more. Results are finished in the order of the items by the thread that calls, whatever
 * the order in which they are done. */

enum
{
  PD_WORKERS_MAX = 128,
};

/* What a worker did, over all calls that were given it. */
typedef struct
{
  guint64 items;
  gint64 busy;   /* µs */
  gboolean gone; /* it left, and is not asked again */
} PdWorkShare;

typedef struct
{
  guint n_workers;      /* at most PD_WORKERS_MAX */
  const guint *batches; /* [n_workers]: items that each takes at once, > 0 */
  gsize n_items;
  /* No item is begun as long as so many before it are not finished, which bounds what is kept of
   * results; not less than any batch. */
  gsize window;

  /* Does @count items, which are ascending, on the thread of @worker. The window's items are done
   * at the same time, so item i may have place i % window for itself until it is finished. */
  gboolean (*work) (guint worker,
                    const gsize *items,
                    guint count,
                    GCancellable *cancellable,
                    gpointer user_data,
                    GError **error);
  /* Called for every item in order, on the thread that called; may be NULL. */
  void (*finish) (gsize item, gpointer user_data);
  /* Likewise, after items of which @done are done; may be NULL. */
  void (*progress) (gsize done, gpointer user_data);
  gpointer user_data; /* of all */
} PdWork;

/* A device that is lost or out of memory: others may be able to do what it could not. */
gboolean pd_work_may_leave (const GError *error);

/* Does all of it. A worker that may leave does so, unless it is the last one, and its items go back
 * to the others; with any other error no worker is at work any more when it returns. The first
 * error that happens is the one that is told, and ends the others' work, to which it is a
 * cancellation.
 * @shares: [n_workers], is added to. */
gboolean
pd_work_run (const PdWork *self, PdWorkShare *shares, GCancellable *cancellable, GError **error);
