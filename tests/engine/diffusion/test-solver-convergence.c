// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/diffusion/noise.h"
#include "tests/fixtures/normal-model.h"

static const PdSolverType deterministic[] = { PD_SOLVER_DDIM,     PD_SOLVER_EULER, PD_SOLVER_HEUN,
                                              PD_SOLVER_DPMPP_2M, PD_SOLVER_UNIPC, PD_SOLVER_PNDM };
/* Noise / signal of model call i. */
static double
sigma_of (const PdSchedule *schedule, guint i)
{
  const PdNoiseLevel level = pd_schedule_level (schedule, i);

  return level.sigma / level.alpha;
}

/* Largest error against the exact trajectory at the last model call whose level is not below
 * `until` (noise / signal). */
static double
trajectory_error (
    PdSolverType type, const PdScheduleConfig *config, guint steps, double strength, double until)
{
  enum
  {
    N = 16
  };
  g_autoptr (PdSchedule) schedule = normal_model_schedule (type, config, steps, strength);
  g_autoptr (PdSolver) solver = normal_model_solver (schedule, N);
  const PdNoiseLevel level = pd_schedule_level (schedule, 0);
  double worst = 0.0;
  float start[N], latent[N];
  guint end = pd_schedule_n_calls (schedule) - 1, draw = 0;

  while (sigma_of (schedule, end) < until * (1.0 - 1e-9))
    end--;
  pd_noise_normal (11, 0, 0, N, start);
  for (guint e = 0; e < N; e++)
    latent[e] = (float) (start[e] / pd_schedule_input_scale (schedule, 0));
  for (guint i = 0; i < end; i++)
    normal_model_step (schedule, solver, PD_PREDICTION_EPSILON, N, &draw, latent);

  for (guint e = 0; e < N; e++)
    {
      const double exact =
          normal_model_transported (start[e], level, pd_schedule_level (schedule, end));
      const double found = latent[e] * pd_schedule_input_scale (schedule, end);
      worst = MAX (worst, fabs (found - exact));
    }
  return worst;
}

/* Halving the step divides the error at one level by 2^order. */
static void
check_order (PdSolverType type, const PdScheduleConfig *config, guint steps, double ratio)
{
  /* a range has one value more than it has intervals */
  const guint extra = config->use_karras_sigmas || config->use_lu_lambdas ? 1 : 0;
  g_autoptr (PdSchedule) schedule = normal_model_schedule (type, config, steps + extra, 1.0);
  const guint calls = pd_schedule_n_calls (schedule);
  const double until = sigma_of (schedule, calls - 1 - calls / 10);
  const double coarse = trajectory_error (type, config, steps + extra, 1.0, until);
  const double fine = trajectory_error (type, config, 2 * steps + extra, 1.0, until);

  g_test_message ("%s order %u%s: error %.3g, with half the step %.3g, ratio %.2f",
                  pd_solver_type_to_string (type), config->solver_order,
                  config->use_karras_sigmas ? " karras" : "", coarse, fine, coarse / fine);
  g_assert_cmpfloat (coarse / fine, >=, ratio);
  g_assert_cmpfloat (fine, <, 0.05);
}

/* UniPC's corrector adds an order. The multistep solvers of higher order begin with
 * lower ones, which shows in DPM-Solver++ of order 3; PNDM's runs do not begin at the same level.
 */
static void
test_convergence (void)
{
  static const struct
  {
    PdSolverType type;
    guint order;
    gboolean karras;
    double ratio;
  } cases[] = {
    { PD_SOLVER_DDIM, 2, FALSE, 1.7 },     { PD_SOLVER_EULER, 2, FALSE, 1.7 },
    { PD_SOLVER_EULER, 2, TRUE, 1.7 },     { PD_SOLVER_HEUN, 2, FALSE, 3.0 },
    { PD_SOLVER_HEUN, 2, TRUE, 3.0 },      { PD_SOLVER_DPMPP_2M, 1, FALSE, 1.7 },
    { PD_SOLVER_DPMPP_2M, 2, FALSE, 3.0 }, { PD_SOLVER_DPMPP_2M, 2, TRUE, 3.0 },
    { PD_SOLVER_DPMPP_2M, 3, TRUE, 4.5 },  { PD_SOLVER_UNIPC, 1, TRUE, 3.0 },
    { PD_SOLVER_UNIPC, 2, FALSE, 3.0 },    { PD_SOLVER_UNIPC, 2, TRUE, 7.0 },
    { PD_SOLVER_UNIPC, 3, TRUE, 12.0 },    { PD_SOLVER_PNDM, 2, FALSE, 2.0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (PdScheduleConfig) config = { 0 };

      normal_model_config (&config, cases[i].type);
      config.solver_order = cases[i].order;
      config.use_karras_sigmas = cases[i].karras;
      check_order (cases[i].type, &config, 20, cases[i].ratio);
    }
}

/* The other kinds of second order steps, by the same measure. */
static void
test_convergence_kinds (void)
{
  g_auto (PdScheduleConfig) config = { 0 };

  normal_model_config (&config, PD_SOLVER_DPMPP_2M);
  config.use_karras_sigmas = TRUE;
  config.dpm_solver_type = PD_ORDER2_HEUN;
  check_order (PD_SOLVER_DPMPP_2M, &config, 20, 3.0);
  config.unipc_solver_type = PD_UNIPC_BH1;
  check_order (PD_SOLVER_UNIPC, &config, 20, 5.0);
  config.use_karras_sigmas = FALSE;
  config.use_lu_lambdas = TRUE;
  check_order (PD_SOLVER_DPMPP_2M, &config, 20, 3.0);
  config.log_linear_interpolation = TRUE;
  check_order (PD_SOLVER_EULER, &config, 40, 1.7);
}

/* A run started later must follow the same trajectory from its own start. */
static void
test_strength_trajectory (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (deterministic); i++)
    for (guint percent = 20; percent <= 100; percent += 20)
      {
        g_auto (PdScheduleConfig) config = { 0 };

        normal_model_config (&config, deterministic[i]);
        const double error = trajectory_error (deterministic[i], &config, 50, percent / 100.0, 0.0);
        g_test_message ("%s strength %u %%: error %.3g",
                        pd_solver_type_to_string (deterministic[i]), percent, error);
        g_assert_cmpfloat (error, <, 0.05);
      }
}

static void
check_distribution (PdSolverType type, const PdScheduleConfig *config, guint steps)
{
  enum
  {
    N = 16384
  };
  g_autoptr (PdSchedule) schedule = normal_model_schedule (type, config, steps, 1.0);
  g_autoptr (PdSolver) solver = normal_model_solver (schedule, N);
  g_autofree float *latent = g_new (float, N);
  double mean = 0.0, variance = 0.0;
  guint draw = 0;

  normal_model_start (schedule, N, latent);
  for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
    normal_model_step (schedule, solver, PD_PREDICTION_EPSILON, N, &draw, latent);

  for (guint e = 0; e < N; e++)
    mean += latent[e] / N;
  for (guint e = 0; e < N; e++)
    variance += (latent[e] - mean) * (latent[e] - mean) / N;
  g_test_message ("%s%s: mean %.4f of %.4f, deviation %.4f of %.4f",
                  pd_solver_type_to_string (type), config->use_karras_sigmas ? " karras" : "", mean,
                  normal_model_mean, sqrt (variance), normal_model_spread);
  /* four standard deviations of the mean, and 3 % for the steps being finite */
  g_assert_cmpfloat_with_epsilon (mean, normal_model_mean, 4 * normal_model_spread / 128 + 0.03);
  g_assert_cmpfloat_with_epsilon (sqrt (variance), normal_model_spread,
                                  0.03 * normal_model_spread + 0.02);
}

static void
test_stochastic (void)
{
  static const PdSolverType types[] = { PD_SOLVER_DDIM, PD_SOLVER_EULER_A, PD_SOLVER_DPMPP_SDE,
                                        PD_SOLVER_DDPM };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    for (guint karras = 0; karras <= (pd_solver_type_has_sigmas (types[i]) ? 1 : 0); karras++)
      {
        g_auto (PdScheduleConfig) config = { 0 };

        normal_model_config (&config, types[i]);
        config.eta = 1.0;
        config.use_karras_sigmas = karras;
        check_distribution (types[i], &config, 100);
      }
}

/* LCM is exact with a model that is a consistency function: it maps any point of a trajectory to
 * the trajectory's end, so each call gives a new sample of the data. */
static void
test_lcm (void)
{
  enum
  {
    N = 16384
  };
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSchedule) schedule = NULL;
  g_autoptr (PdSolver) solver = NULL;
  g_autofree float *latent = g_new (float, N);
  g_autofree float *x0 = g_new (float, N);
  g_autofree float *noise = g_new (float, N);
  double mean = 0.0, variance = 0.0;

  normal_model_config (&config, PD_SOLVER_LCM);
  schedule = normal_model_schedule (PD_SOLVER_LCM, &config, 4, 1.0);
  solver = normal_model_solver (schedule, N);
  normal_model_start (schedule, N, latent);
  for (guint i = 0; i < 4; i++)
    {
      const PdNoiseLevel level = pd_schedule_level (schedule, i), picture = { 1.0, 0.0 };

      for (guint e = 0; e < N; e++)
        x0[e] = (float) normal_model_transported (latent[e], level, picture);
      pd_noise_normal (5, i, 0, N, noise);
      g_assert_cmpuint (pd_schedule_noise_draws (schedule, i), ==, i < 3 ? 1 : 0);
      pd_solver_step_x0 (solver, x0, noise, latent);
    }

  for (guint e = 0; e < N; e++)
    mean += latent[e] / N;
  for (guint e = 0; e < N; e++)
    variance += (latent[e] - mean) * (latent[e] - mean) / N;
  g_assert_cmpfloat_with_epsilon (mean, normal_model_mean, 4 * normal_model_spread / 128);
  g_assert_cmpfloat_with_epsilon (sqrt (variance), normal_model_spread,
                                  4 * normal_model_spread / sqrt (2.0 * N));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/solver-convergence/convergence", test_convergence);
  g_test_add_func ("/solver-convergence/convergence-kinds", test_convergence_kinds);
  g_test_add_func ("/solver-convergence/stochastic", test_stochastic);
  g_test_add_func ("/solver-convergence/lcm", test_lcm);
  g_test_add_func ("/solver-convergence/strength-trajectory", test_strength_trajectory);
  return g_test_run ();
}
