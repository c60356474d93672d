// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/denoiser.h"
#include "engine/networks/bank-reader.h"
#include "engine/networks/joint-attention.h"
#include "engine/tiles/statistics.h"
#include "engine/base/choices.h"

/* What predicts tiles on one device: the denoiser recorded for a batch of them. */
typedef struct _PdPredictor PdPredictor;

typedef struct
{
  PdDenoiser *denoiser;
  PdSync sync;
  guint h, w;               /* of a tile, latent pixels */
  guint batch;              /* tiles per call */
  guint branches;           /* of guidance */
  const PdCondition *like;  /* shapes of the conditions */
  const PdMap *map;         /* of the canvas; NULL: none */
  PdBank *bank;             /* to be read; NULL with other kinds of sync than PD_SYNC_ATTENTION */
  PdStatistics *statistics; /* of group norms, to be shared; NULL: every tile has its own */
  const GArray *survey;     /* of a tile's pass; not used without statistics */
} PdPredictorOptions;

/* What is predicted: a tile, for the prompt of the canvas (0) or of a part of it. */
typedef struct
{
  guint tile, prompt;
  PdView view;
} PdItem;

/* What holds for all tiles of a step. */
typedef struct
{
  double timestep;
  double alpha, sigma;  /* the level of noise of the step's latents */
  gboolean reads_bank;  /* else the bank is not written either, and its tokens do not count */
  double bank_strength; /* 1: the bank counts like one more tile */
} PdStep;

/* What the options point to is borrowed. With PD_SYNC_EXACT the batch is all tiles. Errors:
 * PD_ERROR_OUT_OF_MEMORY. */
PdPredictor *pd_predictor_new (const PdPredictorOptions *options, GError **error);
void pd_predictor_free (PdPredictor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPredictor, pd_predictor_free)

/* Where the latent of image @image of the batch is to be put, [channels][h][w], as the denoiser
 * takes it. */
float *pd_predictor_input (PdPredictor *self, guint image);

/* Predicts @count images: @items[i] has its latent at input i, and @conditions[i] is that of its
 * prompt; @unconditional is read with two branches. A tile for which the numbers of the device
 * are too small is predicted once more in f32. Errors: PD_ERROR_BAD_MODEL (a value that is not a
 * number), those of pd_denoiser_pass_run. */
typedef struct
{
  const PdItem *items;
  const gsize *parts; /* of the statistics, for each item; not used without */
  const PdCondition *const *conditions;
  const PdCondition *unconditional;
  guint count;
} PdBatch;

gboolean pd_predictor_run (PdPredictor *self,
                           const PdStep *step,
                           const PdBatch *batch,
                           GCancellable *cancellable,
                           GError **error);

/* What the last run gave for image @image in branch @branch. */
float *pd_predictor_output (PdPredictor *self, guint image, guint branch);

/* Images predicted so far. */
guint pd_predictor_forwards (const PdPredictor *self);

PdGraph *pd_predictor_graph (PdPredictor *self);
