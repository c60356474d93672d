// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/solver.h"

enum
{
  PD_SOLVER_MAX_HISTORY = 4
};

/* Indices into the tables are absolute: begin + i for step i of the run. */
struct _PdSolver
{
  PdSolverType type;
  PdScheduleConfig config;
  guint steps; /* as asked for, before strength */
  gsize n_elements;

  guint n_total; /* model calls of the whole schedule */
  guint begin;   /* first one that is run */
  guint next;    /* step of the run to be taken next */

  double *alphas_cumprod; /* [config.num_train_timesteps] */
  double final_alpha_cumprod;
  double *timesteps; /* [n_total] */
  double *levels;    /* [n_total] alpha^2 of the model's input */
  double *sigmas;    /* [n_sigmas], the last is the end; NULL without sigmas */
  guint n_sigmas;

  /* What a step needs of earlier ones, [n_elements] each; meaning per solver, see solver-steps.c
   * and solver-unipc.c. */
  float *history[PD_SOLVER_MAX_HISTORY];
  guint n_history;

  float *x0;      /* scratch of pd_solver_step */
  float *treated; /* scratch: x0 clipped or thresholded; NULL if that never happens */
};

/* TRUE for solvers whose latent is clean + sigma * noise (Euler and kin), FALSE for those whose
 * latent is alpha * clean + sigma * noise. */
gboolean pd_solver_is_exploding (PdSolverType type);

/* Fills the tables; solver has type, config and steps. */
gboolean pd_solver_build_schedule (PdSolver *solver, GError **error);

/* The timestep after absolute index k for solvers between timesteps, and its alphas_cumprod. */
double pd_solver_alpha_after (const PdSolver *solver, guint k);

/* Noise factor of absolute index k; 0 if its step draws none. */
double pd_solver_noise_factor (const PdSolver *solver, guint k);

/* One update at absolute index k; arguments were checked. */
void
pd_solver_update (PdSolver *solver, guint k, const float *x0, const float *noise, float *latent);
void pd_solver_update_unipc (PdSolver *solver, guint k, const float *x0, float *latent);

/* A weighted sum of arrays, up to 6 terms; those with weight 0 are left out. */
typedef struct
{
  guint n;
  double weight[6];
  const float *array[6];
} PdSum;

void pd_sum_add (PdSum *sum, double weight, const float *array);
/* out may be one of the arrays. */
void pd_sum_write (const PdSum *sum, gsize n_elements, float *out);

/* Makes room in front of a list of arrays: the last becomes the first. */
void pd_solver_rotate (float **arrays, guint n);
