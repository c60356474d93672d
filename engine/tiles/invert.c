// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/invert.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

typedef struct
{
  const PdInversion *inversion;
  PdDenoiseProgress progress;
} Progress;

static void
report_tiles (guint tiles_done, guint n_tiles, gpointer user_data)
{
  Progress *self = user_data;

  self->progress.tiles = tiles_done;
  self->progress.n_tiles = n_tiles;
  if (self->inversion->progress != NULL)
    self->inversion->progress (&self->progress, self->inversion->user_data);
}

/* Step @i backwards: @latent has the level after it. */
static void
step_back (const PdSchedule *schedule, guint i, const float *output, gsize n, float *latent)
{
  const PdSplit split = pd_schedule_split (schedule, pd_schedule_level (schedule, i + 1));
  const PdNoiseLevel to = pd_schedule_level (schedule, i);

  for (gsize e = 0; e < n; e++)
    {
      double clean = split.clean_input * latent[e] + split.clean_output * output[e];
      double noise = split.noise_input * latent[e] + split.noise_output * output[e];

      latent[e] = (float) (to.alpha * clean + to.sigma * noise);
    }
}

gboolean
pd_invert (const PdInversion *self, float *latent, guint *forwards, GError **error)
{
  const PdCanvasOptions *options = &self->canvas;
  gsize n = (gsize) options->denoiser->info.channels * options->height * options->width;
  const PdSchedule *schedule = self->schedule;
  g_autoptr (PdCanvas) canvas = NULL;
  g_autofree float *output = NULL;
  PdDenoiseReport report;
  Progress progress = { .inversion = self };
  const PdMonitor monitor = { report_tiles, &progress, self->cancellable };

  *forwards = 0;
  progress.progress.n_steps = pd_schedule_n_calls (schedule);
  if (progress.progress.n_steps == 0)
    return TRUE;
  canvas = pd_denoise_canvas (options, &report, error);
  if (canvas == NULL)
    return FALSE;
  progress.progress.n_tiles = pd_canvas_n_tiles (canvas);
  output = pd_try_new (float, n, _ ("the canvas"), error);
  if (output == NULL)
    return FALSE;
  for (guint i = progress.progress.n_steps; i-- > 0;)
    {
      if (!pd_canvas_predict (canvas, schedule, i, latent, output, &monitor, error))
        return FALSE;
      step_back (schedule, i, output, n, latent);
      if (self->visit != NULL)
        self->visit (i, latent, self->visit_data);
      progress.progress.step++;
      report_tiles (0, progress.progress.n_tiles, &progress);
    }
  *forwards = pd_canvas_forwards (canvas);
  return TRUE;
}
