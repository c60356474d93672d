// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/coder.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/gpu/account.h"

enum
{
  COLORS = 3,
  LEAST_TILE = 24, /* of a window, unless its halo asks for more */
  BLOCK = 3, /* side of the blocks of the canvas that make its sample, latent pixels: measured with
                tests/bench/norms.py */
  SAMPLE = 64, /* side of the sample, latent pixels */
};

static void
coder_clear (PdCoder *self)
{
  g_clear_pointer (&self->pass, pd_autoencoder_pass_free);
  g_clear_pointer (&self->statistics, pd_sample_statistics_free);
  pd_windows_clear (&self->windows);
  g_free (self->listed);
  g_free (self->latents);
  g_free (self->log_variance);
  g_free (self->pixels);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdCoder, coder_clear)

/* Latent pixels that a window needs around its core. */
static guint
halo_of (const PdAutoencoder *autoencoder, gboolean decode)
{
  return decode ? autoencoder->info.halo_decode : autoencoder->info.halo_encode;
}

/* Makes room for @n windows. */
static gboolean
resize (PdCoder *self, guint n, GError **error)
{
  const char *what = _ ("the autoencoder's windows");

  g_clear_pointer (&self->latents, g_free);
  g_clear_pointer (&self->log_variance, g_free);
  g_clear_pointer (&self->pixels, g_free);
  self->n_latents = n * self->latent_elements;
  self->n_pixels = n * self->pixel_elements;
  return (self->latents = pd_try_new (float, self->n_latents, what, error)) != NULL &&
         (self->log_variance = pd_try_new (float, self->n_latents, what, error)) != NULL &&
         (self->pixels = pd_try_new (float, self->n_pixels, what, error)) != NULL;
}

/* Weights beyond the range of f16 are why other numbers of the same model may help. */
static void
set_not_finite (const PdAutoencoder *autoencoder, GError **error)
{
  if (autoencoder->info.needs_statistics && autoencoder->backend->weights == PD_FORMAT_F16)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                 _ ("The autoencoder gave a value that is not a number: the model may be damaged, "
                    "or need the precision f32"));
  else
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                 _ ("The autoencoder gave a value that is not a number: the model is damaged"));
}

static gboolean
run_batch (PdCoder *self, guint count, GCancellable *cancellable, GError **error)
{
  const float *result = self->decode ? self->pixels : self->latents;
  gsize elements = count * (self->decode ? self->pixel_elements : self->latent_elements);
  const PdMoments moments = { self->latents, self->log_variance, self->n_latents };
  gboolean ok;

  if (self->decode)
    ok = pd_autoencoder_decode (self->pass, self->latents, self->n_latents, self->pixels,
                                self->n_pixels, cancellable, error);
  else
    ok = pd_autoencoder_encode (self->pass, self->pixels, self->n_pixels, &moments, cancellable,
                                error);
  if (!ok)
    return FALSE;
  for (gsize i = 0; i < elements; i++)
    if (!isfinite (result[i]))
      {
        set_not_finite (self->options.autoencoder, error);
        return FALSE;
      }
  return TRUE;
}

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

static gboolean
make_pass (PdCoder *self, guint n, PdSampleMode mode, GError **error)
{
  const PdAutoencoderPassOptions options = {
    .decode = self->decode, .n = n, .h = self->h, .w = self->w, .hooks = self->hooks
  };

  if (!resize (self, n, error))
    return FALSE;
  if (self->statistics != NULL)
    self->hooks[0] = pd_sample_statistics_hook (self->statistics, mode);
  self->pass = pd_autoencoder_pass_new (self->options.autoencoder, &options, error);
  return self->pass != NULL;
}

/* Of a window, or of the sample. */
static void
set_size (PdCoder *self, guint h, guint w)
{
  self->h = h;
  self->w = w;
  self->latent_elements = (gsize) self->channels * h * w;
  self->pixel_elements = (gsize) COLORS * h * w * self->scale * self->scale;
}

static void
set_window_size (PdCoder *self)
{
  set_size (self, self->windows.grid.y.tile, self->windows.grid.x.tile);
}

/* On a torus its border, which sees zeros, does not count and is no part of the canvas. */
static guint
sample_side (const PdCoder *self, const PdGridAxis *axis)
{
  return MIN (MIN (SAMPLE, self->options.tile), axis->canvas + (axis->wrap ? axis->overlap : 0));
}

/* The passes are made before anything is read or written, so that a smaller window can be tried
 * when the device's memory does not hold them. */
static gboolean
make_gathering_pass (PdCoder *self, GError **error)
{
  PdAutoencoder *autoencoder = self->options.autoencoder;
  const PdGridAxis *y = &self->windows.grid.y, *x = &self->windows.grid.x;
  const PdSampleAxis axes[] = { { sample_side (self, y), y->canvas, y->wrap },
                                { sample_side (self, x), x->canvas, x->wrap } };
  g_autoptr (GArray) survey =
      pd_autoencoder_survey (autoencoder, self->decode, axes[0].sample, axes[1].sample);

  set_size (self, axes[0].sample, axes[1].sample);
  self->statistics = pd_sample_statistics_new (autoencoder->backend, survey, axes, error);
  return self->statistics != NULL && make_pass (self, 1, PD_SAMPLE_GATHER, error);
}

static double
pass_work (const PdCoder *self)
{
  PdGraphStats stats;

  pd_graph_stats (pd_autoencoder_pass_graph (self->pass), &stats);
  return stats.work;
}

/* Those that have something to do. */
static gboolean
list_windows (PdCoder *self, GError **error)
{
  const guint n = pd_windows_count (&self->windows);

  self->n_listed = 0;
  self->listed = pd_try_new (guint, n, _ ("the autoencoder's windows"), error);
  for (guint window = 0; self->listed != NULL && window < n; window++)
    {
      PdCore y, x;

      pd_windows_core (&self->windows, window, &y, &x);
      if (pd_changes_touch (self->options.changes,
                            &(PdRect){ y.start + y.first, x.start + x.first, y.length, x.length }))
        self->listed[self->n_listed++] = window;
    }
  return self->listed != NULL;
}

static gboolean
coder_init (PdCoder *self, const PdCoderOptions *options, gboolean decode, GError **error)
{
  *self = (PdCoder){ .options = *options,
                     .decode = decode,
                     .channels = options->autoencoder->info.channels,
                     .scale = options->autoencoder->info.scale };
  if (!pd_windows_init (&self->windows, (PdSize){ options->height, options->width }, options->tile,
                        halo_of (options->autoencoder, decode), options->wrap, error))
    return FALSE;
  set_window_size (self);
  if (!list_windows (self, error))
    return FALSE;
  self->options.batch = CLAMP (options->batch, 1, MAX (self->n_listed, 1));
  return TRUE;
}

/* Statistics of the canvas are needed: it is not one window of its own. */
static gboolean
needs_statistics (const PdCoder *self)
{
  const PdGrid *grid = &self->windows.grid;

  return self->options.autoencoder->info.needs_statistics &&
         (pd_windows_count (&self->windows) > 1 || grid->y.wrap || grid->x.wrap);
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

static gboolean
gather_statistics (Run *self, PdCoder *coder, GCancellable *cancellable, GError **error)
{
  gboolean filled;

  if (!make_gathering_pass (coder, error))
    return FALSE;
  g_mutex_lock (&self->lock);
  filled = fill_sample (coder, self->fill, self->user_data, error);
  g_mutex_unlock (&self->lock);
  if (!filled || !run_batch (coder, 1, cancellable, error))
    return FALSE;
  g_clear_pointer (&coder->pass, pd_autoencoder_pass_free);
  set_window_size (coder);
  return TRUE;
}

/* Ready to run windows, with the statistics: every device finds them for itself at the same time.
 */
static gboolean
prepare (Run *self, PdCoder *coder, GCancellable *cancellable, GError **error)
{
  return (!needs_statistics (coder) || gather_statistics (self, coder, cancellable, error)) &&
         make_pass (coder, coder->options.batch, PD_SAMPLE_USE, error);
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
  if (!coder_init (&self, options, decode, error))
    return FALSE;
  n_batches = (self.n_listed + self.options.batch - 1) / self.options.batch;
  pd_account_begin_rehearsal (device);
  ok = TRUE;
  if (needs_statistics (&self))
    {
      ok = make_gathering_pass (&self, error);
      if (ok)
        *work += pass_work (&self);
      g_clear_pointer (&self.pass, pd_autoencoder_pass_free);
      set_window_size (&self);
    }
  ok = ok && make_pass (&self, self.options.batch, PD_SAMPLE_USE, error);
  if (ok)
    *work += n_batches * pass_work (&self);
  coder_clear (&self);
  self = (PdCoder){ 0 };
  *bytes = pd_account_end_rehearsal (device);
  return ok;
}

gboolean
pd_coder_shrink (PdCoderOptions *options, gboolean decode)
{
  guint least = MAX (LEAST_TILE, 5 * halo_of (options->autoencoder, decode) / 2);
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

  return (coder->pass != NULL || prepare (self, coder, cancellable, error)) &&
         fill_windows (self, coder, items, count, error) &&
         run_batch (coder, count, cancellable, error) &&
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

  if (!coder_init (&self->coders[0], options, decode, error))
    return FALSE;
  n = self->coders[0].n_listed;
  work.n_workers = CLAMP (1 + options->helpers.n, 1, MAX (n, 1));
  for (guint i = 1; i < work.n_workers; i++)
    {
      other.autoencoder = options->helpers.list[i - 1];
      if (!coder_init (&self->coders[i], &other, decode, error))
        return FALSE;
    }
  for (guint i = 0; i < work.n_workers; i++)
    {
      batches[i] = self->coders[i].options.batch;
      work.window += batches[i];
    }
  work.n_items = n;
  work.window = MAX (work.window, n);
  return pd_work_run (&work, shares, pd_monitor_cancellable (self->monitor), error);
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
        coder_clear (&self.coders[i]);
      g_mutex_clear (&self.lock);
    }
  while (!ok && g_error_matches (failure, PD_ERROR, PD_ERROR_OUT_OF_MEMORY) &&
         pd_coder_shrink (&tried, decode));
  if (!ok)
    g_propagate_error (error, g_steal_pointer (&failure));
  return ok;
}
