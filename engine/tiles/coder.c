// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/coder-private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/gpu/account.h"

enum
{
  LEAST_TILE = 24, /* of a window, unless its halo asks for more */
  BLOCK = 3, /* side of the blocks of the canvas that make its sample, latent pixels: measured with
                tests/bench/norms.py */
};

/* Where block @i of the @count along an axis of a sample of @side pixels, itself of @size, is taken
 * from: the first and the last one from the canvas's edges. */
static guint
block_start (const PdGridAxis *axis, guint side, guint i, guint count, guint size)
{
  if (side == axis->canvas)
    return i * BLOCK;
  return count > 1 ? (guint) ((guint64) i * (axis->canvas - size) / (count - 1)) : 0;
}

/* The blocks of which a sample is made, row by row, each taken from its place of the canvas; of
 * blocks that are not known, those that are take the place, each about as often. Returns:
 * (element-type PdCoderPart) new array. */
static GArray *
list_blocks (const PdCoder *self)
{
  const PdGridAxis *axis_y = &self->windows.grid.y, *axis_x = &self->windows.grid.x;
  guint side_y = MIN (BLOCK, axis_y->canvas), side_x = MIN (BLOCK, axis_x->canvas);
  guint count_y = (self->h + side_y - 1) / side_y, count_x = (self->w + side_x - 1) / side_x;
  GArray *blocks = g_array_new (FALSE, FALSE, sizeof (PdCoderPart));
  g_autoptr (GArray) known = g_array_new (FALSE, FALSE, sizeof (PdCoderPart));

  for (guint i = 0; i < count_y; i++)
    for (guint j = 0; j < count_x; j++)
      {
        PdCoderPart part = { .h = MIN (side_y, self->h - i * side_y),
                             .w = MIN (side_x, self->w - j * side_x),
                             .to_y = i * side_y,
                             .to_x = j * side_x };

        part.y = block_start (axis_y, self->h, i, count_y, part.h);
        part.x = block_start (axis_x, self->w, j, count_x, part.w);
        g_array_append_val (blocks, part);
        if (pd_changes_touch (self->options.known, &(PdRect){ part.y, part.x, part.h, part.w }))
          g_array_append_val (known, part);
      }
  for (guint i = 0; known->len < blocks->len && i < blocks->len; i++)
    {
      const guint from = (guint) ((guint64) i * known->len / blocks->len);
      PdCoderPart *part = &g_array_index (blocks, PdCoderPart, i);

      if (known->len == 0)
        break;
      part->y = MIN (g_array_index (known, PdCoderPart, from).y, axis_y->canvas - part->h);
      part->x = MIN (g_array_index (known, PdCoderPart, from).x, axis_x->canvas - part->w);
    }
  return blocks;
}

static gboolean
fill_sample (PdCoder *self, PdCoderFillFunc fill, gpointer user_data, GError **error)
{
  g_autoptr (GArray) blocks = list_blocks (self);

  for (guint i = 0; i < blocks->len; i++)
    if (!fill (self, 0, &g_array_index (blocks, PdCoderPart, i), user_data, error))
      return FALSE;
  return TRUE;
}

static double
pass_work (const PdCoder *self)
{
  PdGraphStats stats;

  pd_graph_stats (pd_autoencoder_pass_graph (self->pass), &stats);
  return stats.work;
}

/* One call of pd_coder_run. */
typedef struct
{
  PdCoder coders[PD_WORKERS_MAX]; /* each is its worker's own */
  GMutex lock;                    /* of the functions that fill and take, and what they use */
  PdCoderFillFunc fill;
  PdCoderTakeFunc take;
  gpointer user_data;
  const PdMonitor *monitor;
} Run;

/* Ready to run windows, with the statistics: every device finds them for itself at the same time.
 */
static gboolean
prepare (Run *self, PdCoder *coder, GCancellable *cancellable, GError **error)
{
  if (pd_coder_needs_sample (coder))
    {
      gboolean filled;

      if (!pd_coder_begin_sample (coder, error))
        return FALSE;
      g_mutex_lock (&self->lock);
      filled = fill_sample (coder, self->fill, self->user_data, error);
      g_mutex_unlock (&self->lock);
      if (!filled)
        return FALSE;
    }
  return pd_coder_get_ready (coder, cancellable, error);
}

gboolean
pd_coder_plan (PdDevice *device,
               const PdCoderOptions *options,
               gboolean decode,
               guint64 *bytes,
               double *work,
               GError **error)
{
  g_auto (PdCoder) self = { 0 };
  guint n_batches;
  gboolean ok;

  *work = 0;
  if (!pd_coder_init (&self, options, NULL, decode, error))
    return FALSE;
  n_batches = (self.n_listed + self.options.batch - 1) / self.options.batch;
  pd_account_begin_rehearsal (device);
  ok = TRUE;
  if (pd_coder_needs_sample (&self))
    {
      ok = pd_coder_begin_sample (&self, error);
      if (ok)
        *work += pass_work (&self);
      g_clear_pointer (&self.pass, pd_autoencoder_pass_free);
      pd_coder_end_sample (&self);
    }
  ok = ok && pd_coder_make_pass (&self, error);
  if (ok)
    *work += n_batches * pass_work (&self);
  pd_coder_clear (&self);
  *bytes = pd_account_end_rehearsal (device);
  return ok;
}

gboolean
pd_coder_shrink (PdCoderOptions *options, gboolean decode)
{
  guint least = MAX (LEAST_TILE, 5 * pd_coder_halo (options->autoencoder, decode) / 2);
  guint tile = MIN (options->tile, MAX (options->height, options->width));

  if (tile <= least)
    return FALSE;
  options->tile = MAX (tile * 3 / 4, least);
  return TRUE;
}

static gboolean
fill_windows (Run *self, PdCoder *coder, const gsize *items, guint count, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  for (guint image = 0; image < count; image++)
    {
      PdCoderPart part = { .h = coder->h, .w = coder->w };
      PdCore y, x;

      pd_windows_core (&coder->windows, coder->listed[items[image]], &y, &x);
      part.y = y.start;
      part.x = x.start;
      if (!self->fill (coder, image, &part, self->user_data, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
take_windows (Run *self, PdCoder *coder, const gsize *items, guint count, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  for (guint image = 0; image < count; image++)
    if (!self->take (coder, image, coder->listed[items[image]], self->user_data, error))
      return FALSE;
  return TRUE;
}

/* A function of PdWork. A short batch's surplus images repeat earlier ones and are left out. */
static gboolean
run_windows (guint worker,
             const gsize *items,
             guint count,
             GCancellable *cancellable,
             gpointer user_data,
             GError **error)
{
  Run *self = user_data;
  PdCoder *coder = &self->coders[worker];

  return (coder->ready || prepare (self, coder, cancellable, error)) &&
         fill_windows (self, coder, items, count, error) &&
         pd_coder_run_batch (coder, count, cancellable, error) &&
         take_windows (self, coder, items, count, error);
}

/* A function of PdWork. */
static void
report (gsize done, gpointer user_data)
{
  const Run *self = user_data;

  pd_monitor_tell (self->monitor, (guint) done, self->coders[0].n_listed);
}

/* All windows of @options, whatever their size. */
static gboolean
run_all (Run *self, const PdCoderOptions *options, gboolean decode, GError **error)
{
  PdWorkShare shares[PD_WORKERS_MAX] = { 0 };
  guint batches[PD_WORKERS_MAX], n;
  PdCoderOptions other = *options;
  PdWork work = { .batches = batches, .work = run_windows, .progress = report, .user_data = self };
  gboolean ok;

  if (!pd_coder_init (&self->coders[0], options, NULL, decode, error))
    return FALSE;
  n = self->coders[0].n_listed;
  work.n_workers = 1 + options->helpers.n;
  for (guint i = 1; i < work.n_workers; i++)
    {
      const PdCoderHelper *helper = &options->helpers.list[i - 1];

      other.autoencoder = helper->autoencoder != NULL ? helper->autoencoder : options->autoencoder;
      if (!pd_coder_init (&self->coders[i], &other, helper->link, decode, error))
        return FALSE;
    }
  for (guint i = 0; i < work.n_workers; i++)
    {
      batches[i] = self->coders[i].options.batch;
      work.window += batches[i];
    }
  work.n_items = n;
  work.window = MAX (work.window, n);
  ok = pd_work_run (&work, shares, pd_monitor_cancellable (self->monitor), error);
  for (guint i = 0; options->left != NULL && i < work.n_workers; i++)
    options->left[i] = shares[i].gone;
  return ok;
}

gboolean
pd_coder_run (const PdCoderOptions *options,
              gboolean decode,
              PdCoderFillFunc fill,
              PdCoderTakeFunc take,
              gpointer user_data,
              const PdMonitor *monitor,
              GError **error)
{
  PdCoderOptions tried = *options;
  g_autoptr (GError) failure = NULL;
  gboolean ok;

  do
    {
      Run self = { .fill = fill, .take = take, .user_data = user_data, .monitor = monitor };

      g_clear_error (&failure);
      g_mutex_init (&self.lock);
      ok = run_all (&self, &tried, decode, &failure);
      for (guint i = 0; i < PD_WORKERS_MAX; i++)
        pd_coder_clear (&self.coders[i]);
      g_mutex_clear (&self.lock);
    }
  while (!ok && g_error_matches (failure, PD_ERROR, PD_ERROR_OUT_OF_MEMORY) &&
         pd_coder_shrink (&tried, decode));
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&failure));
  return ok;
}
