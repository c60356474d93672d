// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/tile-server.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/tiles/coder-private.h"
#include "engine/tiles/far.h"
#include "engine/tiles/member.h"

/* A canvas, with all that it points to. */
typedef struct
{
  PdMember *member;
  gsize n; /* numbers of a tile's latent */
  guint branches, n_anchors, n_statistics;
  PdCondition *like;
  PdMap map;
  PdStyle style;
  GArray *survey;
  PdStatistics *statistics; /* a part an image of a batch; NULL if they are not shared */
  GPtrArray *conditions;    /* PdCondition, by number */
  gboolean has_content;

  /* Of the images of a batch. */
  PdItem *items;
  gsize *parts;
  const PdCondition **told;
} Canvas;

struct _PdTileServer
{
  PdDenoiser *denoiser;
  PdAutoencoder *autoencoder;
  PdLinkShared find_shared;
  Canvas canvas; /* empty without a member */
  PdCoder coder; /* empty unless it is ready */
};

static void
canvas_clear (Canvas *self)
{
  pd_member_free (self->member);
  pd_condition_free (self->like);
  pd_condition_free ((PdCondition *) self->style.condition);
  pd_statistics_free (self->statistics);
  g_clear_pointer (&self->survey, g_array_unref);
  g_clear_pointer (&self->conditions, g_ptr_array_unref);
  g_free ((float *) self->map.values);
  g_free ((float *) self->style.path);
  g_free (self->items);
  g_free (self->parts);
  g_free (self->told);
  *self = (Canvas){ 0 };
}

PdTileServer *
pd_tile_server_new (PdDenoiser *denoiser, PdAutoencoder *autoencoder, PdLinkShared find_shared)
{
  PdTileServer *self = g_new0 (PdTileServer, 1);

  self->denoiser = denoiser;
  self->autoencoder = autoencoder;
  self->find_shared = find_shared;
  return self;
}

void
pd_tile_server_free (PdTileServer *self)
{
  if (self == NULL)
    return;
  canvas_clear (&self->canvas);
  pd_coder_clear (&self->coder);
  g_free (self);
}

/* Child @i of @message, @n numbers. Returns: a copy; NULL with an error. */
static float *
take_floats (GVariant *message, guint i, gsize n, GError **error)
{
  const void *values = pd_link_unpack (message, i, n * sizeof (float), error);
  float *copy = values != NULL ? g_new (float, MAX (n, 1)) : NULL;

  if (copy != NULL)
    memcpy (copy, values, n * sizeof *copy);
  return copy;
}

static PdCondition *
take_condition (GVariant *message, guint i, GError **error)
{
  g_autoptr (GVariant) packed = g_variant_get_child_value (message, i);

  return pd_far_unpack_condition (packed, error);
}

static gboolean
take_map (Canvas *self, GVariant *packed, GError **error)
{
  PdMap *map = &self->map;

  g_variant_get (packed, "(uuu@at)", &map->channels, &map->h, &map->w, NULL);
  map->values = take_floats (packed, 3, (gsize) map->channels * map->h * map->w, error);
  return map->values != NULL;
}

/* The content itself comes with its tiles. */
static gboolean
take_style (Canvas *self, GVariant *packed, guint channels, GError **error)
{
  static const guint16 some_content = 0;
  PdStyle *style = &self->style;
  gsize n;

  g_variant_get (packed, "(uuu@at@*db)", &style->h, &style->w, &style->calls, NULL, NULL,
                 &style->share, &self->has_content);
  n = (gsize) channels * style->h * style->w * (style->calls + 1);
  style->content = self->has_content ? &some_content : NULL;
  return (style->path = take_floats (packed, 3, n, error)) != NULL &&
         (style->condition = take_condition (packed, 4, error)) != NULL;
}

/* Fewer tiles at once where the device does not hold so many. */
static gboolean
make_member (PdTileServer *self, const PdMemberCanvas *canvas, guint batch, GError **error)
{
  for (;;)
    {
      g_autoptr (GError) failure = NULL;

      self->canvas.member = pd_member_new_here (canvas, self->denoiser, batch, &failure);
      if (self->canvas.member != NULL)
        return TRUE;
      if (batch <= 1 || !g_error_matches (failure, PD_ERROR, PD_ERROR_OUT_OF_MEMORY))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return FALSE;
        }
      batch /= 2;
    }
}

static gboolean
make_canvas (PdTileServer *self, GVariant *params, GError **error)
{
  Canvas *canvas = &self->canvas;
  PdMemberCanvas options = { 0 };
  PdPredictorOptions *tiles = &options.tiles;
  g_autoptr (GVariant) map = g_variant_get_child_value (params, 7);
  g_autoptr (GVariant) style = g_variant_get_child_value (params, 8);
  guint batch;

  g_variant_get (params, "(uuuuuu@*@*@*)", &tiles->h, &tiles->w, &batch, &tiles->branches,
                 &options.n_anchors, &options.n_statistics, NULL, NULL, NULL);
  canvas->n = (gsize) self->denoiser->info.channels * tiles->h * tiles->w;
  canvas->branches = tiles->branches;
  canvas->n_anchors = options.n_anchors;
  canvas->n_statistics = options.n_statistics;
  canvas->conditions = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_condition_free);
  canvas->survey = pd_denoiser_survey (self->denoiser, tiles->h, tiles->w);
  canvas->items = g_new (PdItem, batch);
  canvas->parts = g_new (gsize, batch);
  canvas->told = g_new (const PdCondition *, batch);
  if ((canvas->like = take_condition (params, 6, error)) == NULL ||
      !take_map (canvas, map, error) ||
      !take_style (canvas, style, self->denoiser->info.channels, error) ||
      (options.n_statistics > 0 &&
       (canvas->statistics = pd_statistics_new (1, batch, options.n_statistics, error)) == NULL))
    return FALSE;
  tiles->like = canvas->like;
  tiles->map = canvas->map.channels > 0 ? &canvas->map : NULL;
  tiles->statistics = canvas->statistics;
  tiles->survey = canvas->survey;
  options.style = canvas->style.h > 0 ? &canvas->style : NULL;
  return make_member (self, &options, batch, error);
}

static gpointer
refuse (GError **error)
{
  pd_link_set_malformed (error);
  return NULL;
}

static GVariant *
open_canvas (PdTileServer *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  canvas_clear (&self->canvas);
  if (make_canvas (self, params, error))
    return g_variant_new ("(t)", (guint64) self->canvas.member->part_bytes);
  canvas_clear (&self->canvas);
  return NULL;
}

static GVariant *
close_canvas (PdTileServer *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  canvas_clear (&self->canvas);
  return g_variant_new ("()");
}

static GVariant *
prepare (PdTileServer *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  PdMember *member = self->canvas.member;
  const PdStep *step = pd_link_unpack (params, 0, sizeof *step, error);

  if (step == NULL || !pd_member_prepare (member, step, cancellable, error))
    return NULL;
  return g_variant_new ("(u)", member->forwards);
}

static GVariant *
load (PdTileServer *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  const Canvas *canvas = &self->canvas;
  g_autoptr (GBytes) shared = NULL;
  PdBankShare share;
  gsize bytes;

  g_variant_get (params, "(uuu)", &share.first, &share.n, &share.number);
  if (share.n > canvas->n_anchors || share.first > canvas->n_anchors - share.n)
    return refuse (error);
  if ((shared = self->find_shared (share.number, cancellable, error)) == NULL)
    return NULL;
  share.bytes = g_bytes_get_data (shared, &bytes);
  if (bytes != share.n * canvas->member->part_bytes)
    return refuse (error);
  return pd_member_load (canvas->member, &share, cancellable, error) ? g_variant_new ("()") : NULL;
}

/* A batch as it came, and what it becomes. */
typedef struct
{
  const PdStep *step;
  gint part;
  guint bank_parts, count;
  const PdView *views;
  const guint32 *prompts, *numbers;
  const float *inputs, *contents;
  const PdNormShift *shifts;
  float *output;          /* [count][branches][n] */
  PdNormMoments *moments; /* [count][n_statistics] */
  guint8 *left;           /* [part_bytes], of an anchor */
} Batch;

static gboolean
learn_conditions (Canvas *self, GVariant *fresh, GError **error)
{
  for (gsize i = 0; i < g_variant_n_children (fresh); i++)
    {
      PdCondition *condition = take_condition (fresh, (guint) i, error);

      if (condition == NULL)
        return FALSE;
      g_ptr_array_add (self->conditions, condition);
    }
  return TRUE;
}

static gboolean
take_batch (const Canvas *self, GVariant *params, Batch *batch, GError **error)
{
  const gsize n = self->n * sizeof (float), shifts = self->n_statistics * sizeof (PdNormShift);
  gsize count;

  g_variant_get (params, "(@atiu@*u@at@at@at@at@at@at)", NULL, &batch->part, &batch->bank_parts,
                 NULL, &batch->count, NULL, NULL, NULL, NULL, NULL, NULL);
  count = batch->count;
  if (batch->bank_parts > self->n_anchors || batch->part >= (gint) self->n_anchors ||
      (batch->part >= 0 && (count != 1 || batch->bank_parts > (guint) batch->part)))
    {
      pd_link_set_malformed (error);
      return FALSE;
    }
  return (batch->step = pd_link_unpack (params, 0, sizeof *batch->step, error)) != NULL &&
         (batch->views = pd_link_unpack (params, 5, count * sizeof (PdView), error)) != NULL &&
         (batch->prompts = pd_link_unpack (params, 6, count * sizeof (guint32), error)) != NULL &&
         (batch->numbers = pd_link_unpack (
              params, 7, (count + self->branches - 1) * sizeof (guint32), error)) != NULL &&
         (batch->inputs = pd_link_unpack (params, 8, count * n, error)) != NULL &&
         (!self->has_content ||
          (batch->contents = pd_link_unpack (params, 9, count * n, error)) != NULL) &&
         (shifts == 0 ||
          (batch->shifts = pd_link_unpack (params, 10, count * shifts, error)) != NULL);
}

static const PdCondition *
condition_at (const Canvas *self, guint32 number, GError **error)
{
  return number < self->conditions->len ? self->conditions->pdata[number] : refuse (error);
}

/* Images @first to @first + @count of @batch, which the member holds. */
static gboolean
run_some (Canvas *self,
          const Batch *batch,
          guint first,
          guint count,
          GCancellable *cancellable,
          GError **error)
{
  PdBatch images = {
    .items = self->items,
    .parts = self->parts,
    .conditions = self->told,
    .count = count,
    .bank_parts = batch->bank_parts,
  };
  gsize n;
  gboolean ok;

  for (guint image = 0; image < count; image++)
    {
      const guint from = first + image;

      if ((self->told[image] = condition_at (self, batch->numbers[from], error)) == NULL)
        return FALSE;
      self->items[image] = (PdItem){ .prompt = batch->prompts[from],
                                     .view = batch->views[from],
                                     .condition = self->told[image] };
      self->parts[image] = image;
      memcpy (pd_member_input (self->member, image), batch->inputs + from * self->n,
              self->n * sizeof (float));
      if (self->has_content)
        memcpy (pd_member_content (self->member, image), batch->contents + from * self->n,
                self->n * sizeof (float));
      if (self->statistics != NULL)
        memcpy (pd_statistics_state (self->statistics, &n) + image * self->n_statistics,
                batch->shifts + from * self->n_statistics,
                self->n_statistics * sizeof *batch->shifts);
    }
  if (self->branches == 2 &&
      (images.unconditional = condition_at (self, batch->numbers[batch->count], error)) == NULL)
    return FALSE;
  ok = batch->part != PD_BANK_NO_PART
           ? pd_member_run_anchor (self->member, batch->step, &images, (guint) batch->part,
                                   batch->left, cancellable, error)
           : pd_member_run (self->member, batch->step, &images, cancellable, error);
  for (guint image = 0; ok && image < count; image++)
    {
      for (guint branch = 0; branch < self->branches; branch++)
        memcpy (batch->output + ((first + image) * self->branches + branch) * self->n,
                pd_member_output (self->member, image, branch), self->n * sizeof (float));
      if (self->statistics != NULL)
        memcpy (batch->moments + (first + image) * self->n_statistics,
                pd_statistics_own (self->statistics, image),
                self->n_statistics * sizeof *batch->moments);
    }
  return ok;
}

static GVariant *
run (PdTileServer *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  Canvas *canvas = &self->canvas;
  g_autoptr (GVariant) fresh = g_variant_get_child_value (params, 3);
  Batch batch = { 0 };
  g_autofree guint8 *left = NULL;
  g_autofree float *output = NULL;
  g_autofree PdNormMoments *moments = NULL;

  if (!learn_conditions (canvas, fresh, error) || !take_batch (canvas, params, &batch, error))
    return NULL;
  batch.output = output = g_new (float, batch.count * canvas->branches * canvas->n);
  batch.moments = moments = g_new0 (PdNormMoments, batch.count * canvas->n_statistics + 1);
  if (batch.part != PD_BANK_NO_PART)
    batch.left = left = g_malloc (canvas->member->part_bytes);
  for (guint first = 0; first < batch.count; first += canvas->member->batch)
    if (!run_some (canvas, &batch, first, MIN (canvas->member->batch, batch.count - first),
                   cancellable, error))
      return NULL;
  return g_variant_new (
      "(@at@atu@at)",
      pd_link_pack (output, batch.count * canvas->branches * canvas->n * sizeof *output),
      pd_link_pack (moments, batch.count * canvas->n_statistics * sizeof *moments),
      canvas->member->forwards, pd_link_pack (left, left != NULL ? canvas->member->part_bytes : 0));
}

/* The sample comes as it was filled there. */
static gboolean
take_sample (PdCoder *coder, GVariant *params, GError **error)
{
  gsize bytes;
  float *to;
  const void *sample;

  if (!pd_coder_needs_sample (coder))
    return TRUE;
  if (!pd_coder_begin_sample (coder, error))
    return FALSE;
  to = pd_coder_source (coder, 1, &bytes);
  if ((sample = pd_link_unpack (params, 1, bytes, error)) == NULL)
    return FALSE;
  memcpy (to, sample, bytes);
  return TRUE;
}

static GVariant *
open_coder (PdTileServer *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  const PdFarCoder *far = pd_link_unpack (params, 0, sizeof *far, error);
  PdCoder *coder = &self->coder;
  PdCoderOptions options;

  if (far == NULL)
    return NULL;
  options = (PdCoderOptions){ .autoencoder = self->autoencoder,
                              .height = far->height,
                              .width = far->width,
                              .tile = far->tile,
                              .batch = far->batch,
                              .wrap = far->wrap };
  pd_coder_clear (coder);
  if (pd_coder_init (coder, &options, NULL, far->decode, error) &&
      take_sample (coder, params, error) && pd_coder_get_ready (coder, cancellable, error))
    return g_variant_new ("()");
  pd_coder_clear (coder);
  return NULL;
}

static GVariant *
code (PdTileServer *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  PdCoder *coder = &self->coder;
  const void *source;
  guint count;
  gsize bytes;
  float *to;

  g_variant_get_child (params, 0, "u", &count);
  if (count > coder->options.batch)
    return refuse (error);
  to = pd_coder_source (coder, count, &bytes);
  if ((source = pd_link_unpack (params, 1, bytes, error)) == NULL)
    return NULL;
  memcpy (to, source, bytes);
  if (!pd_coder_run_batch (coder, count, cancellable, error))
    return NULL;
  to = pd_coder_result (coder, count, &bytes);
  return g_variant_new ("(@at@at)", pd_link_pack (to, bytes),
                        pd_link_pack (coder->log_variance, coder->decode ? 0 : bytes));
}

static GVariant *
close_coder (PdTileServer *self, GVariant *params, GCancellable *cancellable, GError **error)
{
  pd_coder_clear (&self->coder);
  return g_variant_new ("()");
}

/* By method. */
static const struct
{
  const char *type;
  GVariant *(*serve) (PdTileServer *self,
                      GVariant *params,
                      GCancellable *cancellable,
                      GError **error);
  gboolean needs_canvas, needs_coder;
} methods[PD_FAR_N] = {
  [PD_FAR_CANVAS] = { PD_FAR_CANVAS_TYPE, open_canvas },
  [PD_FAR_CANVAS_END] = { "()", close_canvas },
  [PD_FAR_PREPARE] = { "(at)", prepare, .needs_canvas = TRUE },
  [PD_FAR_LOAD] = { "(uuu)", load, .needs_canvas = TRUE },
  [PD_FAR_RUN] = { PD_FAR_RUN_TYPE, run, .needs_canvas = TRUE },
  [PD_FAR_CODER] = { PD_FAR_CODER_TYPE, open_coder },
  [PD_FAR_CODE] = { PD_FAR_CODE_TYPE, code, .needs_coder = TRUE },
  [PD_FAR_CODER_END] = { "()", close_coder },
};

GVariant *
pd_tile_server_call (
    PdTileServer *self, guint method, GVariant *params, GCancellable *cancellable, GError **error)
{
  if (method < PD_FAR_N && g_variant_is_of_type (params, G_VARIANT_TYPE (methods[method].type)) &&
      (!methods[method].needs_canvas || self->canvas.member != NULL) &&
      (!methods[method].needs_coder || self->coder.ready))
    return methods[method].serve (self, params, cancellable, error);
  return refuse (error);
}
