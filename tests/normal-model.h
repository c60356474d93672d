// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/solver.h"

/* The exact model of data that is normal with this mean and deviation: its probability-flow ODE has
 * a closed solution, and its SDE ends in that distribution. */
extern const double normal_model_mean;
extern const double normal_model_spread;

/* x moved along its ODE solution from one level to another. */
double
normal_model_transported (double x, double alpha, double sigma, double alpha_to, double sigma_to);

/* The model's output at step i for n elements. */
void normal_model_predict (const PdSolver *solver,
                           guint i,
                           PdPredictionType prediction,
                           gsize n,
                           const float *latent,
                           float *output);

/* Predicts and takes step i, drawing noise if the solver needs it. */
void normal_model_step (
    PdSolver *solver, guint i, PdPredictionType prediction, gsize n, guint *draw, float *latent);

void normal_model_start (const PdSolver *solver, gsize n, float *latent);

/* The settings of Stable Diffusion 1.x with a spacing that suits the solver. */
void normal_model_config (PdScheduleConfig *config, PdSolverType type);

/* Asserts that there is no error. */
PdSolver *normal_model_solver (
    PdSolverType type, const PdScheduleConfig *config, guint steps, double strength, gsize n);
