// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/predictor.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/gpu/account.h"

enum
{
  MAX_HOOKS = 2, /* one reads keys, one shares norms */
};

/* The denoiser for so many tiles, with what takes part in it. Images are branch by branch: every
 * tile's branch 0, then every tile's branch 1. */
typedef struct
{
  guint tiles;
  PdJointAttention joint;
  PdBankReader *reader;   /* may be NULL */
  PdNormExchange *norms;  /* may be NULL */
  PdNormShift *shifts;    /* of all images; NULL without norms */
  PdNormMoments *moments; /* likewise */
  PdHook *hooks[MAX_HOOKS + 1];
  PdDenoiserPass *pass;

  /* What goes in and comes out; kept, so that what a short batch leaves over repeats earlier
   * images. */
  float *input, *output; /* [branches][tiles][channels][h][w] */
  const PdCondition **conditions;
  PdView *views;
} Recording;

struct _PdPredictor
{
  PdPredictorOptions options;
  gsize n;         /* numbers of a tile's latent */
  guint count;     /* moments of an image */
  Recording batch; /* as the backend stores activations */
  Recording f32;   /* one tile, for what the other cannot hold; made when needed */
  guint forwards;
};

static void
recording_clear (Recording *self)
{
  pd_denoiser_pass_free (self->pass);
  pd_bank_reader_free (self->reader);
  pd_norm_exchange_free (self->norms);
  g_free (self->shifts);
  g_free (self->moments);
  g_free (self->input);
  g_free (self->output);
  g_free (self->conditions);
  g_free (self->views);
  *self = (Recording){ 0 };
}

static gsize
n_images (const PdPredictor *self, const Recording *recording)
{
  return (gsize) recording->tiles * self->options.branches;
}

static gboolean
allocate (PdPredictor *self, Recording *recording, GError **error)
{
  const char *what = _ ("the tiles");
  const gsize images = n_images (self, recording);

  recording->input = pd_try_new0 (float, images * self->n, what, error);
  return recording->input != NULL &&
         (recording->output = pd_try_new (float, images * self->n, what, error)) != NULL &&
         (recording->conditions = pd_try_new (const PdCondition *, images, what, error)) != NULL &&
         (recording->views = pd_try_new0 (PdView, images, what, error)) != NULL;
}

/* The hook that shares norms, with what it gives and gets. */
static gboolean
share_norms (PdPredictor *self, Recording *recording, GError **error)
{
  const PdPredictorOptions *options = &self->options;
  const gsize images = n_images (self, recording);
  const char *what = _ ("what is known of the tiles' brightness");

  self->count = pd_norm_exchange_count (options->survey);
  recording->norms =
      pd_norm_exchange_new (options->denoiser->backend, options->survey, (guint) images, error);
  return recording->norms != NULL &&
         (recording->shifts = pd_try_new (PdNormShift, images * self->count, what, error)) !=
             NULL &&
         (recording->moments = pd_try_new (PdNormMoments, images * self->count, what, error)) !=
             NULL;
}

static gboolean
record (PdPredictor *self, Recording *recording, guint tiles, gboolean f32, GError **error)
{
  const PdPredictorOptions *options = &self->options;
  PdHook **hook = recording->hooks;
  PdDenoiserPassOptions pass = { .n = tiles * options->branches,
                                 .h = options->h,
                                 .w = options->w,
                                 .like = options->like,
                                 .hooks = recording->hooks,
                                 .f32 = f32 };

  recording->tiles = tiles;
  if (options->sync == PD_SYNC_EXACT)
    {
      recording->joint = pd_joint_attention (options->branches);
      *hook++ = &recording->joint.hook;
    }
  else if (options->bank != NULL)
    {
      recording->reader = pd_bank_reader_new (options->bank);
      *hook++ = pd_bank_reader_hook (recording->reader);
    }
  if (options->statistics != NULL)
    {
      if (!share_norms (self, recording, error))
        return FALSE;
      *hook++ = pd_norm_exchange_hook (recording->norms);
    }
  *hook = NULL;
  recording->pass = pd_denoiser_pass_new (options->denoiser, &pass, error);
  return recording->pass != NULL;
}

/* All tiles at once take as many times the memory of one as there are; told before a graph of them
 * is built, which for many takes long. */
static gboolean
check_exact (PdPredictor *self, GError **error)
{
  PdDevice *device = self->options.denoiser->backend->device;
  guint64 used = pd_account_used (device), limit = pd_account_limit (device), bytes;
  gboolean rehearsing = pd_account_is_rehearsing (device), ok;
  guint n_tiles = self->options.batch;
  g_autofree char *needed = NULL, *available = NULL;
  Recording one = { 0 };

  if (!rehearsing)
    pd_account_begin_rehearsal (device);
  ok = record (self, &one, 1, FALSE, error);
  bytes = pd_account_used (device) - used;
  recording_clear (&one);
  if (!rehearsing)
    pd_account_end_rehearsal (device);
  if (!ok)
    return FALSE;
  if (used + n_tiles * bytes <= limit)
    return TRUE;
  needed = g_format_size_full (n_tiles * bytes, G_FORMAT_SIZE_IEC_UNITS);
  available = g_format_size_full (limit - MIN (used, limit), G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (
      error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
      _ ("--sync exact denoises all %u tiles at once, which needs %s of device memory, but "
         "%s are free; use --sync attention, choose a smaller picture, or raise --memory"),
      n_tiles, needed, available);
  return FALSE;
}

PdPredictor *
pd_predictor_new (const PdPredictorOptions *options, GError **error)
{
  g_autoptr (PdPredictor) self = g_new0 (PdPredictor, 1);

  self->options = *options;
  self->n = (gsize) options->denoiser->info.channels * options->h * options->w;
  if (options->sync == PD_SYNC_EXACT && !check_exact (self, error))
    return NULL;
  self->batch.tiles = options->batch;
  return allocate (self, &self->batch, error) &&
                 record (self, &self->batch, options->batch, FALSE, error)
             ? g_steal_pointer (&self)
             : NULL;
}

void
pd_predictor_free (PdPredictor *self)
{
  if (self == NULL)
    return;
  recording_clear (&self->batch);
  recording_clear (&self->f32);
  g_free (self);
}

float *
pd_predictor_input (PdPredictor *self, guint image)
{
  return self->batch.input + image * self->n;
}

float *
pd_predictor_output (PdPredictor *self, guint image, guint branch)
{
  return self->batch.output + (branch * self->batch.tiles + image) * self->n;
}

guint
pd_predictor_forwards (const PdPredictor *self)
{
  return self->forwards;
}

PdGraph *
pd_predictor_graph (PdPredictor *self)
{
  return pd_denoiser_pass_graph (self->batch.pass);
}

/* Image @image of the recording becomes image @from of the batch, in all branches but its latent
 * of the first. */
static void
set_image (PdPredictor *self, Recording *recording, guint image, const PdBatch *batch, guint from)
{
  guint branches = self->options.branches;

  for (guint branch = 0; branch < branches; branch++)
    {
      gsize at = (gsize) branch * recording->tiles + image;

      recording->conditions[at] =
          branch + 1 < branches ? batch->unconditional : batch->conditions[from];
      recording->views[at] = batch->items[from].view;
      if (branch > 0)
        memcpy (recording->input + at * self->n, recording->input + image * self->n,
                self->n * sizeof *recording->input);
      if (recording->norms != NULL)
        memcpy (recording->shifts + at * self->count,
                pd_statistics_shifts (self->options.statistics, batch->parts[from]) +
                    branch * self->count,
                self->count * sizeof *recording->shifts);
    }
}

/* Keeps the statistics that image @image of the recording has by itself, as those of image @from of
 * the batch. */
static void
keep_moments (
    PdPredictor *self, const Recording *recording, guint image, const PdBatch *batch, guint from)
{
  PdNormMoments *own = pd_statistics_own (self->options.statistics, batch->parts[from]);

  for (guint branch = 0; branch < self->options.branches; branch++)
    memcpy (own + branch * self->count,
            recording->moments + ((gsize) branch * recording->tiles + image) * self->count,
            self->count * sizeof *own);
}

static gboolean
run (PdPredictor *self,
     Recording *recording,
     const PdStep *step,
     GCancellable *cancellable,
     GError **error)
{
  const gsize n = n_images (self, recording) * self->n;
  const PdDenoiserRun run = { .latents = recording->input,
                              .n_latents = n,
                              .timestep = step->timestep,
                              .conditions = recording->conditions,
                              .views = recording->views,
                              .map = self->options.map,
                              .prediction = recording->output,
                              .n_prediction = n };

  if (recording->reader != NULL)
    pd_bank_reader_set_strength (recording->reader, step->reads_bank ? step->bank_strength : 0);
  return (recording->norms == NULL ||
          pd_norm_exchange_write (recording->norms, recording->shifts, error)) &&
         pd_denoiser_pass_run (recording->pass, &run, cancellable, error) &&
         (recording->norms == NULL ||
          pd_norm_exchange_read (recording->norms, recording->moments, error));
}

/* Whether image @image of the batch is numbers in every branch. */
static gboolean
is_finite (PdPredictor *self, guint image)
{
  for (guint branch = 0; branch < self->options.branches; branch++)
    {
      const float *values = pd_predictor_output (self, image, branch);

      for (gsize e = 0; e < self->n; e++)
        if (!isfinite (values[e]))
          return FALSE;
    }
  return TRUE;
}

/* Predicts image @image of the batch once more, in f32: what f16 cannot hold is why a network gives
 * infinities. Not for tiles that read each other's keys, which are one batch. */
static gboolean
run_f32 (PdPredictor *self,
         const PdStep *step,
         const PdBatch *batch,
         guint image,
         GCancellable *cancellable,
         GError **error)
{
  Recording *one = &self->f32;

  if (one->pass == NULL)
    {
      one->tiles = 1;
      if (!allocate (self, one, error) || !record (self, one, 1, TRUE, error))
        return FALSE;
    }
  memcpy (one->input, pd_predictor_input (self, image), self->n * sizeof *one->input);
  set_image (self, one, 0, batch, image);
  if (!run (self, one, step, cancellable, error))
    return FALSE;
  if (one->norms != NULL)
    keep_moments (self, one, 0, batch, image);
  for (guint branch = 0; branch < self->options.branches; branch++)
    memcpy (pd_predictor_output (self, image, branch), one->output + branch * self->n,
            self->n * sizeof *one->output);
  self->forwards += self->options.branches;
  return TRUE;
}

gboolean
pd_predictor_run (PdPredictor *self,
                  const PdStep *step,
                  const PdBatch *batch,
                  GCancellable *cancellable,
                  GError **error)
{
  const PdPredictorOptions *options = &self->options;
  gboolean again =
      options->denoiser->backend->activations != PD_TYPE_F32 && options->sync != PD_SYNC_EXACT;

  for (guint image = 0; image < batch->count; image++)
    set_image (self, &self->batch, image, batch, image);
  if (!run (self, &self->batch, step, cancellable, error))
    return FALSE;
  self->forwards += batch->count * options->branches;
  for (guint image = 0; image < batch->count; image++)
    {
      const PdView *view = &batch->items[image].view;

      if (self->batch.norms != NULL)
        keep_moments (self, &self->batch, image, batch, image);
      if (is_finite (self, image))
        continue;
      if (again && !run_f32 (self, step, batch, image, cancellable, error))
        return FALSE;
      if (again && is_finite (self, image))
        continue;
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("The UNet gave a value that is not a number in the tile at %u, %u (latent "
                      "pixels); try --precision f32"),
                   view->x, view->y);
      return FALSE;
    }
  return TRUE;
}
