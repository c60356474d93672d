// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/team.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

struct _PdTeam
{
  guint batch, branches;
  PdPredictor *predictor;
  PdThumbnail *thumbnail;   /* NULL unless tiles read its bank */
  PdStatistics *statistics; /* NULL unless tiles share them; with … */
  GArray *survey;           /* … the sites of a tile's pass */
  gsize *parts;             /* of the items of a batch */
  const PdCondition **conditions;
};

static gboolean
share_statistics (PdTeam *self, const PdTeamOptions *options, GError **error)
{
  const PdPredictorOptions *tiles = &options->tiles;

  self->survey = pd_denoiser_survey (tiles->denoiser, tiles->h, tiles->w);
  self->statistics =
      pd_statistics_new (options->norm_share, options->n_parts,
                         tiles->branches * pd_norm_exchange_count (self->survey), error);
  return self->statistics != NULL;
}

PdTeam *
pd_team_new (const PdTeamOptions *options, GError **error)
{
  g_autoptr (PdTeam) self = g_new0 (PdTeam, 1);
  PdPredictorOptions tiles = options->tiles;
  const char *what = _ ("the tiles");

  self->batch = tiles.batch;
  self->branches = tiles.branches;
  if ((self->parts = pd_try_new (gsize, tiles.batch, what, error)) == NULL ||
      (self->conditions = pd_try_new (const PdCondition *, tiles.batch, what, error)) == NULL)
    return NULL;
  if (options->thumbnail != NULL)
    {
      self->thumbnail = pd_thumbnail_new (options->thumbnail, error);
      if (self->thumbnail == NULL)
        return NULL;
      tiles.bank = pd_thumbnail_bank (self->thumbnail);
    }
  if (options->norm_share > 0 && !share_statistics (self, options, error))
    return NULL;
  tiles.statistics = self->statistics;
  tiles.survey = self->survey;
  self->predictor = pd_predictor_new (&tiles, error);
  return self->predictor != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_team_free (PdTeam *self)
{
  if (self == NULL)
    return;
  pd_predictor_free (self->predictor);
  pd_thumbnail_free (self->thumbnail);
  pd_statistics_free (self->statistics);
  g_clear_pointer (&self->survey, g_array_unref);
  g_free (self->parts);
  g_free (self->conditions);
  g_free (self);
}

/* Predicts and fuses items first … first + count - 1. */
static gboolean
predict_batch (PdTeam *self,
               const PdStep *step,
               const PdTeamWork *work,
               gsize first,
               guint count,
               GCancellable *cancellable,
               GError **error)
{
  const PdBatch batch = { .items = work->items + first,
                          .parts = self->parts,
                          .conditions = self->conditions,
                          .unconditional = work->unconditional,
                          .count = count };

  for (guint i = 0; i < count; i++)
    {
      const PdItem *item = &batch.items[i];

      self->parts[i] = (gsize) item->tile * work->n_prompts + item->prompt;
      self->conditions[i] = work->conditions[item->prompt];
      work->gather (item, pd_predictor_input (self->predictor, i), work->user_data);
    }
  if (!pd_predictor_run (self->predictor, step, &batch, cancellable, error))
    return FALSE;
  for (guint i = 0; i < count; i++)
    work->fuse (&batch.items[i], pd_predictor_output (self->predictor, i, 0),
                self->branches == 2 ? pd_predictor_output (self->predictor, i, 1) : NULL,
                work->user_data);
  return TRUE;
}

gboolean
pd_team_predict (PdTeam *self,
                 const PdStep *step,
                 const PdTeamWork *work,
                 GCancellable *cancellable,
                 GError **error)
{
  if (self->statistics != NULL)
    pd_statistics_begin (self->statistics);
  if (self->thumbnail != NULL && step->reads_bank &&
      !pd_thumbnail_run (self->thumbnail, step, cancellable, error))
    return FALSE;
  for (gsize first = 0; first < work->n_items; first += self->batch)
    {
      gsize end = MIN (first + self->batch, work->n_items);

      if (!predict_batch (self, step, work, first, (guint) (end - first), cancellable, error))
        return FALSE;
      work->progress (end, work->user_data);
    }
  if (self->statistics != NULL)
    pd_statistics_commit (self->statistics);
  return TRUE;
}

PdThumbnail *
pd_team_thumbnail (PdTeam *self)
{
  return self->thumbnail;
}

PdStatistics *
pd_team_statistics (PdTeam *self)
{
  return self->statistics;
}

guint
pd_team_forwards (const PdTeam *self)
{
  return pd_predictor_forwards (self->predictor) +
         (self->thumbnail != NULL ? pd_thumbnail_forwards (self->thumbnail) : 0);
}

PdGraph *
pd_team_graph (PdTeam *self)
{
  return pd_predictor_graph (self->predictor);
}
