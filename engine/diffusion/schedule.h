// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/schedule-config.h"
#include "engine/diffusion/solver-type.h"

/* The calls of a model that a run consists of: for each the timestep that the model is given and
 * the level of noise of its input. Nothing here changes after pd_schedule_new, or depends on the
 * size of the latent; arrays are f32, of n elements in any layout. Safe to use from several
 * threads. */
typedef struct _PdSchedule PdSchedule;

/* alpha * clean + sigma * noise. alpha^2 + sigma^2 = 1 for all models so far; nothing outside the
 * methods relies on it. */
typedef struct
{
  double alpha, sigma;
} PdNoiseLevel;

/* @strength 1: all steps, from pure noise. Below 1 only the last floor (steps * strength) steps are
 * run, from a latent made by pd_schedule_add_noise (self, 0, …); if that is none,
 * pd_schedule_n_calls is 0 and the clean latent is the result. @config is copied.
 * PD_ERROR_BAD_REQUEST if steps, strength or an option cannot be had with this solver. */
PdSchedule *pd_schedule_new (const PdScheduleConfig *config,
                             PdSolverType type,
                             guint steps,
                             double strength,
                             GError **error);
void pd_schedule_free (PdSchedule *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdSchedule, pd_schedule_free)

PdSolverType pd_schedule_type (const PdSchedule *self);

/* Standard deviation of the start latent of a run of strength 1. */
double pd_schedule_init_sigma (const PdSchedule *self);

/* Number of model calls of this run; i below is always less, unless it says otherwise. */
guint pd_schedule_n_calls (const PdSchedule *self);

/* The timestep the model is given, below the number of those it was trained on. */
double pd_schedule_timestep (const PdSchedule *self, guint i);
guint pd_schedule_n_trained (const PdSchedule *self);

/* Whether call i ends a step of its solver: else call i + 1 is made at the same level and starts
 * from what the step started from. */
gboolean pd_schedule_ends_step (const PdSchedule *self, guint i);

/* The level of the model's input in call i; with i = pd_schedule_n_calls that of the run's end. */
PdNoiseLevel pd_schedule_level (const PdSchedule *self, guint i);

/* What a model input consists of, given the model's output for it: factors of input and output in
 * the clean latent and in the noise. */
typedef struct
{
  double clean_input, clean_output;
  double noise_input, noise_output;
} PdSplit;

PdSplit pd_schedule_split (const PdSchedule *self, PdNoiseLevel level);

/* Noise / signal of every level of the whole schedule (also the part skipped by strength) and the
 * end; NULL and 0 for solvers that have only timesteps (DDIM, DDPM, LCM, PNDM). */
const double *pd_schedule_sigmas (const PdSchedule *self, guint *n);

/* model_input = latent * pd_schedule_input_scale. May be done in place. */
double pd_schedule_input_scale (const PdSchedule *self, guint i);
void pd_schedule_scale_input (
    const PdSchedule *self, guint i, gsize n, const float *latent, float *model_input);

/* Number of noise arrays step i uses: 0 or 1. */
guint pd_schedule_noise_draws (const PdSchedule *self, guint i);

/* out = the clean latent noised to the level of call i, in the scale of the run's latent. */
void pd_schedule_add_noise (
    const PdSchedule *self, guint i, gsize n, const float *clean, const float *noise, float *out);

/* The clean latent predicted in call i is from_latent * latent + from_output * model_output (latent
 * before scale_input): the same for every element, so also for a tile. */
void
pd_schedule_x0_factors (const PdSchedule *self, guint i, double *from_latent, double *from_output);
void pd_schedule_to_x0 (const PdSchedule *self,
                        guint i,
                        gsize n,
                        const float *latent,
                        const float *model_output,
                        float *x0);
