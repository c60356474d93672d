// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/tiles/invert.h"
#include "engine/base/host-memory.h"

typedef struct
{
  const PdInversion *inversion;
  PdDenoiseProgress progress;
} Progress;

static void
report_tiles (guint tiles_done, gpointer user_data)
{
  Progress *self = user_data;

  self->progress.tiles = tiles_done;
  if (self->inversion->progress != NULL)
    self->inversion->progress (&self->progress, self->inversion->user_data);
}

/* The level that step @i leads to. */
static void
level_after (const PdSolver *solver, guint i, double *alpha, double *sigma)
{
  if (i + 1 < pd_solver_n_timesteps (solver))
    pd_solver_level (solver, i + 1, alpha, sigma);
  else
    pd_solver_end_level (solver, alpha, sigma);
}

/* Step @i backwards: @latent has the level after it. */
static void
step_back (const PdSolver *solver, guint i, const float *output, gsize n, float *latent)
{
  double alpha, sigma, to_alpha, to_sigma;
  PdSplit split;

  level_after (solver, i, &alpha, &sigma);
  pd_solver_level (solver, i, &to_alpha, &to_sigma);
  split = pd_solver_split (solver, alpha, sigma);
  for (gsize e = 0; e < n; e++)
    {
      double clean = split.clean_input * latent[e] + split.clean_output * output[e];
      double noise = split.noise_input * latent[e] + split.noise_output * output[e];

      latent[e] = (float) (to_alpha * clean + to_sigma * noise);
    }
}

gboolean
pd_invert (const PdInversion *self, float *latent, guint *unet_forwards, GError **error)
{
  const PdCanvasOptions *options = &self->canvas;
  gsize n = (gsize) pd_unet_config (options->unet)->in_channels * options->height * options->width;
  g_autoptr (PdSolver) solver = self->make_solver (1, self->user_data, error);
  g_autoptr (PdCanvas) canvas = NULL;
  g_autofree float *output = NULL;
  PdDenoiseReport report;
  Progress progress = { .inversion = self };

  *unet_forwards = 0;
  if (solver == NULL)
    return FALSE;
  progress.progress.n_steps = pd_solver_n_timesteps (solver);
  if (progress.progress.n_steps == 0)
    return TRUE;
  canvas = pd_denoise_canvas (options, &report, error);
  if (canvas == NULL)
    return FALSE;
  pd_canvas_set_clean (canvas, latent);
  progress.progress.n_tiles = pd_canvas_n_tiles (canvas);
  output = pd_try_new (float, n, _ ("the canvas"), error);
  if (output == NULL)
    return FALSE;
  for (guint i = progress.progress.n_steps; i-- > 0;)
    {
      if (!pd_canvas_predict (canvas, solver, i, latent, output, report_tiles, &progress,
                              self->cancellable, error))
        return FALSE;
      step_back (solver, i, output, n, latent);
      progress.progress.step++;
      report_tiles (0, &progress);
    }
  *unet_forwards = pd_canvas_unet_forwards (canvas);
  return TRUE;
}
