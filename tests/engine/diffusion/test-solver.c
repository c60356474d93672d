// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/base/error.h"
#include "tests/fixtures/normal-model.h"

enum
{
  SMALL = 24
};

/* A whole run; save_at: the state goes through bytes into another solver before that step. */
static void
run_small (PdSolverType type,
           const PdScheduleConfig *config,
           double strength,
           guint save_at,
           float latent[SMALL])
{
  g_autoptr (PdSchedule) schedule = normal_model_schedule (type, config, 9, strength);
  g_autoptr (PdSolver) solver = normal_model_solver (schedule, SMALL);
  guint draw = 0;

  normal_model_start (schedule, SMALL, latent);
  for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
    {
      if (i == save_at)
        {
          g_autoptr (GBytes) state = pd_solver_save (solver, NULL);
          g_autoptr (GBytes) again = NULL;
          g_autoptr (GError) error = NULL;

          pd_solver_free (solver);
          solver = normal_model_solver (schedule, SMALL);
          pd_solver_load (solver, state, &error);
          g_assert_no_error (error);
          g_assert_cmpuint (pd_solver_position (solver), ==, i);
          again = pd_solver_save (solver, NULL);
          g_assert_true (g_bytes_equal (state, again));
        }
      normal_model_step (schedule, solver, config->prediction_type, SMALL, &draw, latent);
    }
  g_assert_cmpuint (pd_solver_position (solver), ==, pd_schedule_n_calls (schedule));
}

static void
test_state (void)
{
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    for (guint order = 1; order <= 3; order++)
      {
        g_auto (PdScheduleConfig) config = { 0 };
        float reference[SMALL], again[SMALL];

        normal_model_config (&config, type);
        config.solver_order = type == PD_SOLVER_DPMPP_SDE ? MIN (order, 2) : order;
        config.eta = 0.5;
        run_small (type, &config, 0.8, G_MAXUINT, reference);
        run_small (type, &config, 0.8, G_MAXUINT, again);
        g_assert_cmpmem (again, sizeof again, reference, sizeof reference);
        for (guint at = 0; at < 9; at++)
          {
            run_small (type, &config, 0.8, at, again);
            g_assert_cmpmem (again, sizeof again, reference, sizeof reference);
          }
      }
}

static void
refuse_state (PdSolver *solver, const guint8 *data, gsize size)
{
  g_autoptr (GBytes) state = g_bytes_new (data, size);
  g_autoptr (GBytes) before = pd_solver_save (solver, NULL);
  g_autoptr (GBytes) after = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (pd_solver_load (solver, state, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  after = pd_solver_save (solver, NULL);
  g_assert_true (g_bytes_equal (before, after));
}

static void
test_state_refused (void)
{
  static const struct
  {
    PdSolverType type;
    guint steps;
    double strength;
  } others[] = {
    { PD_SOLVER_UNIPC, 10, 1.0 },
    { PD_SOLVER_UNIPC, 9, 0.5 },
    { PD_SOLVER_DPMPP_2M, 9, 1.0 },
  };
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSchedule) schedule = NULL;
  g_autoptr (PdSolver) solver = NULL;
  g_autoptr (PdSolver) larger = NULL;
  g_autoptr (GBytes) state = NULL;
  g_autofree guint8 *copy = NULL;
  const float infinite = INFINITY;
  float latent[SMALL];
  guint draw = 0;
  gsize size;

  normal_model_config (&config, PD_SOLVER_UNIPC);
  schedule = normal_model_schedule (PD_SOLVER_UNIPC, &config, 9, 1.0);
  solver = normal_model_solver (schedule, SMALL);
  normal_model_start (schedule, SMALL, latent);
  normal_model_step (schedule, solver, PD_PREDICTION_EPSILON, SMALL, &draw, latent);
  state = pd_solver_save (solver, NULL);
  const guint8 *data = g_bytes_get_data (state, &size);

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr (PdSchedule) unlike =
          normal_model_schedule (others[i].type, &config, others[i].steps, others[i].strength);
      g_autoptr (PdSolver) other = normal_model_solver (unlike, SMALL);

      refuse_state (other, data, size);
    }
  larger = normal_model_solver (schedule, SMALL + 1);
  refuse_state (larger, data, size);

  refuse_state (solver, data, 0);
  refuse_state (solver, data, 20);
  refuse_state (solver, data, size - 1);
  copy = g_malloc0 (size + 4);
  memcpy (copy, data, size);
  refuse_state (solver, copy, size + 4);
  memcpy (copy + size - sizeof infinite, &infinite, sizeof infinite);
  refuse_state (solver, copy, size);
  memcpy (copy, data, size);
  copy[0] ^= 1;
  refuse_state (solver, copy, size);
}

/* The three ways a model can speak give the same run. */
static void
test_predictions (void)
{
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      float epsilon[SMALL], v[SMALL], sample[SMALL];

      normal_model_config (&config, type);
      run_small (type, &config, 1.0, G_MAXUINT, epsilon);
      config.prediction_type = PD_PREDICTION_V;
      run_small (type, &config, 1.0, G_MAXUINT, v);
      config.prediction_type = PD_PREDICTION_SAMPLE;
      run_small (type, &config, 1.0, G_MAXUINT, sample);
      for (guint e = 0; e < SMALL; e++)
        {
          /* PNDM averages what the model says, and averages of v are not those of epsilon */
          if (type != PD_SOLVER_PNDM)
            g_assert_cmpfloat_with_epsilon (v[e], epsilon[e], 1e-4);
          g_assert_cmpfloat_with_epsilon (sample[e], epsilon[e], 1e-4);
        }
    }
}

/* step = to_x0, then step_x0; and x0 by its factors. */
static void
test_x0 (void)
{
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSchedule) schedule = NULL;
      g_autoptr (PdSolver) whole = NULL, split = NULL;
      float latent[SMALL], latent2[SMALL], output[SMALL], noise[SMALL], x0[SMALL];

      normal_model_config (&config, type);
      config.prediction_type = PD_PREDICTION_V;
      schedule = normal_model_schedule (type, &config, 6, 1.0);
      whole = normal_model_solver (schedule, SMALL);
      split = normal_model_solver (schedule, SMALL);
      normal_model_start (schedule, SMALL, latent);
      memcpy (latent2, latent, sizeof latent);
      for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
        {
          double from_latent, from_output;

          normal_model_predict (schedule, i, PD_PREDICTION_V, SMALL, latent, output);
          pd_noise_normal (3, i, 0, SMALL, noise);
          pd_schedule_to_x0 (schedule, i, SMALL, latent2, output, x0);
          pd_schedule_x0_factors (schedule, i, &from_latent, &from_output);
          g_assert_cmpfloat_with_epsilon (x0[1], from_latent * latent2[1] + from_output * output[1],
                                          1e-6 * (1.0 + fabs (x0[1])));
          pd_solver_step_x0 (split, x0, noise, latent2);
          pd_solver_step (whole, output, noise, latent);
          g_assert_cmpmem (latent, sizeof latent, latent2, sizeof latent2);
        }
    }
}

/* Every solver ends near the data from one step, two and all of them, without NaN. */
static void
test_step_counts (void)
{
  static const guint counts[] = { 1, 2, 3, 14, 15, 16, 50 };

  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
      for (guint karras = 0; karras <= (pd_solver_type_has_sigmas (type) ? 1 : 0); karras++)
        {
          g_auto (PdScheduleConfig) config = { 0 };
          g_autoptr (PdSchedule) schedule = NULL;
          g_autoptr (PdSolver) solver = NULL;
          float latent[SMALL];
          guint draw = 0;

          normal_model_config (&config, type);
          config.use_karras_sigmas = karras;
          schedule = normal_model_schedule (type, &config, counts[c], 1.0);
          solver = normal_model_solver (schedule, SMALL);
          normal_model_start (schedule, SMALL, latent);
          for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
            normal_model_step (schedule, solver, PD_PREDICTION_EPSILON, SMALL, &draw, latent);
          for (guint e = 0; e < SMALL; e++)
            g_assert_cmpfloat (fabs (latent[e] - normal_model_mean), <, 6 * normal_model_spread);
        }
}

static void
test_zero_snr (void)
{
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSchedule) schedule = NULL;
      g_autoptr (PdSolver) solver = NULL;
      float latent[SMALL];
      guint draw = 0;

      normal_model_config (&config, type);
      config.rescale_betas_zero_snr = TRUE;
      config.timestep_spacing = PD_SPACING_TRAILING;
      config.prediction_type = PD_PREDICTION_V;
      schedule = normal_model_schedule (type, &config, 20, 1.0);
      solver = normal_model_solver (schedule, SMALL);
      g_assert_cmpfloat (pd_schedule_timestep (schedule, 0), ==, 999.0);
      normal_model_start (schedule, SMALL, latent);
      for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
        normal_model_step (schedule, solver, PD_PREDICTION_V, SMALL, &draw, latent);
      for (guint e = 0; e < SMALL; e++)
        g_assert_cmpfloat (fabs (latent[e] - normal_model_mean), <, 6 * normal_model_spread);
    }
}

static void
test_clipping (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSchedule) clipping = NULL, thresholding = NULL;
  g_autoptr (PdSolver) clipped = NULL, thresholded = NULL;
  const float noise[5] = { 0 };
  /* the 0.5 quantile of the magnitudes is 2 */
  const float x0[5] = { 0.5f, -1.0f, 2.0f, -4.0f, 8.0f };
  const float in_range[5] = { 0.5f, -1.0f, 1.5f, -1.5f, 1.5f };
  const float by_quantile[5] = { 0.25f, -0.5f, 1.0f, -1.0f, 1.0f };
  float latent[5] = { 0 };

  normal_model_config (&config, PD_SOLVER_DDPM);
  config.clip_sample = TRUE;
  config.clip_sample_range = 1.5;
  /* one step ends at the clean latent */
  clipping = normal_model_schedule (PD_SOLVER_DDPM, &config, 1, 1.0);
  clipped = normal_model_solver (clipping, 5);
  pd_solver_step_x0 (clipped, x0, noise, latent);
  for (guint e = 0; e < 5; e++)
    g_assert_cmpfloat_with_epsilon (latent[e], in_range[e], 1e-6);

  config.thresholding = TRUE;
  config.dynamic_thresholding_ratio = 0.5;
  config.sample_max_value = 3.0;
  thresholding = normal_model_schedule (PD_SOLVER_DDPM, &config, 1, 1.0);
  thresholded = normal_model_solver (thresholding, 5);
  memset (latent, 0, sizeof latent);
  pd_solver_step_x0 (thresholded, x0, noise, latent);
  for (guint e = 0; e < 5; e++)
    g_assert_cmpfloat_with_epsilon (latent[e], by_quantile[e], 1e-6);
}

/* A latent that is moved has more noise: while the prediction stays, a step without noise keeps as
 * much of the move as of the noise; nearly, for a step may lead to another timestep than the next.
 */
static void
test_move (void)
{
  static const PdSolverType types[] = { PD_SOLVER_DDIM, PD_SOLVER_EULER, PD_SOLVER_HEUN,
                                        PD_SOLVER_DPMPP_2M, PD_SOLVER_UNIPC };
  static const float by[] = { 0.5f, -1 };
  static const double factor = 0.4;

  for (guint t = 0; t < G_N_ELEMENTS (types); t++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSchedule) schedule = NULL;
      guint n;

      normal_model_config (&config, types[t]);
      schedule = normal_model_schedule (types[t], &config, 9, 1);
      n = pd_schedule_n_calls (schedule);
      for (guint at = 1; at + 3 < n; at++)
        {
          float latents[2][3];
          double noise[2], scale;

          if (!pd_schedule_ends_step (schedule, at))
            continue;
          for (guint moved = 0; moved < 2; moved++)
            {
              g_autoptr (PdSolver) solver = normal_model_solver (schedule, 3);
              guint i = 0;

              normal_model_start (schedule, 3, latents[moved]);
              for (;; i++)
                {
                  const float x0[] = { 0.3f * (float) sin (i), 0.1f * (float) i, -0.2f };

                  pd_solver_step_x0 (solver, x0, NULL, latents[moved]);
                  if (i == at && moved)
                    pd_solver_move (solver, 1, 2, by, factor, latents[moved]);
                  if (i > at && pd_schedule_ends_step (schedule, i))
                    break;
                }
              for (guint j = 0; j < 2; j++)
                {
                  const PdNoiseLevel level = pd_schedule_level (schedule, j == 0 ? at + 1 : i + 1);

                  scale = pd_schedule_input_scale (schedule, j == 0 ? at + 1 : i + 1);
                  noise[j] = level.sigma / scale;
                }
            }
          g_assert_cmpfloat (latents[0][0], ==, latents[1][0]);
          for (guint e = 0; e < 2; e++)
            g_assert_cmpfloat_with_epsilon (latents[1][e + 1] - latents[0][e + 1],
                                            factor * by[e] * noise[1] / noise[0], 1e-3);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/solver/predictions", test_predictions);
  g_test_add_func ("/solver/x0", test_x0);
  g_test_add_func ("/solver/clipping", test_clipping);
  g_test_add_func ("/solver/step-counts", test_step_counts);
  g_test_add_func ("/solver/zero-snr", test_zero_snr);
  g_test_add_func ("/solver/move", test_move);
  g_test_add_func ("/solver/state", test_state);
  g_test_add_func ("/solver/state-refused", test_state_refused);
  return g_test_run ();
}
