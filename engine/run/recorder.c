// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/recorder.h"

void
pd_recorder_note (const PdRecorder *self, const char *text)
{
  if (text != NULL && self->listener != NULL && self->listener->note != NULL)
    self->listener->note (text, self->listener->user_data);
}

void
pd_recorder_tell_plan (const PdRecorder *self, const char *text)
{
  if (text != NULL && self->listener != NULL && self->listener->plan != NULL)
    self->listener->plan (text, self->listener->user_data);
}

void
pd_recorder_begin (PdRecorder *self, PdPhase phase)
{
  self->phase = phase;
  self->phase_start = g_get_monotonic_time ();
  pd_recorder_tell (self, (PdProgress){ 0 }, 0);
}

void
pd_recorder_tell (PdRecorder *self, PdProgress progress, double done)
{
  /* Shares of the level's time: measured with the embedded model at its native size; the decoder's
   * share falls with the number of steps, which this leaves out. */
  static const double denoise_from = 0.02, denoise_to = 0.95;
  const double inverted = denoise_from + (denoise_to - denoise_from) * self->inversion;
  double share = 0;

  if (self->listener == NULL || self->listener->progress == NULL)
    return;
  progress.phase = self->phase;
  progress.level = self->level;
  progress.n_levels = self->n_levels;
  progress.eta_seconds = -1;
  if (self->phase == PD_PHASE_INVERT && self->inversion > 0)
    share = denoise_from + (inverted - denoise_from) * done;
  else if (self->phase == PD_PHASE_DENOISE)
    share = inverted + (denoise_to - inverted) * done;
  else if (self->phase == PD_PHASE_DECODE)
    share = denoise_to + (1 - denoise_to) * done;
  progress.fraction = self->fraction = self->from + (self->to - self->from) * share;
  if (share > 0)
    progress.eta_seconds = pd_eta_update (&self->eta, progress.fraction, g_get_monotonic_time ());
  self->listener->progress (&progress, self->listener->user_data);
}

void
pd_recorder_tell_kernels (PdRecorder *self, guint done, guint n)
{
  const PdProgress progress = { .phase = PD_PHASE_KERNELS,
                                .level = self->level,
                                .n_levels = self->n_levels,
                                .step = done,
                                .n_steps = n,
                                .fraction = self->fraction,
                                .eta_seconds = -1 };

  if (self->listener != NULL && self->listener->progress != NULL)
    self->listener->progress (&progress, self->listener->user_data);
}

double
pd_recorder_phase_seconds (const PdRecorder *self)
{
  return (double) (g_get_monotonic_time () - self->phase_start) / G_USEC_PER_SEC;
}
