// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/denoise.h"

/* Latents that stay while the rest of the canvas changes: before each step they are put back,
 * noised to its level with the noise of the start. A latent with mask value m is put back before
 * step i of N while 1 - m > i / N (Levin and Fried 2023, differential diffusion), so with a soft
 * mask the change fades out; one with m = 0 stays to the end. All arrays are borrowed. */
typedef struct
{
  guint channels;
  PdSize size;
  const float *clean, *noise; /* [channels][h][w] */
  const float *mask;          /* [h][w]; 1: changes, 0: stays */
} PdKeep;

/* A PdAdjustLatentFunc; @keep: a const PdKeep. Before the first step there is nothing to put back,
 * as it starts from the noised original or from noise. */
gboolean pd_keep_before_step (const PdSchedule *schedule,
                              guint i,
                              const PdRect *area,
                              float *latent,
                              gpointer keep,
                              GError **error);

/* After the last step. */
void pd_keep_finish (const PdKeep *self, float *latent);
