// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/team.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

enum
{
  AHEAD = 32, /* tiles that faster members may be ahead of slower ones, beside their batches */
};

/* An anchor that was predicted before it is its turn to be fused. */
typedef struct
{
  gsize item;
  float *prediction; /* [branches][n] */
} Held;

/* Everything but the team's shared parts is touched by the member's own thread alone. */
typedef struct
{
  guint batch;
  PdPredictor *predictor;
  PdBank *bank;       /* NULL without anchors */
  PdStylist *stylist; /* NULL without a style */
  gboolean ready;     /* has what the members share in this step */
  guint64 received;   /* bytes of banks */

  /* Of the images of a batch. */
  PdItem *items;
  gsize *parts; /* of the statistics */
  const PdCondition **conditions;
} Member;

struct _PdTeam
{
  guint branches;
  gsize n; /* numbers of a tile's latent */
  guint n_members;
  Member members[PD_WORKERS_MAX];
  guint lead; /* the first member that has not left: predicts the anchors */
  guint batches[PD_WORKERS_MAX];
  PdWorkShare shares[PD_WORKERS_MAX];
  gint64 lasted; /* all steps, µs */

  PdStatistics *statistics; /* NULL unless tiles share them */
  guint n_statistics;       /* of an item */
  GArray *survey;           /* the sites of a tile's pass */

  guint n_anchors, anchors[PD_ANCHORS_MAX];
  Held held[PD_ANCHORS_MAX]; /* of this step, ascending; all have room for a prediction */
  guint n_held;
  guint8 *blob; /* of the first's bank; NULL where nobody else reads it */

  gsize window;
  float *predictions; /* [window][branches][n]: of items that wait for their turn */
  gsize *numbers;     /* [n_parts]: the step's items that are no anchors */
};

static gboolean
share_statistics (PdTeam *self, const PdTeamOptions *options, guint blocks, GError **error)
{
  self->n_statistics = blocks * pd_norm_exchange_count (self->survey);
  self->statistics =
      pd_statistics_new (options->norm_share, options->n_parts, self->n_statistics, error);
  return self->statistics != NULL;
}

static gboolean
hold_anchors (PdTeam *self, const PdTeamOptions *options, GError **error)
{
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

static gboolean
make_bank (const PdTeam *self, Member *member, const PdBackend *backend, GError **error)
{
  const PdBankOptions bank =
      pd_anchors_bank (backend, self->survey, self->branches, self->n_anchors);

  member->bank = pd_bank_new (backend, self->survey, &bank, error);
  return member->bank != NULL;
}

static gboolean
add_member (
    PdTeam *self, const PdTeamOptions *options, PdDenoiser *denoiser, guint batch, GError **error)
{
  Member *member = &self->members[self->n_members];
  PdPredictorOptions tiles = options->tiles;
  const char *what = _ ("the tiles");

  self->batches[self->n_members++] = member->batch = batch;
  if ((member->items = pd_try_new (PdItem, batch, what, error)) == NULL ||
      (member->parts = pd_try_new (gsize, batch, what, error)) == NULL ||
      (member->conditions = pd_try_new (const PdCondition *, batch, what, error)) == NULL ||
      (self->n_anchors > 0 && !make_bank (self, member, denoiser->backend, error)) ||
      (options->style != NULL &&
       (member->stylist = pd_stylist_new (denoiser, options->style, error)) == NULL))
    return FALSE;
  tiles.denoiser = denoiser;
  tiles.batch = batch;
  tiles.bank = member->bank;
  tiles.stylist = member->stylist;
  tiles.statistics = self->statistics;
  tiles.survey = self->survey;
  member->predictor = pd_predictor_new (&tiles, error);
  return member->predictor != NULL;
}

static gboolean
gather_members (PdTeam *self, const PdTeamOptions *options, GError **error)
{
  const PdHelpers *helpers = options->helpers;

  if (!add_member (self, options, options->tiles.denoiser, options->tiles.batch, error))
    return FALSE;
  for (guint i = 0; i < helpers->n; i++)
    if (!add_member (self, options, helpers->list[i].denoiser, helpers->list[i].batch, error))
      return FALSE;
  return TRUE;
}

gsize
pd_team_window (guint batch, const PdHelpers *helpers, gsize n_parts)
{
  gsize window = batch;

  for (guint i = 0; i < helpers->n; i++)
    window += helpers->list[i].batch;
  return helpers->n == 0 ? window : MIN (2 * window + AHEAD, MAX (n_parts, window));
}

PdTeam *
pd_team_new (const PdTeamOptions *options, GError **error)
{
  g_autoptr (PdTeam) self = g_new0 (PdTeam, 1);
  const PdPredictorOptions *tiles = &options->tiles;
  const char *what = _ ("the tiles");

  self->branches = tiles->branches;
  self->n = (gsize) tiles->denoiser->info.channels * tiles->h * tiles->w;
  self->window = pd_team_window (tiles->batch, options->helpers, options->n_parts);
  self->survey = pd_denoiser_survey (tiles->denoiser, tiles->h, tiles->w);
  self->numbers = pd_try_new (gsize, options->n_parts, what, error);
  self->predictions = pd_try_new (float, self->window * self->branches * self->n, what, error);
  if (self->numbers == NULL || self->predictions == NULL ||
      (options->n_anchors > 0 && !hold_anchors (self, options, error)) ||
      (options->norm_share > 0 &&
       !share_statistics (self, options, pd_predictor_blocks (tiles->branches, options->style),
                          error)) ||
      !gather_members (self, options, error))
    return NULL;
  if (self->n_anchors > 0 && self->n_members > 1 &&
      (self->blob = pd_try_new (guint8, pd_bank_blob_bytes (self->members[0].bank), what, error)) ==
          NULL)
    return NULL;
  return g_steal_pointer (&self);
}

static void
member_clear (Member *self)
{
  pd_predictor_free (self->predictor);
  pd_stylist_free (self->stylist);
  pd_bank_free (self->bank);
  g_free (self->items);
  g_free (self->parts);
  g_free (self->conditions);
}

void
pd_team_free (PdTeam *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_members; i++)
    member_clear (&self->members[i]);
  pd_statistics_free (self->statistics);
  g_clear_pointer (&self->survey, g_array_unref);
  for (guint i = 0; i < self->n_anchors; i++)
    g_free (self->held[i].prediction);
  g_free (self->blob);
  g_free (self->predictions);
  g_free (self->numbers);
  g_free (self);
}

/* One call of pd_team_predict. */
typedef struct
{
  PdTeam *team;
  const PdStep *step;
  const PdTeamWork *work;
  gsize fused; /* items; they are the first */
  gsize n_numbers;
} Round;

/* Puts item @number to image @image of the member's batch. */
static void
take (const Round *self, Member *member, guint image, gsize number)
{
  const PdTeamWork *work = self->work;
  const PdItem *item = &work->items[number];

  member->items[image] = *item;
  member->parts[image] = (gsize) item->tile * work->n_prompts + item->prompt;
  member->conditions[image] = item->condition;
  work->gather (item, pd_predictor_input (member->predictor, image), work->user_data);
  if (work->gather_content != NULL)
    work->gather_content (item, pd_predictor_content (member->predictor, image), work->user_data);
}

static PdBatch
batch_of (const Round *self, const Member *member, guint count)
{
  return (PdBatch){ .items = member->items,
                    .parts = member->parts,
                    .conditions = member->conditions,
                    .unconditional = self->work->unconditional,
                    .count = count };
}

/* Image @image of the member's last run goes to @prediction, [branches][n]. */
static void
give (const PdTeam *self, Member *member, guint image, float *prediction)
{
  for (guint branch = 0; branch < self->branches; branch++)
    memcpy (prediction + branch * self->n, pd_predictor_output (member->predictor, image, branch),
            self->n * sizeof *prediction);
}

static const Held *
find_held (const PdTeam *self, gsize item)
{
  for (guint i = 0; i < self->n_held; i++)
    if (self->held[i].item == item)
      return &self->held[i];
  return NULL;
}

static void
fuse (Round *self, float *prediction)
{
  const PdTeam *team = self->team;
  const PdTeamWork *work = self->work;

  work->fuse (&work->items[self->fused++], prediction,
              team->branches == 2 ? prediction + team->n : NULL, work->user_data);
}

/* Fuses anchors for as long as it is their turn. */
static void
fuse_held (Round *self)
{
  const Held *held;

  while (self->fused < self->work->n_items && (held = find_held (self->team, self->fused)) != NULL)
    fuse (self, held->prediction);
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
lead_anchors (Round *self, GCancellable *cancellable, GError **error)
{
  PdTeam *team = self->team;
  Member *member = &team->members[team->lead];

  team->n_held = 0;
  if (member->bank == NULL)
    return TRUE;
  pd_bank_forget (member->bank);
  for (guint i = 0; i < team->n_anchors; i++)
    {
      guint part = (i + self->step->draw.step) % team->n_anchors;
      Held *held = &team->held[team->n_held];
      PdBatch batch;

      if (!find_only (self->work, team->anchors[part], &held->item))
        continue;
      take (self, member, 0, held->item);
      batch = batch_of (self, member, 1);
      if (!pd_predictor_run_anchor (member->predictor, self->step, &batch, part, cancellable,
                                    error))
        return FALSE;
      give (team, member, 0, held->prediction);
      team->n_held++;
      self->work->progress (team->n_held, self->work->user_data);
    }
  return team->blob == NULL || pd_bank_save (member->bank, team->blob, error);
}

/* If the member that leads is lost, the next one does all of them. */
static gboolean
predict_anchors (Round *self, GCancellable *cancellable, GError **error)
{
  PdTeam *team = self->team;

  for (;;)
    {
      const gint64 start = g_get_monotonic_time ();
      PdWorkShare *share = &team->shares[team->lead];
      GError *failure = NULL;
      guint next = team->lead + 1;
      gboolean ok = lead_anchors (self, cancellable, &failure);

      share->busy += g_get_monotonic_time () - start;
      if (ok)
        {
          share->items += team->n_held;
          return TRUE;
        }
      while (next < team->n_members && team->shares[next].gone)
        next++;
      if (next >= team->n_members || !pd_work_may_leave (failure))
        {
          g_propagate_error (error, failure);
          return FALSE;
        }
      share->gone = TRUE;
      team->lead = next;
      g_error_free (failure);
    }
}

/* What all members need in the step, before the first tile of each: the style's keys and values,
 * which each finds for itself while the others do, and those of the anchors. */
static gboolean
make_ready (const Round *self, Member *member, GCancellable *cancellable, GError **error)
{
  const PdTeam *team = self->team;
  const PdStep *step = self->step;
  const gboolean leads = member == &team->members[team->lead];

  member->ready =
      (member->stylist == NULL || pd_stylist_run (member->stylist, step->draw.step, step->timestep,
                                                  step->input_scale, cancellable, error)) &&
      (member->bank == NULL || leads || pd_bank_load (member->bank, team->blob, error));
  if (member->bank != NULL && !leads)
    member->received += pd_bank_blob_bytes (member->bank);
  return member->ready;
}

/* A function of PdWork. */
static gboolean
predict (guint worker,
         const gsize *items,
         guint count,
         GCancellable *cancellable,
         gpointer user_data,
         GError **error)
{
  const Round *self = user_data;
  PdTeam *team = self->team;
  Member *member = &team->members[worker];
  PdBatch batch;

  if (!member->ready && !make_ready (self, member, cancellable, error))
    return FALSE;
  for (guint image = 0; image < count; image++)
    take (self, member, image, team->numbers[items[image]]);
  batch = batch_of (self, member, count);
  if (!pd_predictor_run (member->predictor, self->step, &batch, cancellable, error))
    return FALSE;
  for (guint image = 0; image < count; image++)
    give (team, member, image,
          team->predictions + items[image] % team->window * team->branches * team->n);
  return TRUE;
}

/* A function of PdWork. */
static void
finish (gsize item, gpointer user_data)
{
  Round *self = user_data;
  const PdTeam *team = self->team;

  fuse_held (self);
  g_assert (team->numbers[item] == self->fused);
  fuse (self, team->predictions + item % team->window * team->branches * team->n);
}

/* A function of PdWork. */
static void
report (gsize done, gpointer user_data)
{
  const Round *self = user_data;

  self->work->progress (self->team->n_held + done, self->work->user_data);
}

/* The items that are not predicted yet. */
static void
list_others (Round *self)
{
  PdTeam *team = self->team;

  self->n_numbers = 0;
  for (gsize i = 0; i < self->work->n_items; i++)
    if (find_held (team, i) == NULL)
      team->numbers[self->n_numbers++] = i;
}

gboolean
pd_team_predict (PdTeam *self,
                 const PdStep *step,
                 const PdTeamWork *work,
                 GCancellable *cancellable,
                 GError **error)
{
  Round round = { .team = self, .step = step, .work = work };
  PdWork others = { .n_workers = self->n_members,
                    .batches = self->batches,
                    .window = self->window,
                    .work = predict,
                    .finish = finish,
                    .progress = report,
                    .user_data = &round };
  const gint64 start = g_get_monotonic_time ();

  if (self->statistics != NULL)
    pd_statistics_begin (self->statistics);
  for (guint i = 0; i < self->n_members; i++)
    self->members[i].ready = FALSE;
  while (self->shares[self->lead].gone)
    self->lead++;
  if (!predict_anchors (&round, cancellable, error))
    return FALSE;
  list_others (&round);
  others.n_items = round.n_numbers;
  if (!pd_work_run (&others, self->shares, cancellable, error))
    return FALSE;
  fuse_held (&round);
  if (self->statistics != NULL)
    pd_statistics_commit (self->statistics);
  self->lasted += g_get_monotonic_time () - start;
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
  const Member *first = &self->members[0];

  return (first->bank != NULL ? pd_bank_bytes (first->bank) : 0) +
         (first->stylist != NULL ? pd_stylist_bytes (first->stylist) : 0);
}

guint
pd_team_forwards (const PdTeam *self)
{
  guint forwards = 0;

  for (guint i = 0; i < self->n_members; i++)
    {
      const Member *member = &self->members[i];

      forwards += pd_predictor_forwards (member->predictor) +
                  (member->stylist != NULL ? pd_stylist_forwards (member->stylist) : 0);
    }
  return forwards;
}

/* A latent goes to a member and predictions come back, with what norms are given and have. */
static guint64
item_bytes (const PdTeam *self)
{
  return (1 + self->branches) * self->n * sizeof (float) +
         self->n_statistics * (sizeof (PdNormShift) + sizeof (PdNormMoments));
}

void
pd_team_report (const PdTeam *self, PdTeamReport *report)
{
  *report = (PdTeamReport){ .n_members = self->n_members,
                            .seconds = (double) self->lasted / G_USEC_PER_SEC };
  for (guint i = 0; i < self->n_members; i++)
    {
      const PdWorkShare *share = &self->shares[i];

      report->items[i] = share->items;
      report->gone[i] = share->gone;
      report->busy += (double) share->busy / G_USEC_PER_SEC;
      if (i > 0)
        report->exchanged += self->members[i].received + share->items * item_bytes (self);
    }
}

PdGraph *
pd_team_graph (PdTeam *self)
{
  return pd_predictor_graph (self->members[0].predictor);
}
