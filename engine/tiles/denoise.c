// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/diffusion/noise.h"
#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/tiles/denoise.h"
#include "engine/tiles/pull.h"
#include "engine/tiles/transport.h"

/* How many times its own contrast a style may add to a prediction in the middle of the noise. */
static const double STYLE_CONTRAST = 4;

/* What pd_canvas_predict's progress means to the whole run. */
typedef struct
{
  const PdDenoise *denoise;
  PdDenoiseProgress progress;
  PdMosaic *mosaic;   /* NULL: no previews */
  const float *shown; /* 1: what changes, 0: what stays; [height][width]; NULL: all changes */
  PdPull pull;        /* sigma 0: none */

  /* The step that is being done. */
  const PdCanvas *canvas;
  guint step;
  float *latent, *prediction;
} Progress;

static PdSize
canvas_size (const PdDenoise *self)
{
  return (PdSize){ self->canvas.height, self->canvas.width };
}

static void
show (const Progress *self)
{
  const PdDenoisePreview *preview = self->denoise->preview;
  PdSize size;
  const float *clean = pd_mosaic_clean (self->mosaic, &size);

  preview->show (size, clean, preview->user_data);
}

/* The tiles done so far of a step that is not complete. */
static void
preview_tiles (const Progress *self)
{
  const PdDenoisePreview *preview = self->denoise->preview;
  double from_latent, from_prediction;

  if (self->mosaic == NULL || self->canvas == NULL ||
      !preview->wanted (self->step, FALSE, preview->user_data))
    return;
  pd_schedule_x0_factors (self->denoise->schedule, self->step, &from_latent, &from_prediction);
  pd_mosaic_update (self->mosaic, self->latent, from_latent, self->prediction, from_prediction,
                    pd_canvas_mass (self->canvas));
  show (self);
}

/* The clean canvas is from_latent · latent + from_prediction · prediction / mass. */
static void
preview_step (const Progress *self,
              guint step,
              const float *latent,
              double from_latent,
              const float *prediction,
              double from_prediction,
              const float *mass)
{
  const PdDenoisePreview *preview = self->denoise->preview;

  if (self->mosaic == NULL)
    return;
  pd_mosaic_update (self->mosaic, latent, from_latent, prediction, from_prediction, mass);
  pd_mosaic_keep (self->mosaic);
  if (preview->wanted (step, TRUE, preview->user_data))
    show (self);
}

static void
report_tiles (guint tiles_done, guint n_tiles, gpointer user_data)
{
  Progress *self = user_data;

  self->progress.tiles = tiles_done;
  self->progress.n_tiles = n_tiles;
  preview_tiles (self);
  if (self->denoise->progress != NULL)
    self->denoise->progress (&self->progress, self->denoise->user_data);
}

/* Whether the style has a say in what is predicted of the clean canvas at step @i: before, it has
 * no strokes yet, and what it lacks of the style's contrast would become large spots. */
static gboolean
styles (const PdDenoise *self, guint i)
{
  const PdSchedule *schedule = self->schedule;

  return self->canvas.style != NULL &&
         (2 * pd_schedule_timestep (schedule, i) < pd_schedule_n_trained (schedule) ||
          i + 1 == pd_schedule_n_calls (schedule));
}

/* How many times the contrast of what is predicted of the clean canvas at step @i a style may give
 * it. In the middle of the noise a prediction lacks contrast, and what has any grain has a third of
 * a contrasty style's; later it has taken that on, unless it is plain. */
static double
style_limit (const PdSchedule *schedule, guint i)
{
  const double level = 2 * pd_schedule_timestep (schedule, i) / pd_schedule_n_trained (schedule);

  return 1 + STYLE_CONTRAST * MIN (level * level, 1);
}

/* Colours and strokes of all that changes become those of the style. */
static void
take_style (const Progress *self, const PdRect *area, float *clean)
{
  const PdDenoise *denoise = self->denoise;
  const PdStyle *style = denoise->canvas.style;
  const guint channels = denoise->canvas.denoiser->info.channels;
  const gsize pixels = (gsize) style->h * style->w;
  const PdRecolorFrom from = { clean, pd_rect_area (area), self->shown };
  const PdRecolorFrom to = {
    style->path + pd_schedule_n_calls (denoise->schedule) * channels * pixels, pixels, NULL
  };

  pd_transport (channels, &from, &to, style->share, style_limit (denoise->schedule, self->step),
                clean);
}

/* Moves the latent from the prediction of the step that is being done, by way of the clean latent
 * if that is adjusted, pulled or taken from a style. */
static gboolean
step (Progress *self, PdSolver *solver, const PdRect *area, const float *noise, GError **error)
{
  const PdDenoise *denoise = self->denoise;
  const PdSchedule *schedule = denoise->schedule;
  const gboolean whole = area->h == denoise->canvas.height && area->w == denoise->canvas.width;
  const gsize n = (gsize) denoise->canvas.denoiser->info.channels * area->h * area->w;
  float *latent = self->latent, *prediction = self->prediction;
  const gboolean pulls = self->pull.sigma > 0 && pd_pull_counts (schedule, self->step);
  const gboolean styled = styles (denoise, self->step);
  const gboolean by_clean = denoise->adjust_clean != NULL || pulls || styled;
  double from_latent = 0, from_prediction = 1;

  if (by_clean)
    pd_schedule_to_x0 (schedule, self->step, n, latent, prediction, prediction);
  else
    pd_schedule_x0_factors (schedule, self->step, &from_latent, &from_prediction);
  if (styled)
    take_style (self, area, prediction);
  if (denoise->adjust_clean != NULL &&
      !denoise->adjust_clean (schedule, self->step, area, prediction, denoise->adjust_data, error))
    return FALSE;
  if (whole)
    preview_step (self, self->step, latent, from_latent, prediction, from_prediction, self->shown);
  if (by_clean)
    pd_solver_step_x0 (solver, prediction, noise, latent);
  else
    pd_solver_step (solver, prediction, noise, latent);
  return !pulls ||
         pd_pull_apply (&self->pull, schedule, self->step, solver, prediction, latent, error);
}

static gboolean
restore (
    const PdDenoise *self, PdCanvas *canvas, PdSolver *solver, Progress *progress, GError **error)
{
  if (self->solver_state == NULL)
    return TRUE;
  if (!pd_solver_load (solver, self->solver_state, error) ||
      !pd_canvas_load_state (canvas, self->canvas_state, error))
    return FALSE;
  progress->progress.step = pd_solver_position (solver);
  report_tiles (0, progress->progress.n_tiles, progress);
  return TRUE;
}

static void
checkpoint (const PdDenoise *self,
            PdCanvas *canvas,
            const PdSolver *solver,
            const float *latent,
            gboolean stopping)
{
  if (self->checkpoint != NULL && self->canvas.sync != PD_SYNC_NONE)
    self->checkpoint (solver, canvas, latent, stopping, self->user_data);
}

/* All steps of one canvas, which is @area of the run's. */
static gboolean
run_steps (const PdDenoise *self,
           PdCanvas *canvas,
           PdRect area,
           float *latent,
           Progress *progress,
           GError **error)
{
  guint channels = self->canvas.denoiser->info.channels;
  gsize n = (gsize) channels * area.h * area.w;
  /* The latent between two steps is kept where adjusting it twice would not be the same as once. */
  gboolean keeps =
      self->checkpoint != NULL && self->adjust_latent != NULL && self->canvas.sync != PD_SYNC_NONE;
  g_autofree float *prediction = NULL, *noise = NULL, *between = NULL;
  const PdNoiseSource seeded = { .seed = self->canvas.seed };
  const PdSchedule *schedule = self->schedule;
  const PdMonitor monitor = { report_tiles, progress, self->cancellable };
  g_autoptr (PdSolver) solver = pd_solver_new (schedule, n, error);
  GError *failure = NULL;
  guint draw = self->first_draw, n_steps = pd_schedule_n_calls (schedule);

  if (solver == NULL || (prediction = pd_try_new (float, n, _ ("the canvas"), error)) == NULL ||
      (noise = pd_try_new (float, n, _ ("the canvas"), error)) == NULL ||
      (keeps && (between = pd_try_new (float, n, _ ("the canvas"), error)) == NULL))
    return FALSE;
  if (self->canvas.sync != PD_SYNC_NONE && !restore (self, canvas, solver, progress, error))
    return FALSE;
  for (guint i = 0; i < pd_solver_position (solver); i++)
    draw += pd_schedule_noise_draws (schedule, i);
  for (guint i = pd_solver_position (solver); i < n_steps; i++)
    {
      if (between != NULL)
        memcpy (between, latent, n * sizeof *between);
      if (self->adjust_latent != NULL &&
          !self->adjust_latent (schedule, i, &area, latent, self->adjust_data, error))
        return FALSE;
      if (self->canvas.sync != PD_SYNC_NONE)
        progress->canvas = canvas;
      progress->step = i;
      progress->latent = latent;
      progress->prediction = prediction;
      if (!pd_canvas_predict (canvas, schedule, i, latent, prediction, &monitor, &failure))
        {
          if (!g_error_matches (failure, PD_ERROR, PD_ERROR_BAD_MODEL))
            checkpoint (self, canvas, solver, between != NULL ? between : latent, TRUE);
          g_propagate_error (error, failure);
          return FALSE;
        }
      progress->canvas = NULL;
      if (pd_schedule_noise_draws (schedule, i) > 0)
        pd_noise_region (self->noise != NULL ? self->noise : &seeded, draw++, channels,
                         canvas_size (self), &area, noise);
      if (!step (progress, solver, &area, noise, error))
        return FALSE;
      checkpoint (self, canvas, solver, latent, i + 1 == n_steps);
      progress->progress.step++;
      report_tiles (0, progress->progress.n_tiles, progress);
    }
  return TRUE;
}

enum
{
  LEAST_TILE = 16, /* latent pixels: below, a UNet sees too little to draw anything */
};

void
pd_denoise_cut_tile (PdCanvasOptions *options)
{
  if (options->overlap >= options->tile)
    return;
  options->tile = MIN (options->tile, MAX (options->height, options->width));
  options->overlap = MIN (options->overlap, options->tile - 1);
}

static gboolean
halve (guint *batch)
{
  if (*batch <= 1)
    return FALSE;
  *batch /= 2;
  return TRUE;
}

gboolean
pd_denoise_shrink (PdCanvasOptions *options)
{
  gboolean smaller = halve (&options->batch);

  for (guint i = 0; i < options->helpers.n; i++)
    smaller = halve (&options->helpers.list[i].batch) || smaller;
  if (smaller)
    return TRUE;
  if (options->tile / 2 >= LEAST_TILE)
    {
      options->tile /= 2;
      options->overlap /= 2;
    }
  else
    return FALSE;
  return TRUE;
}

PdCanvas *
pd_denoise_canvas (const PdCanvasOptions *options, PdDenoiseReport *report, GError **error)
{
  PdCanvasOptions tried = *options;

  pd_denoise_cut_tile (&tried);
  for (;;)
    {
      g_autoptr (GError) failure = NULL;
      PdCanvas *canvas = pd_canvas_new (&tried, &failure);

      if (canvas != NULL)
        {
          report->tile = tried.tile;
          report->batch = pd_canvas_batch (canvas);
          return canvas;
        }
      if (!g_error_matches (failure, PD_ERROR, PD_ERROR_OUT_OF_MEMORY) ||
          !pd_denoise_shrink (&tried))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return NULL;
        }
    }
}

/* A part of the canvas that none of them has stays as it is. */
static void
replace_covered (guint channels, gsize pixels, const float *fused, const float *mass, float *latent)
{
  for (guint c = 0; c < channels; c++)
    for (gsize i = 0; i < pixels; i++)
      if (mass[i] > 0)
        latent[c * pixels + i] = fused[c * pixels + i];
}

/* Every tile for itself, then blended: what other tools do, for comparison. */
static gboolean
denoise_apart (const PdDenoise *self,
               float *latent,
               Progress *progress,
               PdDenoiseReport *report,
               GError **error)
{
  const PdCanvasOptions *options = &self->canvas;
  guint channels = options->denoiser->info.channels;
  gsize pixels = (gsize) options->height * options->width;
  g_autofree float *sum = NULL, *mass = NULL;
  g_autofree float *profile_y = NULL, *profile_x = NULL, *tile = NULL;
  g_autofree guint *ys = NULL, *xs = NULL;
  g_autoptr (PdCanvas) canvas = NULL;
  PdCanvasOptions alone = *options;
  PdFusion fusion;
  PdGrid grid;

  if (!pd_grid_init (&grid, canvas_size (self), options->tile, options->overlap, PD_TORUS_NONE,
                     error) ||
      !pd_changes_count_tiles (options->changes, &grid, &report->n_tiles, error))
    return FALSE;
  progress->progress.n_steps *= report->n_tiles;
  progress->progress.n_tiles = 1;
  alone.changes = NULL;
  alone.height = grid.y.tile;
  alone.width = grid.x.tile;
  alone.tile = MAX (grid.y.tile, grid.x.tile);
  alone.overlap = 0;
  alone.batch = 1;
  alone.helpers.n = 0;
  canvas = pd_denoise_canvas (&alone, report, error);
  if (canvas == NULL)
    return FALSE;
  pd_graph_stats (pd_canvas_graph (canvas), &report->graph);

  if ((sum = pd_try_new0 (float, channels *pixels, _ ("the canvas"), error)) == NULL ||
      (mass = pd_try_new0 (float, pixels, _ ("the canvas"), error)) == NULL ||
      (ys = pd_try_new (guint, grid.y.count, _ ("the tiles"), error)) == NULL ||
      (xs = pd_try_new (guint, grid.x.count, _ ("the tiles"), error)) == NULL ||
      (profile_y = pd_try_new (float, grid.y.tile, _ ("the tiles"), error)) == NULL ||
      (profile_x = pd_try_new (float, grid.x.tile, _ ("the tiles"), error)) == NULL ||
      (tile = pd_try_new (float, (gsize) channels *grid.y.tile *grid.x.tile, _ ("the tiles"),
                          error)) == NULL)
    return FALSE;
  pd_fusion_profile (options->blend, grid.y.tile, grid.y.overlap, profile_y);
  pd_fusion_profile (options->blend, grid.x.tile, grid.x.overlap, profile_x);
  pd_grid_starts (&grid, FALSE, options->seed, 0, ys, xs);
  fusion = (PdFusion){ &grid, channels, profile_y, profile_x, sum, mass };
  for (guint i = 0; i < pd_grid_n_tiles (&grid); i++)
    {
      guint y = ys[i / grid.x.count], x = xs[i % grid.x.count];

      if (!pd_changes_touch_tile (options->changes, &grid, ys, xs, i))
        continue;
      pd_fusion_read (&grid, channels, latent, y, x, tile);
      if (!run_steps (self, canvas, (PdRect){ y, x, grid.y.tile, grid.x.tile }, tile, progress,
                      error))
        return FALSE;
      pd_fusion_add (&fusion, tile, NULL, y, x);
      preview_step (progress, progress->progress.step, NULL, 0, sum, 1, mass);
    }
  pd_fusion_divide (channels, pixels, sum, mass);
  replace_covered (channels, pixels, sum, mass, latent);
  report->forwards = pd_canvas_forwards (canvas);
  pd_canvas_report (canvas, &report->team);
  return TRUE;
}

static gboolean
denoise_together (const PdDenoise *self,
                  float *latent,
                  Progress *progress,
                  PdDenoiseReport *report,
                  GError **error)
{
  g_autoptr (PdCanvas) canvas = pd_denoise_canvas (&self->canvas, report, error);

  if (canvas == NULL)
    return FALSE;
  pd_graph_stats (pd_canvas_graph (canvas), &report->graph);
  report->bank_bytes = pd_canvas_bank_bytes (canvas);
  report->n_tiles = progress->progress.n_tiles = pd_canvas_n_tiles (canvas);
  if (self->pulls && report->n_tiles > 1)
    progress->pull = (PdPull){ .channels = self->canvas.denoiser->info.channels,
                               .size = canvas_size (self),
                               .wrap = self->canvas.wrap,
                               .sigma = report->tile / 2.0 };
  report_tiles (0, progress->progress.n_tiles, progress);
  if (!run_steps (self, canvas, pd_rect_of (canvas_size (self)), latent, progress, error))
    return FALSE;
  report->forwards = pd_canvas_forwards (canvas);
  pd_canvas_report (canvas, &report->team);
  return TRUE;
}

gboolean
pd_denoise (const PdDenoise *self, float *latent, PdDenoiseReport *report, GError **error)
{
  guint channels = self->canvas.denoiser->info.channels;
  g_autoptr (PdMosaic) mosaic = NULL;
  g_autofree float *shown = NULL;
  Progress progress = { .denoise = self };

  *report = (PdDenoiseReport){ 0 };
  progress.progress.n_steps = pd_schedule_n_calls (self->schedule);
  if (progress.progress.n_steps == 0)
    return TRUE;
  if (self->canvas.changes != NULL && (self->preview != NULL || self->canvas.style != NULL) &&
      (progress.shown = shown = pd_changes_weights (self->canvas.changes, error)) == NULL)
    return FALSE;
  if (self->preview != NULL)
    {
      mosaic = progress.mosaic =
          pd_mosaic_new (channels, canvas_size (self), self->preview->side, error);
      if (mosaic == NULL)
        return FALSE;
      if (self->clean != NULL)
        {
          pd_mosaic_update (mosaic, NULL, 0, self->clean, 1, NULL);
          pd_mosaic_keep (mosaic);
        }
    }
  if (self->canvas.sync == PD_SYNC_NONE)
    return denoise_apart (self, latent, &progress, report, error);
  return denoise_together (self, latent, &progress, report, error);
}
