// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/normal-model.h"

#include <math.h>

#include "engine/diffusion/noise.h"

const double normal_model_mean = 0.4;
const double normal_model_spread = 0.6;

/* E [clean | alpha * clean + sigma * noise = x] */
static double
denoised (double x, double alpha, double sigma)
{
  const double s2 = normal_model_spread * normal_model_spread;

  return normal_model_mean +
         s2 * alpha * (x - alpha * normal_model_mean) / (alpha * alpha * s2 + sigma * sigma);
}

/* x moved along its ODE solution from one level to another. */
double
normal_model_transported (double x, double alpha, double sigma, double alpha_to, double sigma_to)
{
  return alpha_to * normal_model_mean + (x - alpha * normal_model_mean) *
                                            hypot (alpha_to * normal_model_spread, sigma_to) /
                                            hypot (alpha * normal_model_spread, sigma);
}

void
normal_model_predict (const PdSolver *solver,
                      guint i,
                      PdPredictionType prediction,
                      gsize n,
                      const float *latent,
                      float *output)
{
  double alpha, sigma;

  pd_solver_level (solver, i, &alpha, &sigma);
  pd_solver_scale_input (solver, i, latent, output);
  for (gsize e = 0; e < n; e++)
    {
      const double x = output[e];
      const double x0 = denoised (x, alpha, sigma);

      if (prediction == PD_PREDICTION_EPSILON)
        output[e] = (float) ((x - alpha * x0) / sigma);
      else if (prediction == PD_PREDICTION_V)
        output[e] = (float) ((alpha * x - x0) / sigma);
      else
        output[e] = (float) x0;
    }
}

void
normal_model_step (
    PdSolver *solver, guint i, PdPredictionType prediction, gsize n, guint *draw, float *latent)
{
  g_autofree float *output = g_new (float, n);
  g_autofree float *noise = NULL;
  g_autoptr (GError) error = NULL;

  if (pd_solver_noise_draws (solver, i) > 0)
    {
      noise = g_new (float, n);
      pd_noise_normal (4, (*draw)++, 0, n, noise);
    }
  normal_model_predict (solver, i, prediction, n, latent, output);
  pd_solver_step (solver, i, output, noise, latent, &error);
  g_assert_no_error (error);
}

void
normal_model_start (const PdSolver *solver, gsize n, float *latent)
{
  pd_noise_normal (11, 0, 0, n, latent);
  for (gsize e = 0; e < n; e++)
    latent[e] = (float) (latent[e] * pd_solver_init_sigma (solver));
}

PdSolver *
normal_model_solver (
    PdSolverType type, const PdScheduleConfig *config, guint steps, double strength, gsize n)
{
  g_autoptr (GError) error = NULL;
  PdSolver *solver = pd_solver_new (type, config, steps, strength, n, &error);

  g_assert_no_error (error);
  return solver;
}

void
normal_model_config (PdScheduleConfig *config, PdSolverType type)
{
  pd_schedule_config_init (config);
  config->timestep_spacing =
      type == PD_SOLVER_PNDM || type == PD_SOLVER_LCM ? PD_SPACING_LEADING : PD_SPACING_TRAILING;
}
