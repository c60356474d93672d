// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/solver-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Every update is a weighted sum of the latent, the predicted clean latent x0, noise and history;
 * weights are computed in double, sums in double, results stored as f32. */

void
pd_sum_add (PdSum *sum, double weight, const float *array)
{
  if (weight == 0.0)
    return;
  g_assert (sum->n < G_N_ELEMENTS (sum->weight));
  sum->weight[sum->n] = weight;
  sum->array[sum->n++] = array;
}

void
pd_sum_write (const PdSum *sum, gsize n_elements, float *out)
{
  for (gsize e = 0; e < n_elements; e++)
    {
      double value = 0.0;

      for (guint j = 0; j < sum->n; j++)
        value += sum->weight[j] * sum->array[j][e];
      out[e] = (float) value;
    }
}

void
pd_solver_rotate (float **arrays, guint n)
{
  if (n == 0)
    return;

  float *last = arrays[n - 1];
  for (guint i = n - 1; i > 0; i--)
    arrays[i] = arrays[i - 1];
  arrays[0] = last;
}

static gsize
bytes_of (const PdSolver *solver)
{
  return solver->n_elements * sizeof (float);
}

static double
squared (double x)
{
  return x * x;
}

/* Song et al. 2021, formula 16: the part of the step taken by noise. */
static double
ddim_deviation (const PdSolver *solver, guint k)
{
  const double a = solver->levels[k], a_after = pd_solver_alpha_after (solver, k);
  const double variance = (1.0 - a_after) / (1.0 - a) * (1.0 - a / a_after);

  return solver->config.eta * sqrt (MAX (variance, 0.0));
}

/* Ho et al. 2020, section 3.2 */
static double
ddpm_deviation (const PdSolver *solver, guint k)
{
  if (solver->timesteps[k] == 0.0)
    return 0.0;

  const double a = solver->levels[k], a_after = pd_solver_alpha_after (solver, k);
  const double beta = 1.0 - a / a_after;

  if (solver->config.variance_type == PD_VARIANCE_FIXED_LARGE)
    return sqrt (beta);
  return sqrt (MAX ((1.0 - a_after) / (1.0 - a) * beta, 1e-20));
}

static double
ancestral_deviation (double from, double to)
{
  return sqrt (squared (to) * (squared (from) - squared (to)) / squared (from));
}

double
pd_solver_noise_factor (const PdSolver *solver, guint k)
{
  switch (solver->type)
    {
    case PD_SOLVER_DDIM:
      return ddim_deviation (solver, k);
    case PD_SOLVER_DDPM:
      return ddpm_deviation (solver, k);
    case PD_SOLVER_LCM:
      return k + 1 < solver->n_total ? sqrt (1.0 - pd_solver_alpha_after (solver, k)) : 0.0;
    case PD_SOLVER_EULER_A:
      return ancestral_deviation (solver->sigmas[k], solver->sigmas[k + 1]);
    case PD_SOLVER_DPMPP_SDE:
      {
        /* sigma_t sqrt (1 - exp (-2 h)) with h = log (from / to) and the VP sigma_t */
        const double from = solver->sigmas[k], to = solver->sigmas[k + 1];
        return to / sqrt (1.0 + to * to) * sqrt (1.0 - squared (to / from));
      }
    case PD_SOLVER_EULER:
    case PD_SOLVER_HEUN:
    case PD_SOLVER_DPMPP_2M:
    case PD_SOLVER_UNIPC:
    case PD_SOLVER_PNDM:
    default:
      return 0.0;
    }
}

/* Song et al. 2021, formula 12. The direction uses the noise as the model saw it, even if the clean
 * latent is clipped. treated: x0 after clipping. */
static void
step_ddim (const PdSolver *solver,
           guint k,
           const float *x0,
           const float *treated,
           const float *noise,
           float *latent)
{
  const double a = solver->levels[k], a_after = pd_solver_alpha_after (solver, k);
  const double deviation = ddim_deviation (solver, k);
  const double direction = sqrt (MAX (1.0 - a_after - squared (deviation), 0.0) / (1.0 - a));
  PdSum sum = { 0 };

  pd_sum_add (&sum, direction, latent);
  pd_sum_add (&sum, -direction * sqrt (a), x0);
  pd_sum_add (&sum, sqrt (a_after), treated);
  pd_sum_add (&sum, deviation, noise);
  pd_sum_write (&sum, solver->n_elements, latent);
}

/* Ho et al. 2020, formula 7, with the schedule thinned out to the timesteps in use. */
static void
step_ddpm (const PdSolver *solver, guint k, const float *treated, const float *noise, float *latent)
{
  const double a = solver->levels[k], a_after = pd_solver_alpha_after (solver, k);
  const double alpha = a / a_after;
  PdSum sum = { 0 };

  pd_sum_add (&sum, sqrt (a_after) * (1.0 - alpha) / (1.0 - a), treated);
  pd_sum_add (&sum, sqrt (alpha) * (1.0 - a_after) / (1.0 - a), latent);
  pd_sum_add (&sum, ddpm_deviation (solver, k), noise);
  pd_sum_write (&sum, solver->n_elements, latent);
}

/* Luo et al. 2023: the consistency function c_skip * latent + c_out * x0 with sigma_data = 0.5,
 * then noised to the next level. */
static void
step_lcm (const PdSolver *solver, guint k, const float *treated, const float *noise, float *latent)
{
  const double t = solver->timesteps[k] * solver->config.timestep_scaling;
  const double skip = 0.25 / (t * t + 0.25);
  const double out = t / sqrt (t * t + 0.25);
  const gboolean last = k + 1 == solver->n_total;
  const double a_after = last ? 1.0 : pd_solver_alpha_after (solver, k);
  PdSum sum = { 0 };

  pd_sum_add (&sum, sqrt (a_after) * out, treated);
  pd_sum_add (&sum, sqrt (a_after) * skip, latent);
  pd_sum_add (&sum, pd_solver_noise_factor (solver, k), noise);
  pd_sum_write (&sum, solver->n_elements, latent);
}

/* Karras et al. 2022: along the straight line from latent to x0, down to sigma `to`. */
static void
step_euler (const PdSolver *solver,
            guint k,
            double to,
            const float *x0,
            double noise_factor,
            const float *noise,
            float *latent)
{
  const double kept = to / solver->sigmas[k];
  PdSum sum = { 0 };

  pd_sum_add (&sum, kept, latent);
  pd_sum_add (&sum, 1.0 - kept, x0);
  pd_sum_add (&sum, noise_factor, noise);
  pd_sum_write (&sum, solver->n_elements, latent);
}

static void
step_euler_a (const PdSolver *solver, guint k, const float *x0, const float *noise, float *latent)
{
  const double to = solver->sigmas[k + 1];
  const double up = ancestral_deviation (solver->sigmas[k], to);
  const double down = sqrt (MAX (squared (to) - squared (up), 0.0));

  step_euler (solver, k, down, x0, up, noise, latent);
}

/* Karras et al. 2022, algorithm 1 without churn. Even calls go to the next level by Euler, odd ones
 * evaluate there and repeat the step with the mean slope.
 * history: 0 slope at the start of the step, 1 latent at the start of the step */
static void
step_heun (PdSolver *solver, guint k, const float *x0, float *latent)
{
  PdSum sum = { 0 };

  if (k % 2 == 0)
    {
      const double sigma = solver->sigmas[k];

      pd_sum_add (&sum, 1.0 / sigma, latent);
      pd_sum_add (&sum, -1.0 / sigma, x0);
      pd_sum_write (&sum, solver->n_elements, solver->history[0]);
      memcpy (solver->history[1], latent, bytes_of (solver));
      step_euler (solver, k, solver->sigmas[k + 1], x0, 0.0, NULL, latent);
    }
  else
    {
      const double sigma = solver->sigmas[k];
      const double half = 0.5 * (sigma - solver->sigmas[k - 1]);

      pd_sum_add (&sum, 1.0, solver->history[1]);
      pd_sum_add (&sum, half, solver->history[0]);
      pd_sum_add (&sum, half / sigma, latent);
      pd_sum_add (&sum, -half / sigma, x0);
      pd_sum_write (&sum, solver->n_elements, latent);
    }
}

/* (exp (-h) - 1) / h + 1, 0 at h = 0 */
static double
phi_1 (double h)
{
  return h == 0.0 ? 0.0 : expm1 (-h) / h + 1.0;
}

/* (exp (-h) - 1 + h) / h^2 - 1/2, 0 at h = 0 */
static double
phi_2 (double h)
{
  return h == 0.0 ? 0.0 : (expm1 (-h) + h) / (h * h) - 0.5;
}

static guint
dpm_order (const PdSolver *solver, guint k)
{
  const PdScheduleConfig *config = &solver->config;
  const gboolean short_run = config->lower_order_final && solver->n_total < 15;
  const guint left = solver->n_total - k;
  guint order = MIN (config->solver_order, k - solver->begin + 1);

  if (left == 1 && (config->euler_at_final || short_run || config->final_sigma_zero))
    order = 1;
  if (left == 2 && short_run)
    order = MIN (order, 2);
  return order;
}

/* Lu et al. 2022 (DPM-Solver++), multistep; h are differences of lambda = -log (sigma).
 * history: predictions of the steps before, newest first */
static void
step_dpmpp (PdSolver *solver, guint k, const float *m0, const float *noise, float *latent)
{
  const gboolean sde = solver->type == PD_SOLVER_DPMPP_SDE;
  const guint order = dpm_order (solver, k);
  const double *sigma = &solver->sigmas[k];
  const double alpha_to = 1.0 / sqrt (1.0 + squared (sigma[1]));
  const double ratio = sigma[1] / sigma[0];
  const double h = -log (ratio);
  const double kept = ratio * alpha_to * sqrt (1.0 + squared (sigma[0]));
  const double full = alpha_to * (sde ? 1.0 - squared (ratio) : 1.0 - ratio);
  double w0 = full, w1 = 0.0, w2 = 0.0;

  if (order >= 2)
    {
      const double h0 = log (sigma[-1] / sigma[0]);
      double d1 = 0.5 * full, d2 = 0.0;

      if (order == 3)
        d1 = alpha_to * phi_1 (h), d2 = -alpha_to * phi_2 (h);
      else if (solver->config.dpm_solver_type == PD_ORDER2_HEUN)
        d1 = alpha_to * (sde ? phi_1 (2.0 * h) : phi_1 (h));

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
  pd_sum_add (&sum, w0, m0);
  pd_sum_add (&sum, w1, solver->history[0]);
  pd_sum_add (&sum, w2, solver->history[1]);
  pd_sum_add (&sum, sde ? pd_solver_noise_factor (solver, k) : 0.0, noise);
  pd_sum_write (&sum, solver->n_elements, latent);

  pd_solver_rotate (solver->history, solver->n_history);
  if (solver->n_history > 0)
    memcpy (solver->history[0], m0, bytes_of (solver));
}

/* Liu et al. 2022, formulas 9 and 12: Adams-Bashforth of rising order on the model's output, after
 * one step that is repeated with the mean of both ends.
 * history: 0-2 outputs of the calls before, newest first; 3 the latent the repeated step starts
 * from */
static void
step_pndm (PdSolver *solver, guint k, const float *x0, float *latent)
{
  static const double weights[4][4] = {
    { 1.0, 0.0, 0.0, 0.0 },
    { 3.0 / 2, -1.0 / 2, 0.0, 0.0 },
    { 23.0 / 12, -16.0 / 12, 5.0 / 12, 0.0 },
    { 55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24 },
  };
  const guint call = k - solver->begin;
  const gboolean repeat = call == 1;
  const guint from = repeat ? k - 1 : k;
  const double level = solver->levels[k];
  const double start = solver->levels[from];
  const double end = repeat ? level : pd_solver_alpha_after (solver, k);
  const gboolean is_v = solver->config.prediction_type == PD_PREDICTION_V;
  float *output = solver->x0;
  PdSum sum = { 0 };

  /* the model's output, in the form it was trained for: averaging v is not averaging epsilon */
  pd_sum_add (&sum, (is_v ? sqrt (level) : 1.0) / sqrt (1.0 - level), latent);
  pd_sum_add (&sum, -(is_v ? 1.0 : sqrt (level)) / sqrt (1.0 - level), x0);
  pd_sum_write (&sum, solver->n_elements, output);

  /* latent' = kept * latent + slope * epsilon, where epsilon = sqrt (start) v + sqrt (1 - start)
   * latent if the model predicts v */
  double kept = sqrt (end / start);
  double slope = sqrt (1.0 - end) - sqrt (end * (1.0 - start) / start);
  if (is_v)
    {
      kept += slope * sqrt (1.0 - start);
      slope *= sqrt (start);
    }

  sum.n = 0;
  pd_sum_add (&sum, kept, repeat ? solver->history[3] : latent);
  if (repeat)
    {
      pd_sum_add (&sum, 0.5 * slope, output);
      pd_sum_add (&sum, 0.5 * slope, solver->history[0]);
    }
  else
    {
      const double *w = weights[call == 0 ? 0 : MIN (call - 1, 3)];

      pd_sum_add (&sum, w[0] * slope, output);
      for (guint j = 0; j < 3; j++)
        pd_sum_add (&sum, w[j + 1] * slope, solver->history[j]);
    }
  if (call == 0)
    memcpy (solver->history[3], latent, bytes_of (solver));
  pd_sum_write (&sum, solver->n_elements, latent);

  if (!repeat)
    {
      pd_solver_rotate (solver->history, 3);
      memcpy (solver->history[0], output, bytes_of (solver));
    }
}

static int
compare_floats (gconstpointer a, gconstpointer b)
{
  const float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

/* Saharia et al. 2022, section 2.3: clip at a quantile of the magnitudes, at least 1, and divide by
 * it. The quantile lies between two values, weighted. */
static void
threshold (const PdSolver *solver, const float *x0, float *treated)
{
  const gsize n = solver->n_elements;
  const double position = solver->config.dynamic_thresholding_ratio * (double) (n - 1);
  const gsize low = MIN ((gsize) position, n - 1);

  for (gsize e = 0; e < n; e++)
    treated[e] = fabsf (x0[e]);
  qsort (treated, n, sizeof (float), compare_floats);

  double limit = treated[low];
  if (low + 1 < n)
    limit += (position - (double) low) * (treated[low + 1] - treated[low]);
  limit = MIN (MAX (limit, 1.0), solver->config.sample_max_value);

  for (gsize e = 0; e < n; e++)
    treated[e] = (float) (CLAMP (x0[e], -limit, limit) / limit);
}

static const float *
treat (PdSolver *solver, const float *x0)
{
  if (!solver->treated)
    return x0;

  if (solver->config.thresholding && solver->type != PD_SOLVER_HEUN)
    threshold (solver, x0, solver->treated);
  else
    {
      const float range = (float) solver->config.clip_sample_range;

      for (gsize e = 0; e < solver->n_elements; e++)
        solver->treated[e] = CLAMP (x0[e], -range, range);
    }
  return solver->treated;
}

void
pd_solver_update (PdSolver *solver, guint k, const float *x0, const float *noise, float *latent)
{
  const float *treated = treat (solver, x0);

  switch (solver->type)
    {
    case PD_SOLVER_DDIM:
      step_ddim (solver, k, x0, treated, noise, latent);
      break;
    case PD_SOLVER_EULER:
      step_euler (solver, k, solver->sigmas[k + 1], x0, 0.0, NULL, latent);
      break;
    case PD_SOLVER_EULER_A:
      step_euler_a (solver, k, x0, noise, latent);
      break;
    case PD_SOLVER_HEUN:
      step_heun (solver, k, treated, latent);
      break;
    case PD_SOLVER_DPMPP_2M:
    case PD_SOLVER_DPMPP_SDE:
      step_dpmpp (solver, k, treated, noise, latent);
      break;
    case PD_SOLVER_UNIPC:
      pd_solver_update_unipc (solver, k, treated, latent);
      break;
    case PD_SOLVER_LCM:
      step_lcm (solver, k, treated, noise, latent);
      break;
    case PD_SOLVER_DDPM:
      step_ddpm (solver, k, treated, noise, latent);
      break;
    case PD_SOLVER_PNDM:
      step_pndm (solver, k, x0, latent);
      break;
    default:
      g_assert_not_reached ();
    }
}
