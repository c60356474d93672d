// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/denoise.h"

/* Keeps a canvas close to a reference while it is denoised: the hooks of PdDenoise for a level of a
 * progressive run, whose reference is the level before, enlarged. */
typedef struct
{
  guint channels;
  PdSize size; /* of the canvas */
  PdTorus wrap;
  const float *reference; /* clean latent, [channels][h][w] */
  const float *noise;     /* of the level, same shape; NULL: drawn from seed and draw */
  guint64 seed;
  guint32 draw;

  double residual; /* share of the noised reference in the latent at the first step, 0 … 1 */
  double pull;     /* share of the low frequencies that the first prediction takes over, 0 … 1 */
  double radius;   /* standard deviation of the low-pass, latent pixels */
} PdGuide;

/* Fills @latent with the reference, noised to the level of the first step of @schedule; with the
 * reference itself if the run has no steps. */
gboolean
pd_guide_start (const PdGuide *self, const PdSchedule *schedule, float *latent, GError **error);

/* Mixes the noised reference into the latent, less from step to step: skip residual (Du et al.
 * 2024, DemoFusion, formula 4). */
gboolean pd_guide_adjust_latent (const PdSchedule *schedule,
                                 guint i,
                                 const PdRect *area,
                                 float *latent,
                                 gpointer self,
                                 GError **error);

/* Moves the prediction's low frequencies towards the reference's, less from step to step. */
gboolean pd_guide_adjust_clean (const PdSchedule *schedule,
                                guint i,
                                const PdRect *area,
                                float *clean,
                                gpointer self,
                                GError **error);
