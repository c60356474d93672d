// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/schedule.h"

/* What a run over a latent keeps between its steps. Loop:
 *
 *   latent = noise * pd_schedule_init_sigma (schedule)    (or pd_schedule_add_noise (schedule, 0,
 * …)) for (i = 0; i < pd_schedule_n_calls (schedule); i++) pd_schedule_scale_input (schedule, i, n,
 * latent, input) output = model (input, pd_schedule_timestep (schedule, i)) pd_solver_step (solver,
 * output, noise or NULL, latent)
 *
 * A step is the same as pd_schedule_to_x0 followed by pd_solver_step_x0, so predictions of the
 * clean latent can be fused between the two. Arrays are f32, n_elements long, in any layout
 * (updates are elementwise). Not thread-safe. Same input, same bytes. */
typedef struct _PdSolver PdSolver;

/* @schedule is borrowed. PD_ERROR_OUT_OF_MEMORY. */
PdSolver *pd_solver_new (const PdSchedule *schedule, gsize n_elements, GError **error);
void pd_solver_free (PdSolver *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdSolver, pd_solver_free)

/* Arrays of n_elements floats that a solver for @schedule holds. */
guint pd_solver_n_arrays (const PdSchedule *schedule);

/* The step to be taken next: 0 in a new solver, pd_schedule_n_calls after the last. */
guint pd_solver_position (const PdSolver *self);

/* Takes the next step: @latent becomes that of the position after it. @noise may be NULL if
 * pd_schedule_noise_draws is 0. @x0 is the prediction as it came from the model; clipping is done
 * here. */
void pd_solver_step_x0 (PdSolver *self, const float *x0, const float *noise, float *latent);
void pd_solver_step (PdSolver *self, const float *model_output, const float *noise, float *latent);

/* Adds @factor times @by, of @n elements, to those of @latent from @first on, between two steps,
 * and to what the solver would make them of again: later steps go on from there. Not within a step
 * of several calls (pd_schedule_ends_step). */
void pd_solver_move (
    PdSolver *self, gsize first, gsize n, const float *by, double factor, float *latent);

/* Position and history of a run between two steps, in the machine's byte order. The latent is not
 * in it. To go on: a new solver with the same arguments, pd_solver_load, the same latent. Loading
 * checks type, size, schedule and values; PD_ERROR_BAD_REQUEST and no change if they do not fit. */
GBytes *pd_solver_save (const PdSolver *self, GError **error);
gboolean pd_solver_load (PdSolver *self, GBytes *state, GError **error);
