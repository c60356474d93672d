// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/anchors.h"
#include "engine/tiles/member.h"
#include "engine/tiles/work.h"

/* Who predicts the tiles of a canvas, step by step: members, each a predictor on a device of its
 * own, and what they tell each other in a step. One that is lost leaves its tiles to the others.
 * What a wave of anchors leaves, whoever predicted them, all members get; statistics of group norms
 * come with each tile, and all are the canvas's once the step is done. What a tile becomes does not
 * depend on who predicts it. */
typedef struct _PdTeam PdTeam;

/* A member beside the first: the same denoiser once more, on another device. */
typedef struct
{
  PdDenoiser *denoiser; /* NULL: of another process */
  PdLink *link;         /* to that */
  guint batch;          /* tiles per call */
} PdHelper;

typedef struct
{
  guint n;
  PdHelper list[PD_WORKERS_MAX - 1];
} PdHelpers;

typedef struct
{
  PdPredictorOptions tiles; /* of the first; bank, statistics and stylist are the team's own */
  const PdHelpers *helpers;
  const PdStyle *style; /* that the tiles take on; NULL: none, and no anchors then */
  guint n_anchors;      /* tiles that all others read; 0: no tile reads another */
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

  /* Puts the latent of @item, as the denoiser takes it, to @latent; called on a thread of each
   * member. */
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

/* All calls back but to gather are on the thread that calls. An anchor in which other prompts
 * count, too, is a tile like the others. Errors: those of pd_predictor_run and pd_stylist_run. */
gboolean pd_team_predict (PdTeam *self,
                          const PdStep *step,
                          const PdTeamWork *work,
                          GCancellable *cancellable,
                          GError **error);

/* The team's; may be NULL. */
PdStatistics *pd_team_statistics (PdTeam *self);

/* Bytes of a member's banks; 0 without. */
gsize pd_team_bank_bytes (const PdTeam *self);

/* Predictions that are kept for their turn, at most, of @n_parts. */
gsize pd_team_window (guint batch, const PdHelpers *helpers, gsize n_parts);

/* What the members did so far. */
typedef struct
{
  guint n_members;
  guint64 items[PD_WORKERS_MAX]; /* that each predicted */
  gboolean gone[PD_WORKERS_MAX]; /* whether each was lost or ran out of memory */
  double busy, seconds;          /* of all members together; of the steps */
  guint64 exchanged;             /* bytes to and from other members than the first */
} PdTeamReport;

void pd_team_report (const PdTeam *self, PdTeamReport *report);

/* Images predicted so far. */
guint pd_team_forwards (const PdTeam *self);

/* Of a predictor's tiles. */
PdGraph *pd_team_graph (PdTeam *self);
