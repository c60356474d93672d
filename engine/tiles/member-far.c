// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/member.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/tiles/far.h"

/* A device of another process. Tiles go there as they are, and what they become comes back. */
typedef struct
{
  PdMember member;
  PdMemberCanvas canvas;
  PdLink *link;
  guint64 bytes; /* of the link before the canvas */
  gsize n;       /* numbers of a tile's latent */
  gboolean open; /* the canvas is known there */

  float *input, *content, *output; /* [batch][n], [batch][n], [batch][branches][n] */
  PdNormShift *shifts;             /* [batch][n_statistics]; NULL without, as the next is */
  guint32 *prompts, *numbers;      /* [batch]; [batch + 1]: of conditions */
  PdView *views;                   /* [batch] */
  GPtrArray *conditions;           /* PdCondition that are known there, by number; borrowed */
} Far;

static float *
far_input (PdMember *member, guint image)
{
  Far *self = (Far *) member;

  return self->input + image * self->n;
}

static float *
far_content (PdMember *member, guint image)
{
  Far *self = (Far *) member;

  return self->content + image * self->n;
}

static float *
far_output (PdMember *member, guint image, guint branch)
{
  Far *self = (Far *) member;

  return self->output + (image * self->canvas.tiles.branches + branch) * self->n;
}

/* @reply is of @type. */
static gboolean
call (Far *self,
      guint method,
      GVariant *params,
      const char *type,
      GVariant **reply,
      GCancellable *cancellable,
      GError **error)
{
  gboolean ok = pd_link_call (self->link, method, params, type, reply, cancellable, error);

  self->member.exchanged = self->link->bytes - self->bytes;
  return ok;
}

static GVariant *
pack_map (const PdMap *map)
{
  if (map == NULL)
    return g_variant_new ("(uuu@at)", 0, 0, 0, pd_link_pack (NULL, 0));
  return g_variant_new (
      "(uuu@at)", map->channels, map->h, map->w,
      pd_link_pack (map->values, (gsize) map->channels * map->h * map->w * sizeof (float)));
}

static GVariant *
pack_style (const PdStyle *style, guint channels)
{
  gsize n;

  if (style == NULL)
    return g_variant_new ("(uuu@at@*db)", 0, 0, 0, pd_link_pack (NULL, 0),
                          g_variant_new_array (G_VARIANT_TYPE ("(suuat)"), NULL, 0), 0.0, FALSE);
  n = (gsize) channels * style->h * style->w * (style->calls + 1);
  return g_variant_new ("(uuu@at@*db)", style->h, style->w, style->calls,
                        pd_link_pack (style->path, n * sizeof (float)),
                        pd_far_pack_condition (style->condition), style->share,
                        style->content != NULL);
}

static gboolean
ensure_open (Far *self, GCancellable *cancellable, GError **error)
{
  const PdMemberCanvas *canvas = &self->canvas;
  const PdPredictorOptions *tiles = &canvas->tiles;
  g_autoptr (GVariant) reply = NULL;
  guint64 part;

  if (self->open)
    return TRUE;
  if (!call (self, PD_FAR_CANVAS,
             g_variant_new ("(uuuuuu@*@*@*)", tiles->h, tiles->w, self->member.batch,
                            tiles->branches, canvas->n_anchors, canvas->n_statistics,
                            pd_far_pack_condition (tiles->like), pack_map (tiles->map),
                            pack_style (canvas->style, tiles->denoiser->info.channels)),
             "(t)", &reply, cancellable, error))
    return FALSE;
  g_variant_get (reply, "(t)", &part);
  self->open = part == self->member.part_bytes;
  if (!self->open)
    g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                 _ ("Devices of the cluster store what they give each other in different ways; use "
                    "--precision f32 or --kernels general"));
  return self->open;
}

static gboolean
far_prepare (PdMember *member, const PdStep *step, GCancellable *cancellable, GError **error)
{
  Far *self = (Far *) member;
  g_autoptr (GVariant) reply = NULL;

  if (!ensure_open (self, cancellable, error))
    return FALSE;
  if (self->canvas.style == NULL)
    return TRUE;
  if (!call (self, PD_FAR_PREPARE, g_variant_new ("(@at)", pd_link_pack (step, sizeof *step)),
             "(u)", &reply, cancellable, error))
    return FALSE;
  g_variant_get (reply, "(u)", &member->forwards);
  return TRUE;
}

static gboolean
far_load (PdMember *member, const PdBankShare *share, GCancellable *cancellable, GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  return call ((Far *) member, PD_FAR_LOAD,
               g_variant_new ("(uuu)", share->first, share->n, share->number), "()", &reply,
               cancellable, error);
}

/* The number of @condition there; it goes with @fresh if it has none yet. */
static guint32
number_of (Far *self, const PdCondition *condition, GVariantBuilder *fresh)
{
  guint number;

  if (g_ptr_array_find (self->conditions, condition, &number))
    return number;
  g_ptr_array_add (self->conditions, (gpointer) condition);
  g_variant_builder_add_value (fresh, pd_far_pack_condition (condition));
  return self->conditions->len - 1;
}

static GVariant *
pack_batch (Far *self, const PdStep *step, const PdBatch *batch, gint part)
{
  const PdPredictorOptions *tiles = &self->canvas.tiles;
  const gsize count = batch->count, latents = count * self->n * sizeof (float);
  const gsize shifts = self->canvas.n_statistics * sizeof *self->shifts;
  GVariantBuilder fresh;

  g_variant_builder_init (&fresh, G_VARIANT_TYPE ("a" PD_FAR_CONDITION_TYPE));
  for (guint image = 0; image < count; image++)
    {
      self->views[image] = batch->items[image].view;
      self->prompts[image] = batch->items[image].prompt;
      self->numbers[image] = number_of (self, batch->conditions[image], &fresh);
      if (shifts > 0)
        memcpy (self->shifts + image * self->canvas.n_statistics,
                pd_statistics_shifts (tiles->statistics, batch->parts[image]), shifts);
    }
  if (tiles->branches == 2)
    self->numbers[count] = number_of (self, batch->unconditional, &fresh);
  return g_variant_new (
      "(@atiu@*u@at@at@at@at@at@at)", pd_link_pack (step, sizeof *step), part, batch->bank_parts,
      g_variant_builder_end (&fresh), batch->count,
      pd_link_pack (self->views, count * sizeof *self->views),
      pd_link_pack (self->prompts, count * sizeof *self->prompts),
      pd_link_pack (self->numbers, (count + tiles->branches - 1) * sizeof *self->numbers),
      pd_link_pack (self->input, latents),
      pd_link_pack (self->content, self->content != NULL ? latents : 0),
      pd_link_pack (self->shifts, count * shifts));
}

/* @reply: (transfer full). */
static gboolean
run (Far *self,
     const PdStep *step,
     const PdBatch *batch,
     gint part,
     GVariant **reply,
     GCancellable *cancellable,
     GError **error)
{
  const PdMemberCanvas *canvas = &self->canvas;
  const gsize n = canvas->n_statistics * sizeof (PdNormMoments);
  const gsize predictions = batch->count * canvas->tiles.branches * self->n * sizeof (float);
  const guint8 *moments;
  const void *output;

  if (!call (self, PD_FAR_RUN, pack_batch (self, step, batch, part), PD_FAR_RAN_TYPE, reply,
             cancellable, error) ||
      (output = pd_link_unpack (*reply, 0, predictions, error)) == NULL ||
      (n > 0 && (moments = pd_link_unpack (*reply, 1, batch->count * n, error)) == NULL))
    return FALSE;
  memcpy (self->output, output, predictions);
  for (guint image = 0; n > 0 && image < batch->count; image++)
    memcpy (pd_statistics_own (canvas->tiles.statistics, batch->parts[image]), moments + image * n,
            n);
  g_variant_get_child (*reply, 2, "u", &self->member.forwards);
  return TRUE;
}

static gboolean
far_run (PdMember *member,
         const PdStep *step,
         const PdBatch *batch,
         GCancellable *cancellable,
         GError **error)
{
  g_autoptr (GVariant) reply = NULL;

  return run ((Far *) member, step, batch, PD_BANK_NO_PART, &reply, cancellable, error);
}

static gboolean
far_run_anchor (PdMember *member,
                const PdStep *step,
                const PdBatch *batch,
                guint part,
                guint8 *bytes,
                GCancellable *cancellable,
                GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  const void *left;

  if (!run ((Far *) member, step, batch, (gint) part, &reply, cancellable, error) ||
      (left = pd_link_unpack (reply, 3, member->part_bytes, error)) == NULL)
    return FALSE;
  memcpy (bytes, left, member->part_bytes);
  return TRUE;
}

static void
far_free (PdMember *member)
{
  Far *self = (Far *) member;
  g_autoptr (GVariant) reply = NULL;

  /* A device that does not answer any more has nothing to free. */
  if (self->open)
    call (self, PD_FAR_CANVAS_END, g_variant_new ("()"), "()", &reply, NULL, NULL);
  g_clear_pointer (&self->conditions, g_ptr_array_unref);
  g_free (self->input);
  g_free (self->content);
  g_free (self->output);
  g_free (self->shifts);
  g_free (self->prompts);
  g_free (self->numbers);
  g_free (self->views);
  g_free (self);
}

static const PdMemberClass class = {
  .input = far_input,
  .content = far_content,
  .output = far_output,
  .prepare = far_prepare,
  .load = far_load,
  .run = far_run,
  .run_anchor = far_run_anchor,
  .free = far_free,
};

static gboolean
allocate (Far *self, GError **error)
{
  const PdMemberCanvas *canvas = &self->canvas;
  const gsize batch = self->member.batch, n = batch * self->n;
  const char *what = _ ("the tiles");

  return (self->input = pd_try_new (float, n, what, error)) != NULL &&
         (self->output = pd_try_new (float, n * canvas->tiles.branches, what, error)) != NULL &&
         (canvas->style == NULL || canvas->style->content == NULL ||
          (self->content = pd_try_new (float, n, what, error)) != NULL) &&
         (canvas->n_statistics == 0 ||
          (self->shifts = pd_try_new (PdNormShift, batch * canvas->n_statistics, what, error)) !=
              NULL) &&
         (self->prompts = pd_try_new (guint32, batch, what, error)) != NULL &&
         (self->numbers = pd_try_new (guint32, batch + 1, what, error)) != NULL &&
         (self->views = pd_try_new (PdView, batch, what, error)) != NULL;
}

PdMember *
pd_member_new_far (
    const PdMemberCanvas *canvas, PdLink *link, const PdMember *like, guint batch, GError **error)
{
  g_autoptr (PdMember) member = (PdMember *) g_new0 (Far, 1);
  Far *self = (Far *) member;

  *member = (PdMember){ .class = &class, .batch = batch, .part_bytes = like->part_bytes };
  self->canvas = *canvas;
  self->link = link;
  self->bytes = link->bytes;
  self->n = (gsize) canvas->tiles.denoiser->info.channels * canvas->tiles.h * canvas->tiles.w;
  self->conditions = g_ptr_array_new ();
  return allocate (self, error) ? g_steal_pointer (&member) : NULL;
}
