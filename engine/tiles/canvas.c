// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/guidance.h"
#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/gpu/account.h"
#include "engine/tiles/canvas-private.h"

static gsize
canvas_elements (const PdCanvas *self)
{
  return (gsize) self->channels * self->options.height * self->options.width;
}

/* Every image of a batch gets its branch's context. */
static float *
repeat_context (const PdCanvasOptions *options, guint width, GError **error)
{
  gsize size = (gsize) options->tokens * width;
  float *context =
      pd_try_new (float, options->branches * options->batch * size, _ ("the prompt"), error);

  if (context == NULL)
    return NULL;
  for (guint branch = 0; branch < options->branches; branch++)
    for (guint image = 0; image < options->batch; image++)
      memcpy (context + (branch * options->batch + image) * size, options->context + branch * size,
              size * sizeof *context);
  return context;
}

static PdShare
share_of (PdSync sync)
{
  return sync == PD_SYNC_ATTENTION ? PD_SHARE_BANK_READ
         : sync == PD_SYNC_EXACT   ? PD_SHARE_ALL
                                   : PD_SHARE_NONE;
}

static guint
n_prompts (const PdCanvas *self)
{
  return 1 + (self->options.prompts != NULL ? self->options.prompts->n : 0);
}

/* Predictions of a step at most: of every tile, for every prompt. */
static gsize
n_parts (const PdCanvas *self)
{
  return (gsize) pd_grid_n_tiles (&self->grid) * n_prompts (self);
}

/* The UNet for the tiles of a batch. */
static PdUNetPass *
make_pass (const PdCanvas *self, guint tiles, gboolean wide, GError **error)
{
  const PdCanvasOptions *options = &self->options;

  return pd_unet_pass_new (options->unet,
                           &(PdUNetPassOptions){ .n = tiles * options->branches,
                                                 .h = self->grid.y.tile,
                                                 .w = self->grid.x.tile,
                                                 .tokens = options->tokens,
                                                 .share = share_of (options->sync),
                                                 .bank = pd_thumbnail_bank (self->thumbnail),
                                                 .branches = options->branches,
                                                 .norms = options->norm_share > 0,
                                                 .wide = wide },
                           error);
}

/* All tiles at once take as many times the memory of one as there are; told before a graph of them
 * is built, which for many takes long. */
static gboolean
check_exact (const PdCanvas *self, GError **error)
{
  PdDevice *device = pd_unet_backend (self->options.unet)->device;
  guint64 used = pd_account_used (device), limit = pd_account_limit (device), bytes;
  gboolean rehearsing = pd_account_is_rehearsing (device);
  guint n_tiles = pd_grid_n_tiles (&self->grid);
  g_autofree char *needed = NULL, *available = NULL;
  PdUNetPass *pass;

  if (!rehearsing)
    pd_account_begin_rehearsal (device);
  pass = make_pass (self, 1, FALSE, error);
  bytes = pd_account_used (device) - used;
  pd_unet_pass_free (pass);
  if (!rehearsing)
    pd_account_end_rehearsal (device);
  if (pass == NULL)
    return FALSE;
  if (used + n_tiles * bytes <= limit)
    return TRUE;
  needed = g_format_size_full (n_tiles * bytes, G_FORMAT_SIZE_IEC_UNITS);
  available = g_format_size_full (limit - MIN (used, limit), G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (
      error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
      _ ("--sync exact denoises all %u tiles at once, which needs %s of device memory, but "
         "%s are free; use --sync attention, choose a smaller picture, or raise --memory"),
      n_tiles, needed, available);
  return FALSE;
}

/* What is kept of the tiles and of the canvas on the host, but for statistics. */
static gboolean
allocate (PdCanvas *self, GError **error)
{
  const PdCanvasOptions *options = &self->options;
  const PdGrid *grid = &self->grid;
  const gsize images = (gsize) options->batch * options->branches;
  const gsize tile_pixels = (gsize) grid->y.tile * grid->x.tile;
  const gsize pixels = (gsize) options->height * options->width;
  guint width = (guint) pd_unet_config (options->unet)->cross_attention_dim;
  const char *tiles = _ ("the tiles"), *canvas = _ ("the canvas");

  self->context_elements = (gsize) options->tokens * width;
  if ((self->starts_y = pd_try_new (guint, grid->y.count, tiles, error)) == NULL ||
      (self->starts_x = pd_try_new (guint, grid->x.count, tiles, error)) == NULL ||
      (self->profile_y = pd_try_new (float, grid->y.tile, tiles, error)) == NULL ||
      (self->profile_x = pd_try_new (float, grid->x.tile, tiles, error)) == NULL ||
      (self->items = pd_try_new (PdCanvasItem, n_parts (self), tiles, error)) == NULL ||
      (self->input = pd_try_new0 (float, images * self->tile_elements, tiles, error)) == NULL ||
      (self->output = pd_try_new (float, images * self->tile_elements, tiles, error)) == NULL ||
      (self->context = repeat_context (options, width, error)) == NULL ||
      (self->mass = pd_try_new (float, pixels, canvas, error)) == NULL)
    return FALSE;
  if (options->prompts != NULL &&
      (self->shares = pd_try_new (float, n_prompts (self) * tile_pixels, tiles, error)) == NULL)
    return FALSE;
  if (options->branches == 2 && options->guidance_rescale > 0 &&
      (self->conditional = pd_try_new (float, canvas_elements (self), canvas, error)) == NULL)
    return FALSE;
  return TRUE;
}

PdCanvas *
pd_canvas_new (const PdCanvasOptions *options, GError **error)
{
  const PdUNetConfig *config = pd_unet_config (options->unet);
  g_autoptr (PdCanvas) self = g_new0 (PdCanvas, 1);
  PdGrid *grid = &self->grid;

  self->options = *options;
  self->channels = config->in_channels;
  if (!pd_grid_init (grid, options->height, options->width, options->tile, options->overlap,
                     options->wrap_y, options->wrap_x, error))
    return NULL;
  if (pd_grid_n_tiles (grid) == 1)
    self->options.sync = PD_SYNC_FUSION;
  if (self->options.sync < PD_SYNC_ATTENTION)
    self->options.norm_share = 0;
  if (self->options.sync == PD_SYNC_EXACT && options->prompts != NULL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("Regions with prompts of their own are not possible with --sync exact; use "
                      "--sync attention"));
      return NULL;
    }
  self->options.batch = self->options.sync == PD_SYNC_EXACT
                            ? pd_grid_n_tiles (grid)
                            : MIN (options->batch, pd_grid_n_tiles (grid));
  self->tile_elements = (gsize) self->channels * grid->y.tile * grid->x.tile;
  if (!allocate (self, error))
    return NULL;
  /* A lone tile is the canvas: weighting and dividing would only round. */
  pd_weight_profile (pd_grid_n_tiles (grid) == 1 ? PD_WEIGHT_UNIFORM : options->weight,
                     grid->y.tile, grid->y.overlap, self->profile_y);
  pd_weight_profile (pd_grid_n_tiles (grid) == 1 ? PD_WEIGHT_UNIFORM : options->weight,
                     grid->x.tile, grid->x.overlap, self->profile_x);
  if (self->options.sync == PD_SYNC_ATTENTION)
    {
      self->thumbnail = pd_thumbnail_new (&self->options, grid->y.tile, grid->x.tile, error);
      if (self->thumbnail == NULL)
        return NULL;
    }
  if (self->options.sync == PD_SYNC_EXACT && !check_exact (self, error))
    return NULL;
  self->pass = make_pass (self, self->options.batch, FALSE, error);
  if (self->pass == NULL)
    return NULL;
  if (self->options.norm_share > 0)
    {
      self->statistics = pd_statistics_new (
          options->norm_share, n_parts (self), options->branches, self->options.batch,
          pd_norms_count (pd_unet_pass_norms (self->pass)), error);
      if (self->statistics == NULL)
        return NULL;
    }
  return g_steal_pointer (&self);
}

void
pd_canvas_free (PdCanvas *self)
{
  if (self == NULL)
    return;
  pd_unet_pass_free (self->pass);
  pd_unet_pass_free (self->wide_pass);
  pd_thumbnail_free (self->thumbnail);
  pd_statistics_free (self->statistics);
  g_free (self->starts_y);
  g_free (self->starts_x);
  g_free (self->profile_y);
  g_free (self->profile_x);
  g_free (self->mass);
  g_free (self->items);
  g_free (self->shares);
  g_free (self->context);
  g_free (self->input);
  g_free (self->output);
  g_free (self->conditional);
  g_free (self);
}

guint
pd_canvas_n_tiles (const PdCanvas *self)
{
  return pd_grid_n_tiles (&self->grid);
}

guint
pd_canvas_unet_forwards (const PdCanvas *self)
{
  return self->unet_forwards +
         (self->thumbnail != NULL ? pd_thumbnail_unet_forwards (self->thumbnail) : 0);
}

PdGraph *
pd_canvas_graph (PdCanvas *self)
{
  return pd_unet_pass_graph (self->pass);
}

gsize
pd_canvas_bank_bytes (const PdCanvas *self)
{
  PdBank *bank = pd_thumbnail_bank (self->thumbnail);

  return bank != NULL ? pd_bank_bytes (bank) : 0;
}

void
pd_canvas_set_clean (PdCanvas *self, const float *clean)
{
  if (self->thumbnail != NULL)
    pd_thumbnail_set_clean (self->thumbnail, clean, 1, NULL, 0);
}

static void
tile_start (const PdCanvas *self, guint tile, guint *y, guint *x)
{
  *y = self->starts_y[tile / self->grid.x.count];
  *x = self->starts_x[tile % self->grid.x.count];
}

const float *
pd_canvas_mass (const PdCanvas *self)
{
  return self->mass;
}

static void
mix_prompts (PdCanvas *self, guint tile)
{
  guint y, x, h = self->grid.y.tile, w = self->grid.x.tile;

  tile_start (self, tile, &y, &x);
  pd_prompts_mix (self->options.prompts, y, x, h, w, h, w, self->shares);
}

/* A tile is predicted for every prompt that counts in it. */
static void
list_items (PdCanvas *self)
{
  const PdPrompts *prompts = self->options.prompts;
  gsize n = (gsize) self->grid.y.tile * self->grid.x.tile;

  self->n_items = 0;
  for (guint tile = 0; tile < pd_grid_n_tiles (&self->grid); tile++)
    {
      if (prompts != NULL)
        mix_prompts (self, tile);
      for (guint prompt = 0; prompt < n_prompts (self); prompt++)
        {
          const PdCanvasItem item = { tile, prompt };

          if (prompts == NULL || pd_prompts_count (self->shares + prompt * n, n))
            self->items[self->n_items++] = item;
        }
    }
}

static const PdCanvasItem *
item_at (const PdCanvas *self, gsize i)
{
  return &self->items[i];
}

/* Gives image @image of the batch its prompt; the branch without prompt has its own already. */
static void
set_prompt (PdCanvas *self, guint image, guint prompt)
{
  const PdCanvasOptions *options = &self->options;
  guint branch = options->branches - 1;
  gsize n = self->context_elements;
  const float *context =
      prompt > 0 ? options->prompts->contexts + (prompt - 1) * n : options->context + branch * n;

  memcpy (self->context + (branch * options->batch + image) * n, context, n * sizeof *context);
}

/* Reads the tiles of items first … first + count - 1 into the batch, for every branch. */
static void
gather (PdCanvas *self,
        const PdSchedule *schedule,
        guint i,
        const float *latent,
        gsize first,
        guint count)
{
  gsize n = self->tile_elements;

  for (guint image = 0; image < count; image++)
    {
      const PdCanvasItem *item = item_at (self, first + image);
      guint y, x;

      tile_start (self, item->tile, &y, &x);
      if (self->options.prompts != NULL)
        set_prompt (self, image, item->prompt);
      if (self->statistics != NULL)
        pd_statistics_set_part (self->statistics, image,
                                (gsize) item->tile * n_prompts (self) + item->prompt);
      pd_tile_read (&self->grid, self->channels, latent, y, x, self->input + image * n);
    }
  for (gsize e = 0; e < count * n; e++)
    self->input[e] = (float) (self->input[e] * pd_schedule_input_scale (schedule, i));
  if (self->options.branches == 2)
    memcpy (self->input + self->options.batch * n, self->input, count * n * sizeof (float));
}

/* Whether image @image of the batch is numbers in every branch. */
static gboolean
is_finite (const PdCanvas *self, guint image)
{
  gsize n = self->tile_elements;

  for (guint branch = 0; branch < self->options.branches; branch++)
    {
      const float *values = self->output + (branch * self->options.batch + image) * n;

      for (gsize e = 0; e < n; e++)
        if (!isfinite (values[e]))
          return FALSE;
    }
  return TRUE;
}

/* Predicts image @image of the batch once more, in f32: what f16 cannot hold is why a UNet gives
 * infinities. Not for tiles that read each other's keys, which are one batch. */
static gboolean
predict_wide (
    PdCanvas *self, double timestep, guint image, GCancellable *cancellable, GError **error)
{
  const PdCanvasOptions *options = &self->options;
  gsize n = self->tile_elements, m = self->context_elements;
  const char *what = _ ("the tiles");
  g_autofree float *input = pd_try_new (float, options->branches *n, what, error);
  g_autofree float *output = NULL, *context = NULL;

  if (input == NULL || (output = pd_try_new (float, options->branches *n, what, error)) == NULL ||
      (context = pd_try_new (float, options->branches *m, what, error)) == NULL)
    return FALSE;
  if (self->wide_pass == NULL)
    self->wide_pass = make_pass (self, 1, TRUE, error);
  if (self->wide_pass == NULL)
    return FALSE;
  for (guint branch = 0; branch < options->branches; branch++)
    {
      gsize at = branch * options->batch + image;

      memcpy (input + branch * n, self->input + at * n, n * sizeof *input);
      memcpy (context + branch * m, self->context + at * m, m * sizeof *context);
    }
  pd_unet_pass_set_bank_strength (self->wide_pass, self->bank_strength);
  if (!pd_statistics_run (self->statistics, self->wide_pass,
                          &(PdUNetRun){ .sample = input,
                                        .n_sample = options->branches * n,
                                        .timestep = timestep,
                                        .context = context,
                                        .n_context = options->branches * m,
                                        .prediction = output,
                                        .n_prediction = options->branches * n },
                          image, cancellable, error))
    return FALSE;
  for (guint branch = 0; branch < options->branches; branch++)
    memcpy (self->output + (branch * options->batch + image) * n, output + branch * n,
            n * sizeof *output);
  self->unet_forwards += options->branches;
  return TRUE;
}

/* Predicts the batch, which holds items first … first + count - 1. */
static gboolean
predict_batch (PdCanvas *self,
               double timestep,
               gsize first,
               guint count,
               GCancellable *cancellable,
               GError **error)
{
  gboolean narrow = pd_unet_backend (self->options.unet)->activations != PD_TYPE_F32;
  const gsize images = (gsize) self->options.batch * self->options.branches;

  if (!pd_statistics_run (self->statistics, self->pass,
                          &(PdUNetRun){ .sample = self->input,
                                        .n_sample = images * self->tile_elements,
                                        .timestep = timestep,
                                        .context = self->context,
                                        .n_context = images * self->context_elements,
                                        .prediction = self->output,
                                        .n_prediction = images * self->tile_elements },
                          0, cancellable, error))
    return FALSE;
  self->unet_forwards += count * self->options.branches;
  for (guint image = 0; image < count; image++)
    {
      guint y, x;

      if (is_finite (self, image))
        continue;
      if (narrow && self->options.sync != PD_SYNC_EXACT)
        {
          if (!predict_wide (self, timestep, image, cancellable, error))
            return FALSE;
          if (is_finite (self, image))
            continue;
        }
      tile_start (self, item_at (self, first + image)->tile, &y, &x);
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("The UNet gave a value that is not a number in the tile at %u, %u (latent "
                      "pixels); try --precision f32"),
                   x, y);
      return FALSE;
    }
  return TRUE;
}

/* Adds the predictions of items first … first + count - 1 to the canvas. */
static void
scatter (PdCanvas *self, gsize first, guint count, float *sum)
{
  const PdCanvasOptions *options = &self->options;
  gsize n = self->tile_elements;

  for (guint image = 0; image < count; image++)
    {
      float *guided = self->output + image * n;
      const float *conditional = self->output + (options->batch + image) * n, *shares = NULL;
      const PdCanvasItem *item = item_at (self, first + image);
      guint y, x;

      if (options->branches == 2)
        pd_guidance_combine (n, guided, conditional, options->guidance, guided);
      tile_start (self, item->tile, &y, &x);
      if (options->prompts != NULL)
        {
          mix_prompts (self, item->tile);
          shares = self->shares + item->prompt * (gsize) self->grid.y.tile * self->grid.x.tile;
        }
      pd_tile_add (&self->grid, self->channels, guided, self->profile_y, self->profile_x, shares, y,
                   x, sum, self->mass);
      if (self->conditional != NULL)
        pd_tile_add (&self->grid, self->channels, conditional, self->profile_y, self->profile_x,
                     shares, y, x, self->conditional, NULL);
    }
}

/* Writes the bank for step @i, or switches it off where the run no longer reads it. */
static gboolean
refresh_bank (
    PdCanvas *self, const PdSchedule *schedule, guint i, GCancellable *cancellable, GError **error)
{
  guint n_steps = pd_schedule_n_calls (schedule);
  gboolean read = n_steps - i > self->options.bank_until * n_steps;

  self->bank_strength = read ? self->options.bank_strength : 0;
  pd_unet_pass_set_bank_strength (self->pass, self->bank_strength);
  if (!read)
    return TRUE;
  return pd_thumbnail_run (self->thumbnail, schedule, i, cancellable, error);
}

gboolean
pd_canvas_predict (PdCanvas *self,
                   const PdSchedule *schedule,
                   guint i,
                   const float *latent,
                   float *prediction,
                   PdCanvasTileFunc progress,
                   gpointer user_data,
                   GCancellable *cancellable,
                   GError **error)
{
  const PdCanvasOptions *options = &self->options;
  gsize pixels = (gsize) options->height * options->width, elements = canvas_elements (self);

  pd_grid_starts (&self->grid, options->jitter, options->seed, i, self->starts_y, self->starts_x);
  list_items (self);
  memset (self->mass, 0, pixels * sizeof *self->mass);
  memset (prediction, 0, elements * sizeof *prediction);
  if (self->conditional != NULL)
    memset (self->conditional, 0, elements * sizeof *self->conditional);

  if (self->statistics != NULL)
    pd_statistics_begin (self->statistics);
  if (self->thumbnail != NULL && !refresh_bank (self, schedule, i, cancellable, error))
    return FALSE;
  for (gsize first = 0; first < self->n_items; first += options->batch)
    {
      /* The last batch may be short: its surplus images repeat an earlier one and are left out. */
      gsize end = MIN (first + options->batch, self->n_items);
      guint count = (guint) (end - first);

      gather (self, schedule, i, latent, first, count);
      if (!predict_batch (self, pd_schedule_timestep (schedule, i), first, count, cancellable,
                          error))
        return FALSE;
      scatter (self, first, count, prediction);
      if (progress != NULL)
        progress (end < self->n_items ? item_at (self, end)->tile : pd_canvas_n_tiles (self),
                  user_data);
    }
  pd_fusion_divide (self->channels, pixels, prediction, self->mass);
  if (self->conditional != NULL)
    {
      pd_fusion_divide (self->channels, pixels, self->conditional, self->mass);
      pd_guidance_rescale (elements, self->conditional, options->guidance_rescale, prediction);
    }
  if (self->statistics != NULL)
    pd_statistics_commit (self->statistics);
  if (self->thumbnail != NULL)
    {
      double from_latent, from_output;

      pd_schedule_x0_factors (schedule, i, &from_latent, &from_output);
      pd_thumbnail_set_clean (self->thumbnail, latent, from_latent, prediction, from_output);
    }
  return TRUE;
}
