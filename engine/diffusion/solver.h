// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/schedule.h"

/* One sampler run over a canvas: a list of timesteps, and for each the update of the latent from
 * the model's output. Loop:
 *
 *   latent = noise * pd_solver_init_sigma (solver)          (or pd_solver_add_noise (solver, 0, …))
 *   for (i = 0; i < pd_solver_n_timesteps (solver); i++)
 *     pd_solver_scale_input (solver, i, latent, input)
 *     output = model (input, pd_solver_timestep (solver, i))
 *     pd_solver_step (solver, i, output, noise or NULL, latent, &error)
 *
 * A step is the same as pd_solver_to_x0 followed by pd_solver_step_x0, so predictions of the clean
 * latent can be fused between the two. Arrays are f32, n_elements long, in any layout (updates are
 * elementwise). Not thread-safe. Same input, same bytes. */

typedef enum
{
  PD_SOLVER_DDIM,      /* Song et al. 2021 */
  PD_SOLVER_EULER,     /* Karras et al. 2022, without churn */
  PD_SOLVER_EULER_A,   /* Euler with ancestral noise */
  PD_SOLVER_HEUN,      /* Karras et al. 2022; two model calls per step but the last */
  PD_SOLVER_DPMPP_2M,  /* DPM-Solver++, multistep (Lu et al. 2022), order config.solver_order */
  PD_SOLVER_DPMPP_SDE, /* the same for the SDE */
  PD_SOLVER_UNIPC,     /* Zhao et al. 2023, data prediction */
  PD_SOLVER_LCM,       /* Luo et al. 2023 */
  PD_SOLVER_DDPM,      /* Ho et al. 2020 */
  PD_SOLVER_PNDM,      /* Liu et al. 2022, linear multistep only; one model call more than steps */
} PdSolverType;

/* "ddim" "euler" "euler_a" "heun" "dpm++2m" "dpm++sde" "unipc" "lcm" "ddpm" "pndm" */
const char *pd_solver_type_to_string (PdSolverType type);
gboolean pd_solver_type_from_string (const char *name, PdSolverType *type, GError **error);
/* TRUE for solvers that step between sigmas and so can use Karras sigmas, FALSE for those that step
 * between timesteps (DDIM, LCM, DDPM, PNDM). */
gboolean pd_solver_type_has_sigmas (PdSolverType type);

typedef struct _PdSolver PdSolver;

/* strength 1: all steps, from pure noise. Below 1 only the last floor (steps * strength) steps are
 * run, from a latent made by pd_solver_add_noise (solver, 0, …); if that is none,
 * pd_solver_n_timesteps is 0 and the clean latent is the result. PD_ERROR_BAD_REQUEST if steps,
 * strength or an option cannot be had with this solver. */
PdSolver *pd_solver_new (PdSolverType type,
                         const PdScheduleConfig *config,
                         guint steps,
                         double strength,
                         gsize n_elements,
                         GError **error);
void pd_solver_free (PdSolver *solver);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdSolver, pd_solver_free)

PdSolverType pd_solver_type (const PdSolver *solver);

/* Standard deviation of the start latent of a run of strength 1. */
double pd_solver_init_sigma (const PdSolver *solver);

/* Number of model calls of this run; i below is always less. */
guint pd_solver_n_timesteps (const PdSolver *solver);
/* Arrays of n_elements floats that it holds. */
guint pd_solver_n_arrays (const PdSolver *solver);
/* The step to be taken next: 0 in a new solver, pd_solver_n_timesteps after the last. */
guint pd_solver_position (const PdSolver *solver);
/* The timestep the model is given. */
double pd_solver_timestep (const PdSolver *solver, guint i);

/* The level of model call i: the model's input is alpha * clean + sigma * noise, with
 * alpha^2 + sigma^2 = 1. */
void pd_solver_level (const PdSolver *solver, guint i, double *alpha, double *sigma);
/* The level after the last step of a DDIM, DDPM or LCM solver. */
void pd_solver_end_level (const PdSolver *solver, double *alpha, double *sigma);

/* What a model input of level @alpha, @sigma consists of, given the model's output for it: factors
 * of input and output in the clean latent and in the noise. */
typedef struct
{
  double clean_input, clean_output;
  double noise_input, noise_output;
} PdSplit;

PdSplit pd_solver_split (const PdSolver *solver, double alpha, double sigma);

/* Noise / signal of every level of the whole schedule (also the part skipped by strength) and the
 * end; NULL and 0 for solvers that have only timesteps (DDIM, DDPM, LCM, PNDM). */
const double *pd_solver_sigmas (const PdSolver *solver, guint *n);

/* model_input = latent * pd_solver_input_scale. May be done in place. */
double pd_solver_input_scale (const PdSolver *solver, guint i);
void
pd_solver_scale_input (const PdSolver *solver, guint i, const float *latent, float *model_input);

/* Number of noise arrays step i uses: 0 or 1. */
guint pd_solver_noise_draws (const PdSolver *solver, guint i);

/* out = the clean latent noised to the level of step i, in the scale of the run's latent. */
void pd_solver_add_noise (
    const PdSolver *solver, guint i, const float *clean, const float *noise, float *out);

/* The clean latent predicted at step i is from_latent * latent + from_output * model_output (latent
 * before scale_input): the same for every element, so also for a tile. */
void
pd_solver_x0_factors (const PdSolver *solver, guint i, double *from_latent, double *from_output);
void pd_solver_to_x0 (
    const PdSolver *solver, guint i, const float *latent, const float *model_output, float *x0);

/* Takes step i: latent becomes that of step i + 1. noise is used if pd_solver_noise_draws is 1,
 * else it may be NULL. Steps must be taken in order, each once; PD_ERROR_BAD_REQUEST otherwise, and
 * nothing is changed. x0 is the prediction as it came from the model; clipping is done here. */
gboolean pd_solver_step_x0 (
    PdSolver *solver, guint i, const float *x0, const float *noise, float *latent, GError **error);
gboolean pd_solver_step (PdSolver *solver,
                         guint i,
                         const float *model_output,
                         const float *noise,
                         float *latent,
                         GError **error);

/* Position and history of a run between two steps, in the machine's byte order. The latent is not
 * in it. To go on: a new solver with the same arguments, load_state, the same latent. load_state
 * checks type, size, schedule and values; PD_ERROR_BAD_REQUEST and no change if they do not fit. */
GBytes *pd_solver_save_state (const PdSolver *solver, GError **error);
gboolean pd_solver_load_state (PdSolver *solver, GBytes *state, GError **error);
