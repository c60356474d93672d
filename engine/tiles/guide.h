// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/denoise.h"

/* Keeps a canvas close to a reference while it is denoised: for a level of a progressive run, whose
 * reference is the level before, enlarged. Only its low frequencies are held on to: an enlarged
 * picture has none of the detail that the level is there for. */
typedef struct
{
  guint channels;
  PdSize size; /* of the canvas */
  PdTorus wrap;
  const float *reference; /* clean latent, [channels][h][w] */
  double pull;   /* share of the low frequencies that the first prediction takes over, 0 … 1 */
  double radius; /* standard deviation of the low-pass, latent pixels */
} PdGuide;

/* A function of PdDenoise: moves the prediction's low frequencies towards the reference's, less
 * from step to step (Huang et al. 2025, ScaleDiff, structure guidance). */
gboolean pd_guide_adjust_clean (const PdSchedule *schedule,
                                guint i,
                                const PdRect *area,
                                float *clean,
                                gpointer self,
                                GError **error);
