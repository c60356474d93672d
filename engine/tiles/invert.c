// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/invert.h"

#include <string.h>

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

typedef struct
{
  const PdInversion *inversion;
  PdCanvas *canvas;
  gsize n;
  float *output;
  float *from;  /* where a step back begins; NULL where that is taken in one round */
  float *start; /* the clean canvas, where not all of it changes; else NULL */
} Inverter;

static void
inverter_clear (Inverter *self)
{
  pd_canvas_free (self->canvas);
  g_free (self->output);
  g_free (self->from);
  g_free (self->start);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Inverter, inverter_clear)

static gboolean
allocate (Inverter *self, const float *latent, GError **error)
{
  const PdInversion *inversion = self->inversion;
  const char *what = _ ("the canvas");

  if ((self->output = pd_try_new (float, self->n, what, error)) == NULL ||
      (inversion->rounds > 1 && (self->from = pd_try_new (float, self->n, what, error)) == NULL) ||
      (inversion->noise != NULL &&
       (self->start = pd_try_new (float, self->n, what, error)) == NULL))
    return FALSE;
  if (self->start != NULL)
    memcpy (self->start, latent, self->n * sizeof *latent);
  return TRUE;
}

/* Step @i backwards, from the level after it. */
static void
step_back (const Inverter *self, guint i, const float *from, float *latent)
{
  const PdInversion *inversion = self->inversion;
  const PdSchedule *schedule = inversion->schedule;
  const PdSplit split = pd_schedule_split (schedule, pd_schedule_level (schedule, i + 1));
  const PdNoiseLevel to = pd_schedule_level (schedule, i);
  const gsize pixels = (gsize) inversion->canvas.height * inversion->canvas.width;
  const float *mass = pd_canvas_mass (self->canvas);

  for (gsize e = 0; e < self->n; e++)
    {
      double clean = split.clean_input * from[e] + split.clean_output * self->output[e];
      double noise = split.noise_input * from[e] + split.noise_output * self->output[e];

      if (self->start != NULL && mass[e % pixels] <= 0)
        {
          clean = self->start[e];
          noise = inversion->noise[e];
        }
      latent[e] = (float) (to.alpha * clean + to.sigma * noise);
    }
}

gboolean
pd_invert (const PdInversion *self, float *latent, PdDenoiseReport *report, GError **error)
{
  const PdCanvasOptions *options = &self->canvas;
  const PdSchedule *schedule = self->schedule;
  g_auto (Inverter) inverter = { .inversion = self };
  const guint rounds = MAX (self->rounds, 1);
  guint n_calls = pd_schedule_n_calls (schedule);
  Progress progress = { .inversion = self };
  const PdMonitor monitor = { report_tiles, &progress, self->cancellable };

  *report = (PdDenoiseReport){ 0 };
  if (n_calls == 0)
    return TRUE;
  inverter.n = (gsize) options->denoiser->info.channels * options->height * options->width;
  inverter.canvas = pd_denoise_canvas (options, report, error);
  if (inverter.canvas == NULL || !allocate (&inverter, latent, error))
    return FALSE;
  progress.progress.n_steps = n_calls * rounds;
  report->n_tiles = progress.progress.n_tiles = pd_canvas_n_tiles (inverter.canvas);
  for (guint i = n_calls; i-- > 0;)
    {
      if (inverter.from != NULL)
        memcpy (inverter.from, latent, inverter.n * sizeof *latent);
      for (guint round = 0; round < rounds; round++)
        {
          if (!pd_canvas_predict (inverter.canvas, schedule, i, latent, inverter.output, &monitor,
                                  error))
            return FALSE;
          step_back (&inverter, i, inverter.from != NULL ? inverter.from : latent, latent);
          progress.progress.step++;
          report_tiles (0, progress.progress.n_tiles, &progress);
        }
      if (self->visit != NULL)
        self->visit (i, latent, self->visit_data);
    }
  report->forwards = pd_canvas_forwards (inverter.canvas);
  pd_canvas_report (inverter.canvas, &report->team);
  return TRUE;
}
