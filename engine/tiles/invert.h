// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/denoise.h"

/* Finds the noise that a canvas would have come from: DDIM steps backwards (Song et al. 2021,
 * section 4.3), with all tiles together. */
typedef struct
{
  PdCanvasOptions canvas;     /* with one branch, or what guidance adds cannot be undone */
  const PdSchedule *schedule; /* of DDIM; its steps are taken from the last to the first */
  /* How often a step looks for its noise: first where it begins, then where that led to, so that
   * steps forward undo it the better (Pan et al. 2023, fixed-point inversion). 0 counts as 1. */
  guint rounds;
  /* What the canvas is noised with where no tile is, [channels][height][width]; NULL where all of
   * it changes. */
  const float *noise;
  /* Is given the latent of every call's level, of the last call first; may be NULL. */
  void (*visit) (guint call, const float *latent, gpointer visit_data);
  gpointer visit_data;
  PdDenoiseProgressFunc progress; /* may be NULL */
  gpointer user_data;
  GCancellable *cancellable;
} PdInversion;

/* @latent: [channels][height][width], clean; becomes that of the level of the schedule's first
 * step. The step from one level to the next noisier one takes the noise predicted at the noisier
 * timestep. @report: all but the graph and the bank. */
gboolean
pd_invert (const PdInversion *self, float *latent, PdDenoiseReport *report, GError **error);
