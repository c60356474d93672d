// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/schedule-config.h"

/* Tables of a training schedule and the ways to choose a run's timesteps and sigmas from them. All
 * in double; the training tables are rounded to f32 where the models' own tables are. */

/* alphas_cumprod of the training schedule, num_train_timesteps values, strictly within (0, 1)
 * except that the last is 0 with rescale_betas_zero_snr. PD_ERROR_BAD_MODEL if the settings give
 * no such schedule, PD_ERROR_OUT_OF_MEMORY. */
double *pd_training_alphas_cumprod (const PdScheduleConfig *config, GError **error);

/* `steps` timesteps, largest first, as DDIM-like solvers space them; rounded to whole numbers if
 * `whole`. last is the number of timesteps to choose from (num_train_timesteps unless clipped).
 * steps is at least 1. PD_ERROR_OUT_OF_MEMORY. */
double *pd_training_timesteps (
    const PdScheduleConfig *config, guint steps, guint last, gboolean whole, GError **error);

/* The same for DPM-Solver++ and UniPC: whole, and except with trailing spacing steps + 1 values of
 * which the last is not used. Trailing values are negative where `last` leaves too few. */
double *pd_training_timesteps_open (const PdScheduleConfig *config,
                                    guint steps,
                                    guint last,
                                    GError **error);

/* sigma = noise / signal of a level: sqrt ((1 - a) / a). */
double pd_training_sigma (double alpha_cumprod);

/* The n_train sigmas at a fractional timestep, linear between neighbours, clamped at both ends. */
double pd_training_sigma_at (const double *train_sigmas, guint n_train, double timestep);

/* The fractional timestep of a sigma, linear in log (sigma) between neighbours. */
double pd_training_timestep_of (const double *train_sigmas, guint n_train, double sigma);

/* Karras et al. 2022, formula 5 with rho = 7: n values from sigma_max down to sigma_min. */
void pd_training_karras (double sigma_min, double sigma_max, guint n, double *sigmas);
