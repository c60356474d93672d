// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/denoiser.h"
#include "engine/networks/bank-reader.h"
#include "engine/networks/bank-writer.h"
#include "engine/tiles/statistics.h"
#include "engine/tiles/stylist.h"

/* What predicts tiles on one device: the denoiser recorded for a batch of them. */
typedef struct _PdPredictor PdPredictor;

typedef struct
{
  PdDenoiser *denoiser;
  guint h, w;               /* of a tile, latent pixels */
  guint batch;              /* tiles per call */
  guint branches;           /* of guidance */
  const PdCondition *like;  /* shapes of the conditions */
  const PdMap *map;         /* of the canvas; NULL: none */
  PdBank *bank;             /* of the canvas's prompt, to be written and read; NULL: none */
  PdStatistics *statistics; /* of group norms, to be shared; NULL: every tile has its own */
  const GArray *survey;     /* of a tile's pass; not used without statistics */
  PdStylist *stylist;       /* whose style the tiles take on; NULL: none, and a bank is none then */
} PdPredictorOptions;

/* Images of the denoiser for each tile: one a branch and, with a content to be drawn in a style,
 * that before them. @style: NULL without one. */
guint pd_predictor_blocks (guint branches, const PdStyle *style);

/* What is predicted: a tile, for the prompt of the canvas (0) or of a part of it. */
typedef struct
{
  guint tile, prompt;
  PdView view;
  const PdCondition *condition; /* of the prompt, as the tile is told it */
} PdItem;

/* What holds for all tiles of a step. */
typedef struct
{
  double timestep, input_scale;
  PdBankDraw draw; /* of the tokens that go to the bank; its step is the call's number */
} PdStep;

/* What the options point to is borrowed. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdPredictor *pd_predictor_new (const PdPredictorOptions *options, GError **error);
void pd_predictor_free (PdPredictor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPredictor, pd_predictor_free)

/* Where the latent of image @image of the batch is to be put, [channels][h][w], as the denoiser
 * takes it. */
float *pd_predictor_input (PdPredictor *self, guint image);

/* The same for what the canvas shows there, with a content alone. */
float *pd_predictor_content (PdPredictor *self, guint image);

/* Predicts @count images: @items[i] has its latent at input i, and @conditions[i] is that of its
 * prompt; @unconditional is read with two branches. Tiles of the canvas's prompt read the bank. A
 * tile for which the numbers of the device are too small is predicted once more in f32. Errors:
 * PD_ERROR_BAD_MODEL (a value that is not a number), those of pd_denoiser_pass_run. */
typedef struct
{
  const PdItem *items;
  const gsize *parts; /* of the statistics, for each item; not used without */
  const PdCondition *const *conditions;
  const PdCondition *unconditional;
  guint count;
  guint bank_parts; /* so many parts of the bank are read, the first; not used without */
} PdBatch;

gboolean pd_predictor_run (PdPredictor *self,
                           const PdStep *step,
                           const PdBatch *batch,
                           GCancellable *cancellable,
                           GError **error);

/* Predicts the one image of @batch and lets it write part @part of the bank, which it does not
 * read. With a bank only. */
gboolean pd_predictor_run_anchor (PdPredictor *self,
                                  const PdStep *step,
                                  const PdBatch *batch,
                                  guint part,
                                  GCancellable *cancellable,
                                  GError **error);

/* What the last run gave for image @image in branch @branch. */
float *pd_predictor_output (PdPredictor *self, guint image, guint branch);

/* Images predicted so far. */
guint pd_predictor_forwards (const PdPredictor *self);

PdGraph *pd_predictor_graph (PdPredictor *self);
