// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/predictor.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/tiles/anchors.h"

enum
{
  MAX_HOOKS = 3, /* one writes keys, one reads them, one shares norms */
};

/* The denoiser for so many tiles, with what takes part in it. Images are block by block: every
 * tile's content if there is one, then every tile's branch 0, then every tile's branch 1. */
typedef struct
{
  guint tiles;
  PdBankWriter *writer;      /* of one tile with a bank; else NULL */
  PdBankReader *reader;      /* may be NULL */
  PdStyleTransfer *transfer; /* may be NULL */
  PdNormExchange *norms;     /* may be NULL */
  PdNormShift *shifts;       /* of all images; NULL without norms */
  PdNormMoments *moments;    /* likewise */
  PdHook *hooks[MAX_HOOKS + 1];
  PdDenoiserPass *pass;

  /* What goes in and comes out; kept, so that what a short batch leaves over repeats earlier
   * images. */
  float *input, *output; /* [blocks][tiles][channels][h][w] */
  const PdCondition **conditions;
  PdView *views;
} Recording;

struct _PdPredictor
{
  PdPredictorOptions options;
  gsize n;         /* numbers of a tile's latent */
  guint count;     /* moments of an image */
  Recording batch; /* as the backend stores activations */
  Recording one;   /* the same for one tile, for anchors, where the batch is more */
  Recording f32;   /* one tile, for what the others cannot hold; made when needed */
  guint forwards;
};

/* One call of pd_predictor_run or pd_predictor_run_anchor. */
typedef struct
{
  const PdStep *step;
  const PdBatch *batch;
  gint part; /* of the bank, that its one image writes, or PD_BANK_NO_PART */
  GCancellable *cancellable;
} Call;

static void
recording_clear (Recording *self)
{
  pd_denoiser_pass_free (self->pass);
  pd_bank_writer_free (self->writer);
  pd_bank_reader_free (self->reader);
  pd_style_transfer_free (self->transfer);
  pd_norm_exchange_free (self->norms);
  g_free (self->shifts);
  g_free (self->moments);
  g_free (self->input);
  g_free (self->output);
  g_free (self->conditions);
  g_free (self->views);
  *self = (Recording){ 0 };
}

static guint
n_contents (const PdPredictorOptions *options)
{
  return options->stylist != NULL && pd_stylist_style (options->stylist)->content != NULL;
}

guint
pd_predictor_blocks (guint branches, const PdStyle *style)
{
  return branches + (style != NULL && style->content != NULL);
}

static guint
n_blocks (const PdPredictorOptions *options)
{
  return n_contents (options) + options->branches;
}

static gsize
n_images (const PdPredictor *self, const Recording *recording)
{
  return (gsize) recording->tiles * n_blocks (&self->options);
}

/* The latent of image @image in block @block. */
static float *
input_at (const PdPredictor *self, const Recording *recording, guint image, guint block)
{
  return recording->input + ((gsize) block * recording->tiles + image) * self->n;
}

static gboolean
allocate (PdPredictor *self, Recording *recording, GError **error)
{
  const char *what = _ ("the tiles");
  const gsize images = n_images (self, recording);

  recording->input = pd_try_new0 (float, images * self->n, what, error);
  if (recording->input == NULL ||
      (recording->output = pd_try_new (float, images * self->n, what, error)) == NULL ||
      (recording->conditions = pd_try_new (const PdCondition *, images, what, error)) == NULL ||
      (recording->views = pd_try_new0 (PdView, images, what, error)) == NULL)
    return FALSE;
  /* The first batch may be short: its other images are run, too. */
  for (gsize image = 0; image < images; image++)
    recording->conditions[image] = self->options.like;
  return TRUE;
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
         (recording->shifts = pd_try_new0 (PdNormShift, images * self->count, what, error)) !=
             NULL &&
         (recording->moments = pd_try_new (PdNormMoments, images * self->count, what, error)) !=
             NULL;
}

static gboolean
record (PdPredictor *self, Recording *recording, gboolean f32, GError **error)
{
  const PdPredictorOptions *options = &self->options;
  guint tiles = recording->tiles;
  PdHook **hook = recording->hooks;
  PdDenoiserPassOptions pass = { .n = tiles * n_blocks (options),
                                 .h = options->h,
                                 .w = options->w,
                                 .like = options->like,
                                 .hooks = recording->hooks,
                                 .f32 = f32 };

  if (options->stylist != NULL)
    *hook++ = pd_stylist_join (options->stylist, tiles, &recording->transfer);
  if (options->bank != NULL && tiles == 1)
    {
      recording->writer = pd_bank_writer_new (options->bank, 1);
      *hook++ = pd_bank_writer_hook (recording->writer);
    }
  if (options->bank != NULL)
    {
      recording->reader = pd_bank_reader_new (options->bank, tiles);
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

static gboolean
make (PdPredictor *self, Recording *recording, guint tiles, gboolean f32, GError **error)
{
  recording->tiles = tiles;
  return allocate (self, recording, error) && record (self, recording, f32, error);
}

PdPredictor *
pd_predictor_new (const PdPredictorOptions *options, GError **error)
{
  g_autoptr (PdPredictor) self = g_new0 (PdPredictor, 1);

  self->options = *options;
  self->n = (gsize) options->denoiser->info.channels * options->h * options->w;
  if (!make (self, &self->batch, options->batch, FALSE, error) ||
      (options->bank != NULL && options->batch > 1 && !make (self, &self->one, 1, FALSE, error)))
    return NULL;
  return g_steal_pointer (&self);
}

void
pd_predictor_free (PdPredictor *self)
{
  if (self == NULL)
    return;
  recording_clear (&self->batch);
  recording_clear (&self->one);
  recording_clear (&self->f32);
  g_free (self);
}

float *
pd_predictor_input (PdPredictor *self, guint image)
{
  return input_at (self, &self->batch, image, n_contents (&self->options));
}

float *
pd_predictor_content (PdPredictor *self, guint image)
{
  return input_at (self, &self->batch, image, 0);
}

float *
pd_predictor_output (PdPredictor *self, guint image, guint branch)
{
  guint block = n_contents (&self->options) + branch;

  return self->batch.output + ((gsize) block * self->batch.tiles + image) * self->n;
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

/* Image @image of the recording becomes image @from of the batch, in all blocks but its latents of
 * the content and of the first branch. */
static void
set_image (PdPredictor *self, Recording *recording, guint image, const PdBatch *batch, guint from)
{
  const PdPredictorOptions *options = &self->options;
  guint contents = n_contents (options), blocks = n_blocks (options);

  if (recording->reader != NULL)
    pd_bank_reader_set_weight (recording->reader, image,
                               batch->items[from].prompt == 0 ? pd_anchors_weight : 0);
  for (guint block = 0; block < blocks; block++)
    {
      gsize at = (gsize) block * recording->tiles + image;

      recording->conditions[at] = block < contents ? pd_stylist_style (options->stylist)->condition
                                  : block + 1 < blocks ? batch->unconditional
                                                       : batch->conditions[from];
      recording->views[at] = batch->items[from].view;
      if (block > contents)
        memcpy (recording->input + at * self->n, input_at (self, recording, image, contents),
                self->n * sizeof *recording->input);
      if (recording->norms != NULL)
        memcpy (recording->shifts + at * self->count,
                pd_statistics_shifts (self->options.statistics, batch->parts[from]) +
                    block * self->count,
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

  for (guint block = 0; block < n_blocks (&self->options); block++)
    memcpy (own + block * self->count,
            recording->moments + ((gsize) block * recording->tiles + image) * self->count,
            self->count * sizeof *own);
}

static gboolean
run (PdPredictor *self, Recording *recording, const Call *call, GError **error)
{
  const gsize n = n_images (self, recording) * self->n;
  const PdDenoiserRun run = { .latents = recording->input,
                              .n_latents = n,
                              .timestep = call->step->timestep,
                              .conditions = recording->conditions,
                              .views = recording->views,
                              .map = self->options.map,
                              .prediction = recording->output,
                              .n_prediction = n };

  if (recording->reader != NULL)
    pd_bank_reader_set_parts (recording->reader, call->batch->bank_parts);
  if (recording->writer != NULL)
    pd_bank_writer_choose (recording->writer, 0, call->part, &call->step->draw);
  return (recording->norms == NULL ||
          pd_norm_exchange_write (recording->norms, recording->shifts, error)) &&
         pd_denoiser_pass_run (recording->pass, &run, call->cancellable, error) &&
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

/* Predicts image @image of the batch with a recording of one tile; its input and output are where
 * those of the batch are. */
static gboolean
run_one (PdPredictor *self, Recording *one, const Call *call, guint image, GError **error)
{
  guint contents = n_contents (&self->options);

  for (guint block = 0; block <= contents; block++)
    memmove (input_at (self, one, 0, block), input_at (self, &self->batch, image, block),
             self->n * sizeof *one->input);
  set_image (self, one, 0, call->batch, image);
  if (!run (self, one, call, error))
    return FALSE;
  if (one->norms != NULL)
    keep_moments (self, one, 0, call->batch, image);
  for (guint branch = 0; branch < self->options.branches; branch++)
    memmove (pd_predictor_output (self, image, branch), one->output + (contents + branch) * self->n,
             self->n * sizeof *one->output);
  self->forwards += n_blocks (&self->options);
  return TRUE;
}

/* If image @image of the batch is not numbers, predicts it once more, in f32: what f16 cannot hold
 * is why a network gives infinities. */
static gboolean
mend (PdPredictor *self, const Call *call, guint image, GError **error)
{
  const PdPredictorOptions *options = &self->options;
  const PdView *view = &call->batch->items[image].view;

  if (is_finite (self, image))
    return TRUE;
  if (options->denoiser->backend->activations != PD_TYPE_F32)
    {
      if ((self->f32.pass == NULL && !make (self, &self->f32, 1, TRUE, error)) ||
          !run_one (self, &self->f32, call, image, error))
        return FALSE;
      if (is_finite (self, image))
        return TRUE;
    }
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
               _ ("The UNet gave a value that is not a number in the tile at %u, %u (latent "
                  "pixels); try --precision f32"),
               view->x, view->y);
  return FALSE;
}

gboolean
pd_predictor_run (PdPredictor *self,
                  const PdStep *step,
                  const PdBatch *batch,
                  GCancellable *cancellable,
                  GError **error)
{
  const Call call = { step, batch, PD_BANK_NO_PART, cancellable };

  for (guint image = 0; image < batch->count; image++)
    set_image (self, &self->batch, image, batch, image);
  if (!run (self, &self->batch, &call, error))
    return FALSE;
  self->forwards += batch->count * n_blocks (&self->options);
  for (guint image = 0; image < batch->count; image++)
    {
      if (self->batch.norms != NULL)
        keep_moments (self, &self->batch, image, batch, image);
      if (!mend (self, &call, image, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
pd_predictor_run_anchor (PdPredictor *self,
                         const PdStep *step,
                         const PdBatch *batch,
                         guint part,
                         GCancellable *cancellable,
                         GError **error)
{
  const Call call = { step, batch, (gint) part, cancellable };
  Recording *one = self->one.pass != NULL ? &self->one : &self->batch;

  g_assert (one->writer != NULL && batch->count == 1 && batch->bank_parts <= part);
  return run_one (self, one, &call, 0, error) && mend (self, &call, 0, error);
}
