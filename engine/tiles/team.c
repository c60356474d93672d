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

/* A member, with what its thread alone uses. */
typedef struct
{
  PdMember *member; /* NULL: it could not begin */
  PdLink *link;     /* NULL: it is here */
  gboolean ready;   /* has in this step what each finds for itself */
  guint loaded;     /* waves of anchors that it has */

  /* Of the images of a batch. */
  PdItem *items;
  gsize *parts; /* of the statistics */
  const PdCondition **conditions;
} Seat;

struct _PdTeam
{
  guint branches;
  gsize n; /* numbers of a tile's latent */
  guint n_members;
  Seat seats[PD_WORKERS_MAX];
  guint batches[PD_WORKERS_MAX];
  PdWorkShare shares[PD_WORKERS_MAX];
  gint64 lasted; /* all steps, µs */

  PdStatistics *statistics; /* NULL unless tiles share them */
  GArray *survey;           /* the sites of a tile's pass */

  guint n_anchors, anchors[PD_ANCHORS_MAX];
  Held
      held[PD_ANCHORS_MAX]; /* of this step, as parts of the bank; all have room for a prediction */
  guint n_held;
  PdBankShare waves[PD_ANCHORS_MAX]; /* that are done */
  guint n_waves;
  guint8 *bank; /* what the members' banks have; NULL where nobody else reads it */

  gsize window;
  float *predictions; /* [window][branches][n]: of items that wait for their turn */
  gsize *numbers;     /* [n_parts]: the step's items that are no anchors */
};

/* @count: of an item. */
static gboolean
share_statistics (PdTeam *self, const PdTeamOptions *options, guint count, GError **error)
{
  self->statistics = pd_statistics_new (options->norm_share, options->n_parts, count, error);
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
add_member (PdTeam *self, const PdMemberCanvas *canvas, const PdHelper *helper, GError **error)
{
  Seat *seat = &self->seats[self->n_members];
  const char *what = _ ("the tiles");
  const guint batch = helper->batch;

  seat->member =
      helper->denoiser != NULL
          ? pd_member_new_here (canvas, helper->denoiser, batch, error)
          : pd_member_new_far (canvas, helper->link, self->seats[0].member, batch, error);
  seat->link = helper->link;
  self->batches[self->n_members++] = batch;
  return seat->member != NULL && (seat->items = pd_try_new (PdItem, batch, what, error)) != NULL &&
         (seat->parts = pd_try_new (gsize, batch, what, error)) != NULL &&
         (seat->conditions = pd_try_new (const PdCondition *, batch, what, error)) != NULL;
}

/* One that cannot begin leaves at once. */
static gboolean
add_helper (PdTeam *self, const PdMemberCanvas *canvas, const PdHelper *helper, GError **error)
{
  PdWorkShare *share = &self->shares[self->n_members];
  GError *failure = NULL;

  if (add_member (self, canvas, helper, &failure))
    return TRUE;
  if (!pd_work_may_leave (failure))
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  g_error_free (failure);
  share->gone = TRUE;
  return TRUE;
}

static gboolean
gather_members (PdTeam *self, const PdTeamOptions *options, GError **error)
{
  const PdPredictorOptions *tiles = &options->tiles;
  const PdHelpers *helpers = options->helpers;
  const PdHelper first = { .denoiser = tiles->denoiser, .batch = tiles->batch };
  PdMemberCanvas canvas = { .tiles = *tiles,
                            .style = options->style,
                            .n_anchors = options->n_anchors };

  if (options->norm_share > 0)
    canvas.n_statistics = pd_predictor_blocks (tiles->branches, options->style) *
                          pd_norm_exchange_count (self->survey);
  if (canvas.n_statistics > 0 && !share_statistics (self, options, canvas.n_statistics, error))
    return FALSE;
  canvas.tiles.statistics = self->statistics;
  canvas.tiles.survey = self->survey;
  if (!add_member (self, &canvas, &first, error))
    return FALSE;
  for (guint i = 0; i < helpers->n; i++)
    if (!add_helper (self, &canvas, &helpers->list[i], error))
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
      !gather_members (self, options, error))
    return NULL;
  if (self->n_anchors > 0 && self->n_members > 1 &&
      (self->bank = pd_try_new (guint8, self->n_anchors * self->seats[0].member->part_bytes, what,
                                error)) == NULL)
    return NULL;
  return g_steal_pointer (&self);
}

static void
seat_clear (Seat *self)
{
  pd_member_free (self->member);
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
    seat_clear (&self->seats[i]);
  pd_statistics_free (self->statistics);
  g_clear_pointer (&self->survey, g_array_unref);
  for (guint i = 0; i < self->n_anchors; i++)
    g_free (self->held[i].prediction);
  g_free (self->bank);
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
  guint n_parts; /* of the bank, that are there */
} Round;

/* Puts item @number to image @image of the member's batch. */
static void
take (const Round *self, Seat *seat, guint image, gsize number)
{
  const PdTeamWork *work = self->work;
  const PdItem *item = &work->items[number];

  seat->items[image] = *item;
  seat->parts[image] = (gsize) item->tile * work->n_prompts + item->prompt;
  seat->conditions[image] = item->condition;
  work->gather (item, pd_member_input (seat->member, image), work->user_data);
  if (work->gather_content != NULL)
    work->gather_content (item, pd_member_content (seat->member, image), work->user_data);
}

static PdBatch
batch_of (const Round *self, const Seat *seat, guint count)
{
  return (PdBatch){ .items = seat->items,
                    .parts = seat->parts,
                    .conditions = seat->conditions,
                    .unconditional = self->work->unconditional,
                    .count = count,
                    .bank_parts = self->n_parts };
}

/* Image @image of the member's last run goes to @prediction, [branches][n]. */
static void
give (const PdTeam *self, PdMember *member, guint image, float *prediction)
{
  for (guint branch = 0; branch < self->branches; branch++)
    memcpy (prediction + branch * self->n, pd_member_output (member, image, branch),
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

/* The anchors of this step. Another one is the first from step to step, for it reads none. */
static void
list_anchors (const Round *self)
{
  PdTeam *team = self->team;

  team->n_held = 0;
  for (guint i = 0; i < team->n_anchors; i++)
    {
      const guint tile = team->anchors[(i + self->step->draw.step) % team->n_anchors];

      if (find_only (self->work, tile, &team->held[team->n_held].item))
        team->n_held++;
    }
}

/* The member gets what it lacks. */
static gboolean
make_ready (const Round *self, Seat *seat, GCancellable *cancellable, GError **error)
{
  const PdTeam *team = self->team;

  if (!seat->ready)
    seat->ready = pd_member_prepare (seat->member, self->step, cancellable, error);
  if (!seat->ready)
    return FALSE;
  for (; team->bank != NULL && seat->loaded < team->n_waves; seat->loaded++)
    if (!pd_member_load (seat->member, &team->waves[seat->loaded], cancellable, error))
      return FALSE;
  return TRUE;
}

/* Where part @part of the bank is kept for the other members; NULL without any. */
static guint8 *
part_at (const PdTeam *self, guint part)
{
  return self->bank != NULL ? self->bank + part * self->seats[0].member->part_bytes : NULL;
}

/* A function of PdWork, for one anchor of a wave. */
static gboolean
predict_anchor (guint worker,
                const gsize *items,
                guint count,
                GCancellable *cancellable,
                gpointer user_data,
                GError **error)
{
  const Round *self = user_data;
  PdTeam *team = self->team;
  Seat *seat = &team->seats[worker];
  const guint part = self->n_parts + (guint) items[0];
  const Held *held = &team->held[part];
  PdBatch batch;

  if (!make_ready (self, seat, cancellable, error))
    return FALSE;
  take (self, seat, 0, held->item);
  batch = batch_of (self, seat, 1);
  if (!pd_member_run_anchor (seat->member, self->step, &batch, part, part_at (team, part),
                             cancellable, error))
    return FALSE;
  give (team, seat->member, 0, held->prediction);
  return TRUE;
}

/* A function of PdWork. */
static void
report_anchors (gsize done, gpointer user_data)
{
  const Round *self = user_data;

  self->work->progress (self->n_parts + done, self->work->user_data);
}

/* Lets all members have @n parts more. */
static gboolean
share_wave (Round *self, guint n, GCancellable *cancellable, GError **error)
{
  PdTeam *team = self->team;
  PdBankShare *wave = &team->waves[team->n_waves];

  *wave = (PdBankShare){ .first = self->n_parts, .n = n, .bytes = part_at (team, self->n_parts) };
  for (guint i = 0; i < team->n_members; i++)
    if (team->seats[i].link != NULL && !team->shares[i].gone)
      {
        if (!pd_link_share (team->seats[i].link, wave->bytes, n * team->seats[0].member->part_bytes,
                            &wave->number, cancellable, error))
          return FALSE;
        break;
      }
  team->n_waves++;
  self->n_parts += n;
  return TRUE;
}

static gboolean
predict_anchors (Round *self, GCancellable *cancellable, GError **error)
{
  static const guint one_each[PD_WORKERS_MAX] = { [0 ... PD_WORKERS_MAX - 1] = 1 };
  PdTeam *team = self->team;

  list_anchors (self);
  while (self->n_parts < team->n_held)
    {
      const guint n = pd_anchors_wave (self->n_parts, team->n_held);
      const PdWork wave = { .n_items = n,
                            .n_workers = team->n_members,
                            .batches = one_each,
                            .window = n,
                            .work = predict_anchor,
                            .progress = report_anchors,
                            .user_data = self };

      if (!pd_work_run (&wave, team->shares, cancellable, error) ||
          !share_wave (self, n, cancellable, error))
        return FALSE;
    }
  return TRUE;
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
  Seat *seat = &team->seats[worker];
  PdBatch batch;

  if (!make_ready (self, seat, cancellable, error))
    return FALSE;
  for (guint image = 0; image < count; image++)
    take (self, seat, image, team->numbers[items[image]]);
  batch = batch_of (self, seat, count);
  if (!pd_member_run (seat->member, self->step, &batch, cancellable, error))
    return FALSE;
  for (guint image = 0; image < count; image++)
    give (team, seat->member, image,
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
  self->n_waves = 0;
  for (guint i = 0; i < self->n_members; i++)
    {
      self->seats[i].ready = FALSE;
      self->seats[i].loaded = 0;
    }
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
  return self->seats[0].member->bank_bytes;
}

guint
pd_team_forwards (const PdTeam *self)
{
  guint forwards = 0;

  for (guint i = 0; i < self->n_members; i++)
    if (self->seats[i].member != NULL)
      forwards += self->seats[i].member->forwards;
  return forwards;
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
      if (i > 0 && self->seats[i].member != NULL)
        report->exchanged += self->seats[i].member->exchanged;
    }
}

PdGraph *
pd_team_graph (PdTeam *self)
{
  return pd_member_graph_here (self->seats[0].member);
}
