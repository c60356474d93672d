// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/method.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/sum.h"

/* (exp (-h) - 1) / h + 1, 0 at h = 0 */
static double
dpmpp_phi_1 (double h)
{
  return h == 0.0 ? 0.0 : expm1 (-h) / h + 1.0;
}

/* (exp (-h) - 1 + h) / h^2 - 1/2, 0 at h = 0 */
static double
dpmpp_phi_2 (double h)
{
  return h == 0.0 ? 0.0 : (expm1 (-h) + h) / (h * h) - 0.5;
}

/* sigma_t sqrt (1 - exp (-2 h)) with h = log (from / to) and the sigma_t of alpha^2 + sigma^2 = 1
 */
static double
dpmpp_sde_noise_factor (const PdSchedule *schedule, guint k)
{
  const double from = schedule->sigmas[k], to = schedule->sigmas[k + 1];

  return to / sqrt (1.0 + to * to) * sqrt (1.0 - pd_method_squared (to / from));
}

static guint
dpmpp_order (const PdSchedule *schedule, guint k)
{
  const PdScheduleConfig *config = &schedule->config;
  const gboolean short_run = config->lower_order_final && schedule->n_total < 15;
  const guint left = schedule->n_total - k;
  guint order = MIN (config->solver_order, k - schedule->begin + 1);

  if (left == 1 && (config->euler_at_final || short_run || config->final_sigma_zero))
    order = 1;
  if (left == 2 && short_run)
    order = MIN (order, 2);
  return order;
}

/* Lu et al. 2022 (DPM-Solver++), multistep; h are differences of lambda = -log (sigma).
 * history: predictions of the steps before, newest first */
static void
dpmpp_update (PdSolver *solver, const PdUpdate *update, float *latent)
{
  const PdSchedule *schedule = solver->schedule;
  const gboolean sde = schedule->method->noise_factor != NULL;
  const guint k = update->k, order = dpmpp_order (schedule, k);
  const double *sigma = &schedule->sigmas[k];
  const double alpha_to = 1.0 / sqrt (1.0 + pd_method_squared (sigma[1]));
  const double ratio = sigma[1] / sigma[0];
  const double h = -log (ratio);
  const double kept = ratio * alpha_to * sqrt (1.0 + pd_method_squared (sigma[0]));
  const double full = alpha_to * (sde ? 1.0 - pd_method_squared (ratio) : 1.0 - ratio);
  double w0 = full, w1 = 0.0, w2 = 0.0;

  if (order >= 2)
    {
      const double h0 = log (sigma[-1] / sigma[0]);
      double d1 = 0.5 * full, d2 = 0.0;

      if (order == 3)
        d1 = alpha_to * dpmpp_phi_1 (h), d2 = -alpha_to * dpmpp_phi_2 (h);
      else if (schedule->config.dpm_solver_type == PD_ORDER2_HEUN)
        d1 = alpha_to * (sde ? dpmpp_phi_1 (2.0 * h) : dpmpp_phi_1 (h));

      /* first difference (m0 - m1) h / h0; for order 3 corrected by the second */
      double from_newest = d1, from_older = 0.0;
      if (order == 3)
        {
          const double h1 = log (sigma[-2] / sigma[-1]);

          from_newest += d1 * h0 / (h0 + h1) + d2 * h / (h0 + h1);
          from_older = -(from_newest - d1);
          w1 += from_older * h / h1;
          w2 -= from_older * h / h1;
        }
      w0 += from_newest * h / h0;
      w1 -= from_newest * h / h0;
    }

  PdSum sum = { 0 };
  pd_sum_add (&sum, sde ? kept * ratio : kept, latent);
  pd_sum_add (&sum, w0, update->treated);
  pd_sum_add (&sum, w1, solver->history[0]);
  pd_sum_add (&sum, w2, solver->history[1]);
  pd_sum_add (&sum, sde ? dpmpp_sde_noise_factor (schedule, k) : 0.0, update->noise);
  pd_sum_write (&sum, solver->n_elements, latent);

  pd_solver_remember (solver, 0, solver->n_history, update->treated);
}

/* DPMSolverMultistepScheduler is both solvers: its algorithm_type is read with the class. */
static void
dpmpp_read_config (PdJsonReader *reader, PdScheduleConfig *config)
{
  static const char *const kinds[] = { "midpoint", "heun", "logrho", "bh1", "bh2", NULL };
  static const char *const ends[] = { "sigma_min", "zero", NULL };
  const guint kind = pd_json_reader_choice (reader, "solver_type", 0, kinds);

  /* the names of other solvers' kinds mean midpoint here, as in diffusers */
  config->dpm_solver_type = kind == 1 ? PD_ORDER2_HEUN : PD_ORDER2_MIDPOINT;
  config->solver_order = (guint) pd_json_reader_int (reader, "solver_order", 2, 1, 3);
  config->use_lu_lambdas = pd_json_reader_bool (reader, "use_lu_lambdas", FALSE);
  config->lambda_min_clipped =
      pd_json_reader_double (reader, "lambda_min_clipped", -INFINITY, -INFINITY, G_MAXDOUBLE);
  config->final_sigma_zero = pd_json_reader_choice (reader, "final_sigmas_type", 1, ends) == 1;
  config->lower_order_final = pd_json_reader_bool (reader, "lower_order_final", TRUE);
  config->euler_at_final = pd_json_reader_bool (reader, "euler_at_final", FALSE);
  if (!pd_json_reader_is_null (reader, "variance_type"))
    pd_json_reader_fail (reader, _ ("\"%s\" is set, only null is supported"), "variance_type");
}

const PdMethod pd_method_dpmpp_2m = {
  .name = "dpm++2m",
  .flags = PD_METHOD_SIGMAS | PD_METHOD_LOG_SNR | PD_METHOD_THRESHOLD,
  .max_order = 3,
  .n_history = -1,
  .scheduler = { "DPMSolverMultistepScheduler", PD_SPACING_LINSPACE },
  .read_config = dpmpp_read_config,
  .update = dpmpp_update,
};

const PdMethod pd_method_dpmpp_sde = {
  .name = "dpm++sde",
  .flags = PD_METHOD_SIGMAS | PD_METHOD_LOG_SNR | PD_METHOD_THRESHOLD,
  .max_order = 2,
  .n_history = -1,
  .scheduler = { "DPMSolverMultistepScheduler", PD_SPACING_LINSPACE },
  .read_config = dpmpp_read_config,
  .noise_factor = dpmpp_sde_noise_factor,
  .update = dpmpp_update,
};
