// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/anchors.h"
#include "engine/tiles/predictor.h"

/* Who predicts the tiles of a canvas, step by step: predictors, and what they tell each other once
 * a step. There is one predictor so far. */
typedef struct _PdTeam PdTeam;

typedef struct
{
  PdPredictorOptions tiles; /* bank and statistics are the team's own */
  guint n_anchors;          /* tiles that all others read; 0: no tile reads another */
  guint anchors[PD_ANCHORS_MAX];
  double norm_share; /* see pd_statistics_new; 0: none are shared */
  gsize n_parts;     /* tiles times prompts */
} PdTeamOptions;

PdTeam *pd_team_new (const PdTeamOptions *options, GError **error);
void pd_team_free (PdTeam *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdTeam, pd_team_free)

/* The predictions of a step, and how they reach who asked for them. */
typedef struct
{
  const PdItem *items; /* in the order of the tiles */
  gsize n_items;
  guint n_prompts;                  /* with that of the canvas */
  const PdCondition *unconditional; /* with two branches */

  /* Puts the latent of @item, as the denoiser takes it, to @latent. */
  void (*gather) (const PdItem *item, float *latent, gpointer user_data);
  /* The same for what the canvas shows there; NULL without a content. */
  void (*gather_content) (const PdItem *item, float *latent, gpointer user_data);
  /* Called in the order of the items, whatever the order in which they are predicted, so that sums
   * are the same for any team. @prediction: of the first branch, @conditional of the second, NULL
   * with one branch; the first may be changed. */
  void (*fuse) (const PdItem *item, float *prediction, float *conditional, gpointer user_data);
  /* After items that were predicted, of which there are @done so far. */
  void (*progress) (gsize done, gpointer user_data);
  gpointer user_data; /* of all */
} PdTeamWork;

/* An anchor in which other prompts count, too, is a tile like the others. Errors: those of
 * pd_predictor_run. */
gboolean pd_team_predict (PdTeam *self,
                          const PdStep *step,
                          const PdTeamWork *work,
                          GCancellable *cancellable,
                          GError **error);

/* The team's; may be NULL. */
PdStatistics *pd_team_statistics (PdTeam *self);

/* Bytes of the bank; 0 without. */
gsize pd_team_bank_bytes (const PdTeam *self);

/* Images predicted so far. */
guint pd_team_forwards (const PdTeam *self);

/* Of a predictor's tiles. */
PdGraph *pd_team_graph (PdTeam *self);
