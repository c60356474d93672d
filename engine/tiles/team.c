// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/team.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

/* An anchor that was predicted before it is its turn to be fused. */
typedef struct
{
  gsize item;
  float *prediction; /* [branches][n] */
} Held;

struct _PdTeam
{
  guint batch, branches;
  gsize n; /* numbers of a tile's latent */
  PdPredictor *predictor;
  PdStatistics *statistics; /* NULL unless tiles share them */
  GArray *survey;           /* the sites of a tile's pass */

  PdBank *bank; /* NULL without anchors */
  guint n_anchors, anchors[PD_ANCHORS_MAX];
  Held held[PD_ANCHORS_MAX]; /* of this step, ascending; all have room for a prediction */
  guint n_held;

  /* Of the images of a batch. */
  PdItem *items;
  gsize *numbers; /* of the step's items */
  gsize *parts;   /* of the statistics */
  const PdCondition **conditions;
};

static gboolean
share_statistics (PdTeam *self, const PdTeamOptions *options, GError **error)
{
  self->statistics = pd_statistics_new (
      options->norm_share, options->n_parts,
      pd_predictor_blocks (&options->tiles) * pd_norm_exchange_count (self->survey), error);
  return self->statistics != NULL;
}

static gboolean
make_bank (PdTeam *self, const PdTeamOptions *options, GError **error)
{
  const PdBackend *backend = options->tiles.denoiser->backend;
  const PdBankOptions bank =
      pd_anchors_bank (backend, self->survey, self->branches, options->n_anchors);

  self->bank = pd_bank_new (backend, self->survey, &bank, error);
  if (self->bank == NULL)
    return FALSE;
  self->n_anchors = options->n_anchors;
  memcpy (self->anchors, options->anchors, sizeof self->anchors);
  for (guint i = 0; i < self->n_anchors; i++)
    {
      self->held[i].prediction =
          pd_try_new (float, self->branches * self->n, _ ("the tiles"), error);
      if (self->held[i].prediction == NULL)
        return FALSE;
    }
  return TRUE;
}

PdTeam *
pd_team_new (const PdTeamOptions *options, GError **error)
{
  g_autoptr (PdTeam) self = g_new0 (PdTeam, 1);
  PdPredictorOptions tiles = options->tiles;
  const char *what = _ ("the tiles");

  self->batch = tiles.batch;
  self->branches = tiles.branches;
  self->n = (gsize) tiles.denoiser->info.channels * tiles.h * tiles.w;
  if ((self->items = pd_try_new (PdItem, tiles.batch, what, error)) == NULL ||
      (self->numbers = pd_try_new (gsize, tiles.batch, what, error)) == NULL ||
      (self->parts = pd_try_new (gsize, tiles.batch, what, error)) == NULL ||
      (self->conditions = pd_try_new (const PdCondition *, tiles.batch, what, error)) == NULL)
    return NULL;
  self->survey = pd_denoiser_survey (tiles.denoiser, tiles.h, tiles.w);
  if ((options->n_anchors > 0 && !make_bank (self, options, error)) ||
      (options->norm_share > 0 && !share_statistics (self, options, error)))
    return NULL;
  tiles.bank = self->bank;
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
  pd_bank_free (self->bank);
  pd_statistics_free (self->statistics);
  g_clear_pointer (&self->survey, g_array_unref);
  for (guint i = 0; i < self->n_anchors; i++)
    g_free (self->held[i].prediction);
  g_free (self->items);
  g_free (self->numbers);
  g_free (self->parts);
  g_free (self->conditions);
  g_free (self);
}

/* One call of pd_team_predict. */
typedef struct
{
  PdTeam *team;
  const PdStep *step;
  const PdTeamWork *work;
  gsize fused, predicted; /* items; those fused are the first */
  GCancellable *cancellable;
} Round;

/* Puts item @number to image @image of the batch. */
static void
take (Round *self, guint image, gsize number)
{
  PdTeam *team = self->team;
  const PdTeamWork *work = self->work;
  const PdItem *item = &work->items[number];

  team->items[image] = *item;
  team->numbers[image] = number;
  team->parts[image] = (gsize) item->tile * work->n_prompts + item->prompt;
  team->conditions[image] = item->condition;
  work->gather (item, pd_predictor_input (team->predictor, image), work->user_data);
  if (work->gather_content != NULL)
    work->gather_content (item, pd_predictor_content (team->predictor, image), work->user_data);
}

static PdBatch
batch_of (const Round *self, guint count)
{
  const PdTeam *team = self->team;

  return (PdBatch){ .items = team->items,
                    .parts = team->parts,
                    .conditions = team->conditions,
                    .unconditional = self->work->unconditional,
                    .count = count };
}

static const Held *
find_held (const PdTeam *self, gsize item)
{
  for (guint i = 0; i < self->n_held; i++)
    if (self->held[i].item == item)
      return &self->held[i];
  return NULL;
}

/* Fuses anchors for as long as it is their turn. */
static void
fuse_held (Round *self)
{
  const PdTeam *team = self->team;
  const PdTeamWork *work = self->work;
  const Held *held;

  for (; self->fused < work->n_items && (held = find_held (team, self->fused)) != NULL;
       self->fused++)
    work->fuse (&work->items[self->fused], held->prediction,
                team->branches == 2 ? held->prediction + team->n : NULL, work->user_data);
}

static void
report (Round *self, gsize count)
{
  self->predicted += count;
  self->work->progress (self->predicted, self->work->user_data);
}

/* The only item of tile @tile, for the canvas's prompt. Returns: FALSE if there are others. */
static gboolean
find_only (const PdTeamWork *work, guint tile, gsize *number)
{
  gsize n = 0;

  for (gsize i = 0; i < work->n_items; i++)
    if (work->items[i].tile == tile)
      {
        if (work->items[i].prompt > 0)
          return FALSE;
        *number = i;
        n++;
      }
  return n == 1;
}

/* Another one is the first from step to step, for it reads none. */
static gboolean
predict_anchors (Round *self, GError **error)
{
  PdTeam *team = self->team;

  team->n_held = 0;
  if (team->bank == NULL)
    return TRUE;
  pd_bank_forget (team->bank);
  for (guint i = 0; i < team->n_anchors; i++)
    {
      guint part = (i + self->step->draw.step) % team->n_anchors;
      Held *held = &team->held[team->n_held];
      PdBatch batch;

      if (!find_only (self->work, team->anchors[part], &held->item))
        continue;
      take (self, 0, held->item);
      batch = batch_of (self, 1);
      if (!pd_predictor_run_anchor (team->predictor, self->step, &batch, part, self->cancellable,
                                    error))
        return FALSE;
      for (guint branch = 0; branch < team->branches; branch++)
        memcpy (held->prediction + branch * team->n,
                pd_predictor_output (team->predictor, 0, branch),
                team->n * sizeof *held->prediction);
      team->n_held++;
      report (self, 1);
    }
  return TRUE;
}

/* Predicts and fuses the next batch of other items, from @next on. */
static gboolean
predict_batch (Round *self, gsize *next, GError **error)
{
  PdTeam *team = self->team;
  const PdTeamWork *work = self->work;
  guint count = 0;
  PdBatch batch;

  for (; *next < work->n_items && count < team->batch; (*next)++)
    if (find_held (team, *next) == NULL)
      take (self, count++, *next);
  batch = batch_of (self, count);
  if (count > 0 &&
      !pd_predictor_run (team->predictor, self->step, &batch, self->cancellable, error))
    return FALSE;
  fuse_held (self);
  for (guint i = 0; i < count; i++)
    {
      g_assert (team->numbers[i] == self->fused);
      work->fuse (&team->items[i], pd_predictor_output (team->predictor, i, 0),
                  team->branches == 2 ? pd_predictor_output (team->predictor, i, 1) : NULL,
                  work->user_data);
      self->fused++;
      fuse_held (self);
    }
  if (count > 0)
    report (self, count);
  return TRUE;
}

gboolean
pd_team_predict (PdTeam *self,
                 const PdStep *step,
                 const PdTeamWork *work,
                 GCancellable *cancellable,
                 GError **error)
{
  Round round = { .team = self, .step = step, .work = work, .cancellable = cancellable };
  gsize next = 0;

  if (self->statistics != NULL)
    pd_statistics_begin (self->statistics);
  if (!predict_anchors (&round, error))
    return FALSE;
  while (round.fused < work->n_items)
    if (!predict_batch (&round, &next, error))
      return FALSE;
  if (self->statistics != NULL)
    pd_statistics_commit (self->statistics);
  return TRUE;
}

PdStatistics *
pd_team_statistics (PdTeam *self)
{
  return self->statistics;
}

gsize
pd_team_bank_bytes (const PdTeam *self)
{
  return self->bank != NULL ? pd_bank_bytes (self->bank) : 0;
}

guint
pd_team_forwards (const PdTeam *self)
{
  return pd_predictor_forwards (self->predictor);
}

PdGraph *
pd_team_graph (PdTeam *self)
{
  return pd_predictor_graph (self->predictor);
}
