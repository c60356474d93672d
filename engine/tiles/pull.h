// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/solver.h"
#include "engine/base/choices.h"
#include "engine/base/rect.h"

/* Takes from a canvas that starts from noise what is as large as its tiles: a tile's colour comes
 * from the mean of its noise, as a picture's does, and differs from those of the others as pictures
 * differ. While that is decided, the low frequencies of the canvas are pulled to its mean. The mean
 * stays. */
typedef struct
{
  guint channels;
  PdSize size; /* of the canvas, latent pixels */
  PdTorus wrap;
  double sigma; /* standard deviation of the low-pass, latent pixels */
} PdPull;

/* Whether what call @i of the model predicts is pulled: in the first half of the timesteps, at the
 * end of a step of the solver. */
gboolean pd_pull_counts (const PdSchedule *schedule, guint i);

/* After the step of call @i, by which @solver made @latent of @clean: adds to it what is missing
 * from the clean latent's low frequencies to their mean, at the level that the latent has now.
 * Through the clean latent that the step takes, most of it would be given back as noise. @clean is
 * used up. Errors: PD_ERROR_OUT_OF_MEMORY. */
gboolean pd_pull_apply (const PdPull *self,
                        const PdSchedule *schedule,
                        guint i,
                        PdSolver *solver,
                        float *clean,
                        float *latent,
                        GError **error);
