// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver-private.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

/* The signal power that stands for 0 where sigma = noise / signal must be finite: the smallest f16.
 */
static const double least_alpha_cumprod = 0x1p-24;

gboolean
pd_solver_type_has_sigmas (PdSolverType type)
{
  switch (type)
    {
    case PD_SOLVER_EULER:
    case PD_SOLVER_EULER_A:
    case PD_SOLVER_HEUN:
    case PD_SOLVER_DPMPP_2M:
    case PD_SOLVER_DPMPP_SDE:
    case PD_SOLVER_UNIPC:
      return TRUE;
    case PD_SOLVER_DDIM:
    case PD_SOLVER_LCM:
    case PD_SOLVER_DDPM:
    case PD_SOLVER_PNDM:
    default:
      return FALSE;
    }
}

gboolean
pd_solver_is_exploding (PdSolverType type)
{
  return type == PD_SOLVER_EULER || type == PD_SOLVER_EULER_A || type == PD_SOLVER_HEUN;
}

static gboolean
is_dpm (PdSolverType type)
{
  return type == PD_SOLVER_DPMPP_2M || type == PD_SOLVER_DPMPP_SDE;
}

/* LCM: every k-th timestep of the distillation, spread over `steps`. */
static double *
lcm_timesteps (const PdSolver *solver, GError **error)
{
  const guint original = solver->config.original_inference_steps;
  const guint train = solver->config.num_train_timesteps;

  if (original < 1 || original > train)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                   _ ("original_inference_steps is %u; it must be from 1 to num_train_timesteps, "
                      "which is %u"),
                   original, train);
      return NULL;
    }
  if (solver->steps > original)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%u steps asked of the solver lcm; it has at most %u "
                      "(original_inference_steps)"),
                   solver->steps, original);
      return NULL;
    }

  double *timesteps = pd_try_new (double, solver->steps, _ ("the noise schedule"), error);

  if (timesteps == NULL)
    return NULL;
  for (guint i = 0; i < solver->steps; i++)
    {
      const guint index = (guint) (i * ((double) original / solver->steps));
      timesteps[i] = (double) (original - index) * (train / original) - 1.0;
    }
  return timesteps;
}

/* PNDM without Runge-Kutta start: the second level is evaluated twice. In a run that starts later
 * (strength) it is the second level of that run. */
static gboolean
repeat_second (PdSolver *solver, GError **error)
{
  const guint n = solver->n_total;
  double *timesteps;

  if (n - solver->begin < 2)
    return TRUE;
  timesteps = pd_try_new (double, n + 1, _ ("the noise schedule"), error);
  if (timesteps == NULL)
    return FALSE;
  for (guint i = 0; i <= n; i++)
    timesteps[i] = solver->timesteps[i > solver->begin + 1 ? i - 1 : i];
  g_free (solver->timesteps);
  solver->timesteps = timesteps;
  solver->n_total = n + 1;
  return TRUE;
}

/* Heun: every level but the first is evaluated twice. */
static gboolean
repeat_levels (PdSolver *solver, GError **error)
{
  const guint n = solver->n_total;
  const char *what = _ ("the noise schedule");
  g_autofree double *timesteps = pd_try_new (double, 2 * n - 1, what, error);
  g_autofree double *sigmas = timesteps ? pd_try_new (double, 2 * n, what, error) : NULL;

  if (sigmas == NULL)
    return FALSE;
  for (guint i = 0; i < 2 * n - 1; i++)
    {
      timesteps[i] = solver->timesteps[(i + 1) / 2];
      sigmas[i] = solver->sigmas[(i + 1) / 2];
    }
  sigmas[2 * n - 1] = solver->sigmas[solver->n_sigmas - 1];

  g_free (solver->timesteps);
  g_free (solver->sigmas);
  solver->timesteps = g_steal_pointer (&timesteps);
  solver->sigmas = g_steal_pointer (&sigmas);
  solver->n_total = 2 * n - 1;
  solver->n_sigmas = 2 * n;
  solver->begin *= 2;
  return TRUE;
}

/* The number of training timesteps left when those of lower log-SNR are dropped. */
static guint
clipped_end (const PdSolver *solver)
{
  guint end = solver->config.num_train_timesteps;

  while (end > 0 && -log (pd_schedule_sigma (solver->alphas_cumprod[end - 1])) <
                        solver->config.lambda_min_clipped)
    end--;
  return end;
}

static void
log_linear_sigmas (double low, double high, guint n, double *sigmas)
{
  for (guint i = 0; i < n; i++)
    sigmas[i] = n == 1 ? high : exp (log (high) + (log (low) - log (high)) * i / (n - 1));
}

static void
sigmas_from_range (PdSolver *solver, double low, double high)
{
  const PdScheduleConfig *config = &solver->config;

  if (config->use_karras_sigmas)
    pd_schedule_karras (isnan (config->sigma_min) ? low : config->sigma_min,
                        isnan (config->sigma_max) ? high : config->sigma_max, solver->n_total,
                        solver->sigmas);
  else
    log_linear_sigmas (low, high, solver->n_total, solver->sigmas);
}

static double
end_sigma (const PdSolver *solver, double least)
{
  if (pd_solver_is_exploding (solver->type) ||
      (is_dpm (solver->type) && solver->config.final_sigma_zero))
    return 0.0;
  if (solver->type == PD_SOLVER_UNIPC && solver->config.use_karras_sigmas)
    return solver->sigmas[solver->n_total - 1];
  return least;
}

static gboolean
build_sigmas (PdSolver *solver, GError **error)
{
  const PdScheduleConfig *config = &solver->config;
  const guint train = config->num_train_timesteps;
  const gboolean ranged =
      config->use_karras_sigmas || (is_dpm (solver->type) && config->use_lu_lambdas);
  const char *what = _ ("the noise schedule");
  g_autofree double *train_sigmas = pd_try_new (double, train, what, error);

  if (train_sigmas == NULL)
    return FALSE;
  for (guint i = 0; i < train; i++)
    train_sigmas[i] = pd_schedule_sigma (solver->alphas_cumprod[i]);

  if (pd_solver_is_exploding (solver->type))
    solver->timesteps = pd_schedule_timesteps (config, solver->steps, train, FALSE, error);
  else
    {
      const guint last = is_dpm (solver->type) ? clipped_end (solver) : train;

      solver->timesteps = pd_schedule_timesteps_open (config, solver->steps, last, error);
      while (solver->timesteps != NULL && !ranged && solver->n_total > 1 &&
             solver->timesteps[solver->n_total - 1] < 0.0)
        solver->n_total--;
    }
  if (solver->timesteps == NULL)
    return FALSE;

  const guint n = solver->n_total;
  const double least = train_sigmas[0], most = train_sigmas[train - 1];
  const gboolean log_linear = solver->type == PD_SOLVER_EULER && config->log_linear_interpolation;

  solver->sigmas = pd_try_new0 (double, n + 2, what, error);
  if (solver->sigmas == NULL)
    return FALSE;
  solver->n_sigmas = log_linear && !ranged ? n + 2 : n + 1;
  for (guint i = 0; i < n; i++)
    solver->sigmas[i] = pd_schedule_sigma_at (train_sigmas, train, solver->timesteps[i]);

  if (log_linear && !ranged)
    log_linear_sigmas (least, most, n + 1, solver->sigmas);
  else if (ranged && !log_linear && pd_solver_is_exploding (solver->type))
    sigmas_from_range (solver, solver->sigmas[n - 1], solver->sigmas[0]);
  else if (ranged)
    sigmas_from_range (solver, least, most);
  if (solver->n_sigmas == n + 1)
    solver->sigmas[n] = end_sigma (solver, least);

  for (guint i = 0; i < n; i++)
    {
      double *t = &solver->timesteps[i];

      if (ranged)
        *t = pd_schedule_timestep_of (train_sigmas, train, solver->sigmas[i]);
      if (ranged && !pd_solver_is_exploding (solver->type))
        *t = rint (*t);
      if (config->continuous_timesteps && config->prediction_type == PD_PREDICTION_V &&
          solver->type == PD_SOLVER_EULER)
        *t = 0.25 * log (solver->sigmas[i]);

      if (!(solver->sigmas[i] > 0.0) || (i > 0 && !(solver->sigmas[i] < solver->sigmas[i - 1])))
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                       _ ("%u steps of the solver %s repeat a noise level (step %u: sigma %g); use "
                          "fewer steps, Karras sigmas or another timestep_spacing"),
                       solver->steps, pd_solver_type_to_string (solver->type), i,
                       solver->sigmas[i]);
          return FALSE;
        }
    }

  if (solver->type == PD_SOLVER_HEUN && !repeat_levels (solver, error))
    return FALSE;

  solver->levels = pd_try_new (double, solver->n_total, what, error);
  if (solver->levels == NULL)
    return FALSE;
  for (guint k = 0; k < solver->n_total; k++)
    solver->levels[k] = 1.0 / (1.0 + solver->sigmas[k] * solver->sigmas[k]);
  return TRUE;
}

static gboolean
build_timesteps (PdSolver *solver, GError **error)
{
  const PdScheduleConfig *config = &solver->config;
  const guint train = config->num_train_timesteps;

  solver->timesteps = solver->type == PD_SOLVER_LCM
                          ? lcm_timesteps (solver, error)
                          : pd_schedule_timesteps (config, solver->steps, train, TRUE, error);
  if (!solver->timesteps)
    return FALSE;

  if (solver->timesteps[0] > train - 1.0)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_BAD_REQUEST,
          _ ("%u steps with steps_offset %u begin at timestep %g of 0 … %u; use fewer steps "
             "or another timestep_spacing"),
          solver->steps, config->steps_offset, solver->timesteps[0], train - 1);
      return FALSE;
    }

  if (solver->type == PD_SOLVER_PNDM && !repeat_second (solver, error))
    return FALSE;

  solver->final_alpha_cumprod =
      solver->type == PD_SOLVER_DDPM || config->set_alpha_to_one ? 1.0 : solver->alphas_cumprod[0];
  solver->levels = pd_try_new (double, solver->n_total, _ ("the noise schedule"), error);
  if (solver->levels == NULL)
    return FALSE;
  for (guint k = 0; k < solver->n_total; k++)
    solver->levels[k] = solver->alphas_cumprod[(guint) solver->timesteps[k]];

  if (solver->begin < solver->n_total && solver->levels[solver->begin] == 0.0 &&
      config->prediction_type == PD_PREDICTION_EPSILON)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("the first timestep %g is pure noise (rescale_betas_zero_snr), where a model "
                      "that predicts epsilon says nothing about the picture; it needs "
                      "v_prediction, or leading timestep_spacing"),
                   solver->timesteps[solver->begin]);
      return FALSE;
    }
  return TRUE;
}

gboolean
pd_solver_build_schedule (PdSolver *solver, GError **error)
{
  const guint train = solver->config.num_train_timesteps;

  solver->alphas_cumprod = pd_schedule_alphas_cumprod (&solver->config, error);
  if (!solver->alphas_cumprod)
    return FALSE;
  if (solver->config.rescale_betas_zero_snr &&
      (pd_solver_type_has_sigmas (solver->type) || solver->type == PD_SOLVER_PNDM))
    solver->alphas_cumprod[train - 1] = least_alpha_cumprod;

  return pd_solver_type_has_sigmas (solver->type) ? build_sigmas (solver, error)
                                                  : build_timesteps (solver, error);
}

double
pd_solver_alpha_after (const PdSolver *solver, guint k)
{
  if (solver->type == PD_SOLVER_LCM)
    return solver->levels[MIN (k + 1, solver->n_total - 1)];

  const double t =
      solver->timesteps[k] - (double) (solver->config.num_train_timesteps / solver->steps);
  return t >= 0.0 ? solver->alphas_cumprod[(guint) t] : solver->final_alpha_cumprod;
}
