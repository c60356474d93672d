// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/member.h"

#include "engine/tiles/anchors.h"

/* A device of this process. */
typedef struct
{
  PdMember member;
  PdPredictor *predictor;
  PdBank *bank;       /* NULL without anchors */
  PdStylist *stylist; /* NULL without a style */
  guint64 item_bytes; /* a latent that goes in and predictions that come out, with norms */
} Here;

static float *
here_input (PdMember *member, guint image)
{
  return pd_predictor_input (((Here *) member)->predictor, image);
}

static float *
here_content (PdMember *member, guint image)
{
  return pd_predictor_content (((Here *) member)->predictor, image);
}

static float *
here_output (PdMember *member, guint image, guint branch)
{
  return pd_predictor_output (((Here *) member)->predictor, image, branch);
}

static void
count_forwards (Here *self)
{
  self->member.forwards = pd_predictor_forwards (self->predictor) +
                          (self->stylist != NULL ? pd_stylist_forwards (self->stylist) : 0);
}

static gboolean
here_prepare (PdMember *member, const PdStep *step, GCancellable *cancellable, GError **error)
{
  Here *self = (Here *) member;
  gboolean ok =
      self->stylist == NULL || pd_stylist_run (self->stylist, step->draw.step, step->timestep,
                                               step->input_scale, cancellable, error);

  count_forwards (self);
  return ok;
}

static gboolean
here_load (PdMember *member, const PdBankShare *share, GCancellable *cancellable, GError **error)
{
  member->exchanged += share->n * member->part_bytes;
  return pd_bank_load (((Here *) member)->bank, share->first, share->n, share->bytes, error);
}

static gboolean
here_run (PdMember *member,
          const PdStep *step,
          const PdBatch *batch,
          GCancellable *cancellable,
          GError **error)
{
  Here *self = (Here *) member;
  gboolean ok = pd_predictor_run (self->predictor, step, batch, cancellable, error);

  count_forwards (self);
  member->exchanged += batch->count * self->item_bytes;
  return ok;
}

static gboolean
here_run_anchor (PdMember *member,
                 const PdStep *step,
                 const PdBatch *batch,
                 guint part,
                 guint8 *bytes,
                 GCancellable *cancellable,
                 GError **error)
{
  Here *self = (Here *) member;
  gboolean ok = pd_predictor_run_anchor (self->predictor, step, batch, part, cancellable, error);

  count_forwards (self);
  member->exchanged += self->item_bytes;
  if (!ok || bytes == NULL)
    return ok;
  member->exchanged += member->part_bytes;
  return pd_bank_save (self->bank, part, bytes, error);
}

static void
here_free (PdMember *member)
{
  Here *self = (Here *) member;

  pd_predictor_free (self->predictor);
  pd_stylist_free (self->stylist);
  pd_bank_free (self->bank);
  g_free (self);
}

static const PdMemberClass class = {
  .input = here_input,
  .content = here_content,
  .output = here_output,
  .prepare = here_prepare,
  .load = here_load,
  .run = here_run,
  .run_anchor = here_run_anchor,
  .free = here_free,
};

static gboolean
make_bank (Here *self, const PdMemberCanvas *canvas, const PdDenoiser *denoiser, GError **error)
{
  const PdPredictorOptions *tiles = &canvas->tiles;
  const PdBankOptions bank =
      pd_anchors_bank (denoiser->backend, tiles->survey, tiles->branches, canvas->n_anchors);

  self->bank = pd_bank_new (denoiser->backend, tiles->survey, &bank, error);
  if (self->bank == NULL)
    return FALSE;
  self->member.part_bytes = pd_bank_part_bytes (self->bank);
  self->member.bank_bytes = pd_bank_bytes (self->bank);
  return TRUE;
}

static gboolean
make_stylist (Here *self, const PdMemberCanvas *canvas, PdDenoiser *denoiser, GError **error)
{
  self->stylist = pd_stylist_new (denoiser, canvas->style, error);
  if (self->stylist == NULL)
    return FALSE;
  self->member.bank_bytes += pd_stylist_bytes (self->stylist);
  return TRUE;
}

PdMember *
pd_member_new_here (const PdMemberCanvas *canvas, PdDenoiser *denoiser, guint batch, GError **error)
{
  g_autoptr (PdMember) member = (PdMember *) g_new0 (Here, 1);
  Here *self = (Here *) member;
  PdPredictorOptions tiles = canvas->tiles;
  const gsize n = (gsize) denoiser->info.channels * tiles.h * tiles.w;

  *member = (PdMember){ .class = &class, .batch = batch };
  self->item_bytes = (1 + tiles.branches) * n * sizeof (float) +
                     canvas->n_statistics * (sizeof (PdNormShift) + sizeof (PdNormMoments));
  if ((canvas->n_anchors > 0 && !make_bank (self, canvas, denoiser, error)) ||
      (canvas->style != NULL && !make_stylist (self, canvas, denoiser, error)))
    return NULL;
  tiles.denoiser = denoiser;
  tiles.batch = batch;
  tiles.bank = self->bank;
  tiles.stylist = self->stylist;
  self->predictor = pd_predictor_new (&tiles, error);
  return self->predictor != NULL ? g_steal_pointer (&member) : NULL;
}

PdGraph *
pd_member_graph_here (PdMember *self)
{
  g_assert (self->class == &class);
  return pd_predictor_graph (((Here *) self)->predictor);
}
