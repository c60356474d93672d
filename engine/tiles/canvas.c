// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/canvas.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/half.h"
#include "engine/base/host-memory.h"
#include "engine/diffusion/guidance.h"
#include "engine/tiles/canvas-private.h"

static gsize
canvas_elements (const PdCanvas *self)
{
  return (gsize) self->channels * self->options.height * self->options.width;
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

/* What is kept of the tiles and of the canvas on the host, but for what the team has. */
static gboolean
allocate (PdCanvas *self, GError **error)
{
  const PdCanvasOptions *options = &self->options;
  const PdGrid *grid = &self->grid;
  const gsize tile_pixels = (gsize) grid->y.tile * grid->x.tile, prompts = n_prompts (self);
  const gsize pixels = (gsize) options->height * options->width;
  const char *tiles = _ ("the tiles"), *canvas = _ ("the canvas");

  if ((self->starts_y = pd_try_new (guint, grid->y.count, tiles, error)) == NULL ||
      (self->starts_x = pd_try_new (guint, grid->x.count, tiles, error)) == NULL ||
      (self->profile_y = pd_try_new (float, grid->y.tile, tiles, error)) == NULL ||
      (self->profile_x = pd_try_new (float, grid->x.tile, tiles, error)) == NULL ||
      (self->items = pd_try_new (PdItem, n_parts (self), tiles, error)) == NULL ||
      (self->mass = pd_try_new (float, pixels, canvas, error)) == NULL)
    return FALSE;
  if (options->prompts != NULL &&
      (self->shares = pd_try_new (float, prompts *tile_pixels, tiles, error)) == NULL)
    return FALSE;
  if (options->branches == 2 && options->guidance_rescale > 0 &&
      (self->conditional = pd_try_new (float, canvas_elements (self), canvas, error)) == NULL)
    return FALSE;
  return options->style == NULL || options->style->content == NULL ||
         (self->content = pd_try_new (float, canvas_elements (self), canvas, error)) != NULL;
}

/* Batches that leave something for every member, and no member for which nothing is left. */
static void
share_out (PdCanvas *self)
{
  PdCanvasOptions *options = &self->options;
  PdHelpers *helpers = &options->helpers;
  const guint n_tiles = MAX (self->n_tiles, 1);
  guint most;

  helpers->n = MIN (helpers->n, n_tiles - 1);
  most = (n_tiles + helpers->n) / (1 + helpers->n);
  options->batch = CLAMP (options->batch, 1, most);
  for (guint i = 0; i < helpers->n; i++)
    helpers->list[i].batch = CLAMP (helpers->list[i].batch, 1, most);
}

static gboolean
gather_team (PdCanvas *self, GError **error)
{
  const PdCanvasOptions *options = &self->options;
  const PdGrid *grid = &self->grid;
  PdTeamOptions team = { .tiles = { .denoiser = options->denoiser,
                                    .h = grid->y.tile,
                                    .w = grid->x.tile,
                                    .batch = options->batch,
                                    .branches = options->branches,
                                    .like = options->conditions[0],
                                    .map = options->map },
                         .helpers = &options->helpers,
                         .style = options->style,
                         .norm_share = options->norm_share,
                         .n_parts = n_parts (self) };

  if (options->sync == PD_SYNC_ATTENTION && options->style == NULL)
    team.n_anchors = pd_anchors_choose (grid, team.anchors);
  self->team = pd_team_new (&team, error);
  return self->team != NULL;
}

PdCanvas *
pd_canvas_new (const PdCanvasOptions *options, GError **error)
{
  g_autoptr (PdCanvas) self = g_new0 (PdCanvas, 1);
  PdGrid *grid = &self->grid;
  PdBlend blend = options->blend;

  self->options = *options;
  self->channels = options->denoiser->info.channels;
  if (!pd_grid_init (grid, (PdSize){ options->height, options->width }, options->tile,
                     options->overlap, options->wrap, error))
    return NULL;
  if (pd_grid_n_tiles (grid) == 1)
    {
      self->options.norm_share = 0;
      blend = PD_BLEND_UNIFORM; /* a lone tile is the canvas: dividing would only round */
    }
  if (!allocate (self, error) ||
      !pd_changes_count_tiles (options->changes, grid, &self->n_tiles, error))
    return NULL;
  share_out (self);
  pd_fusion_profile (blend, grid->y.tile, grid->y.overlap, self->profile_y);
  pd_fusion_profile (blend, grid->x.tile, grid->x.overlap, self->profile_x);
  return gather_team (self, error) ? g_steal_pointer (&self) : NULL;
}

void
pd_canvas_free (PdCanvas *self)
{
  if (self == NULL)
    return;
  pd_team_free (self->team);
  g_free (self->content);
  g_free (self->starts_y);
  g_free (self->starts_x);
  g_free (self->profile_y);
  g_free (self->profile_x);
  g_free (self->mass);
  g_free (self->items);
  g_free (self->shares);
  g_free (self->conditional);
  g_free (self);
}

guint
pd_canvas_n_tiles (const PdCanvas *self)
{
  return self->n_tiles;
}

guint
pd_canvas_batch (const PdCanvas *self)
{
  return self->options.batch;
}

guint
pd_canvas_forwards (const PdCanvas *self)
{
  return pd_team_forwards (self->team);
}

PdGraph *
pd_canvas_graph (PdCanvas *self)
{
  return pd_team_graph (self->team);
}

gsize
pd_canvas_bank_bytes (const PdCanvas *self)
{
  return pd_team_bank_bytes (self->team);
}

void
pd_canvas_report (const PdCanvas *self, PdTeamReport *report)
{
  pd_team_report (self->team, report);
}

const float *
pd_canvas_mass (const PdCanvas *self)
{
  return self->mass;
}

/* Where @tile begins in this step. */
static PdView
view_of (const PdCanvas *self, guint tile)
{
  return (PdView){ self->starts_y[tile / self->grid.x.count],
                   self->starts_x[tile % self->grid.x.count] };
}

/* The share of every prompt at the pixels of @tile. */
static void
mix_prompts (PdCanvas *self, guint tile)
{
  PdView view = view_of (self, tile);
  PdSize size = pd_grid_tile (&self->grid);
  PdRect rect = { view.y, view.x, size.h, size.w };

  if (self->shares_tile == tile)
    return;
  pd_prompts_mix (self->options.prompts, &rect, self->shares);
  self->shares_tile = tile;
}

/* Prompt @prompt, as a tile at @view is told it. */
static const PdCondition *
condition_of (const PdCanvas *self, guint prompt, PdView view)
{
  const PdCanvasOptions *options = &self->options;
  const PdRect rect = { view.y, view.x, self->grid.y.tile, self->grid.x.tile };

  if (prompt > 0)
    return options->prompts->conditions[prompt - 1];
  return options->tile_prompts != NULL ? pd_tile_prompts_at (options->tile_prompts, &rect)
                                       : options->conditions[options->branches - 1];
}

/* A tile that changes is predicted for every prompt that counts in it. */
static void
list_items (PdCanvas *self)
{
  const PdPrompts *prompts = self->options.prompts;
  gsize n = (gsize) self->grid.y.tile * self->grid.x.tile;

  self->n_items = 0;
  self->n_tiles = 0;
  self->shares_tile = -1;
  for (guint tile = 0; tile < pd_grid_n_tiles (&self->grid); tile++)
    {
      const PdView view = view_of (self, tile);

      if (!pd_changes_touch_tile (self->options.changes, &self->grid, self->starts_y,
                                  self->starts_x, tile))
        continue;
      self->n_tiles++;
      if (prompts != NULL)
        mix_prompts (self, tile);
      for (guint prompt = 0; prompt < n_prompts (self); prompt++)
        if (prompts == NULL || pd_prompts_count (self->shares + prompt * n, n))
          self->items[self->n_items++] =
              (PdItem){ tile, prompt, view, condition_of (self, prompt, view) };
    }
}

/* One call of pd_canvas_predict. */
typedef struct
{
  PdCanvas *canvas;
  guint i;
  const float *latent;
  double input_scale;
  float *sum;
  const PdMonitor *monitor;
  gsize reported; /* items, and the tiles that these complete */
  guint tiles;
} Prediction;

/* The part of @whole that @item shows, as the denoiser takes it. */
static void
cut_out (const Prediction *self, const PdItem *item, const float *whole, float *latent)
{
  const PdCanvas *canvas = self->canvas;
  gsize n = (gsize) canvas->channels * canvas->grid.y.tile * canvas->grid.x.tile;

  pd_fusion_read (&canvas->grid, canvas->channels, whole, item->view.y, item->view.x, latent);
  for (gsize e = 0; e < n; e++)
    latent[e] = (float) (latent[e] * self->input_scale);
}

/* A function of PdTeamWork. */
static void
gather (const PdItem *item, float *latent, gpointer user_data)
{
  const Prediction *self = user_data;

  cut_out (self, item, self->latent, latent);
}

/* A function of PdTeamWork. */
static void
gather_content (const PdItem *item, float *latent, gpointer user_data)
{
  const Prediction *self = user_data;

  cut_out (self, item, self->canvas->content, latent);
}

/* A function of PdTeamWork. */
static void
fuse (const PdItem *item, float *prediction, float *conditional, gpointer user_data)
{
  const Prediction *self = user_data;
  PdCanvas *canvas = self->canvas;
  PdFusion fusion = { &canvas->grid,     canvas->channels, canvas->profile_y,
                      canvas->profile_x, self->sum,        canvas->mass };
  gsize pixels = pd_size_area (pd_grid_tile (&canvas->grid));
  const PdCanvasProbe *probe = canvas->options.probe;
  const float *shares = NULL;

  if (probe != NULL)
    probe->predicted (self->i, prediction, conditional, probe->user_data);
  if (conditional != NULL)
    pd_guidance_combine (canvas->channels * pixels, prediction, conditional,
                         canvas->options.guidance, prediction);
  if (canvas->options.prompts != NULL)
    {
      mix_prompts (canvas, item->tile);
      shares = canvas->shares + item->prompt * pixels;
    }
  pd_fusion_add (&fusion, prediction, shares, item->view.y, item->view.x);
  if (canvas->conditional == NULL)
    return;
  fusion.sum = canvas->conditional;
  fusion.mass = NULL;
  pd_fusion_add (&fusion, conditional, shares, item->view.y, item->view.x);
}

/* A function of PdTeamWork. */
static void
report (gsize done, gpointer user_data)
{
  Prediction *self = user_data;
  const PdCanvas *canvas = self->canvas;

  for (; self->reported < done; self->reported++)
    self->tiles += self->reported + 1 == canvas->n_items ||
                   canvas->items[self->reported].tile != canvas->items[self->reported + 1].tile;
  pd_monitor_tell (self->monitor, self->tiles, canvas->n_tiles);
}

/* The content is that of the step. */
static void
take_content (PdCanvas *self, guint i)
{
  gsize n = canvas_elements (self);

  if (self->content != NULL)
    for (gsize e = 0; e < n; e++)
      self->content[e] = pd_half_to_float (self->options.style->content[i * n + e]);
}

gboolean
pd_canvas_predict (PdCanvas *self,
                   const PdSchedule *schedule,
                   guint i,
                   const float *latent,
                   float *prediction,
                   const PdMonitor *monitor,
                   GError **error)
{
  const PdCanvasOptions *options = &self->options;
  gsize pixels = (gsize) options->height * options->width, elements = canvas_elements (self);
  const PdStep step = { .timestep = pd_schedule_timestep (schedule, i),
                        .input_scale = pd_schedule_input_scale (schedule, i),
                        .draw = { options->seed, i } };
  Prediction call = { .canvas = self,
                      .i = i,
                      .latent = latent,
                      .input_scale = step.input_scale,
                      .sum = prediction,
                      .monitor = monitor };
  PdTeamWork work = { .items = self->items,
                      .n_prompts = n_prompts (self),
                      .unconditional = options->conditions[0],
                      .gather = gather,
                      .gather_content = self->content != NULL ? gather_content : NULL,
                      .fuse = fuse,
                      .progress = report,
                      .user_data = &call };

  if (options->probe != NULL)
    options->probe->latent (i, latent, options->map, options->probe->user_data);
  pd_grid_starts (&self->grid, options->jitter, options->seed, i, self->starts_y, self->starts_x);
  list_items (self);
  work.n_items = self->n_items;
  memset (self->mass, 0, pixels * sizeof *self->mass);
  memset (prediction, 0, elements * sizeof *prediction);
  if (self->conditional != NULL)
    memset (self->conditional, 0, elements * sizeof *self->conditional);
  take_content (self, i);
  if (!pd_team_predict (self->team, &step, &work, pd_monitor_cancellable (monitor), error))
    return FALSE;
  pd_fusion_divide (self->channels, pixels, prediction, self->mass);
  if (self->conditional != NULL)
    {
      pd_fusion_divide (self->channels, pixels, self->conditional, self->mass);
      pd_guidance_rescale (elements, self->conditional, options->guidance_rescale, prediction);
    }
  return TRUE;
}
