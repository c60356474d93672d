// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/base/error.h"
#include "tests/fixtures/normal-model.h"

static const PdSolverType all[] = { PD_SOLVER_DDIM,  PD_SOLVER_EULER,    PD_SOLVER_EULER_A,
                                    PD_SOLVER_HEUN,  PD_SOLVER_DPMPP_2M, PD_SOLVER_DPMPP_SDE,
                                    PD_SOLVER_UNIPC, PD_SOLVER_LCM,      PD_SOLVER_DDPM,
                                    PD_SOLVER_PNDM };

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
  g_autoptr (PdSolver) solver = normal_model_solver (type, config, 9, strength, SMALL);
  guint draw = 0;

  normal_model_start (solver, SMALL, latent);
  for (guint i = 0; i < pd_solver_n_timesteps (solver); i++)
    {
      if (i == save_at)
        {
          g_autoptr (GBytes) state = pd_solver_save_state (solver, NULL);
          g_autoptr (GBytes) again = NULL;
          g_autoptr (GError) error = NULL;

          pd_solver_free (solver);
          solver = normal_model_solver (type, config, 9, strength, SMALL);
          pd_solver_load_state (solver, state, &error);
          g_assert_no_error (error);
          g_assert_cmpuint (pd_solver_position (solver), ==, i);
          again = pd_solver_save_state (solver, NULL);
          g_assert_true (g_bytes_equal (state, again));
        }
      normal_model_step (solver, i, config->prediction_type, SMALL, &draw, latent);
    }
  g_assert_cmpuint (pd_solver_position (solver), ==, pd_solver_n_timesteps (solver));
}

static void
test_state (void)
{
  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    for (guint order = 1; order <= 3; order++)
      {
        g_auto (PdScheduleConfig) config = { 0 };
        float reference[SMALL], again[SMALL];

        normal_model_config (&config, all[t]);
        config.solver_order = all[t] == PD_SOLVER_DPMPP_SDE ? MIN (order, 2) : order;
        config.eta = 0.5;
        run_small (all[t], &config, 0.8, G_MAXUINT, reference);
        run_small (all[t], &config, 0.8, G_MAXUINT, again);
        g_assert_cmpmem (again, sizeof again, reference, sizeof reference);
        for (guint at = 0; at < 9; at++)
          {
            run_small (all[t], &config, 0.8, at, again);
            g_assert_cmpmem (again, sizeof again, reference, sizeof reference);
          }
      }
}

static void
refuse_state (PdSolver *solver, const guint8 *data, gsize size)
{
  g_autoptr (GBytes) state = g_bytes_new (data, size);
  g_autoptr (GBytes) before = pd_solver_save_state (solver, NULL);
  g_autoptr (GBytes) after = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (pd_solver_load_state (solver, state, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  after = pd_solver_save_state (solver, NULL);
  g_assert_true (g_bytes_equal (before, after));
}

static void
test_state_refused (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSolver) solver = NULL;
  g_autoptr (PdSolver) more_steps = NULL;
  g_autoptr (PdSolver) weaker = NULL;
  g_autoptr (PdSolver) larger = NULL;
  g_autoptr (PdSolver) other = NULL;
  g_autoptr (GBytes) state = NULL;
  g_autofree guint8 *copy = NULL;
  const float infinite = INFINITY;
  float latent[SMALL];
  guint draw = 0;
  gsize size;

  normal_model_config (&config, PD_SOLVER_UNIPC);
  solver = normal_model_solver (PD_SOLVER_UNIPC, &config, 9, 1.0, SMALL);
  normal_model_start (solver, SMALL, latent);
  normal_model_step (solver, 0, PD_PREDICTION_EPSILON, SMALL, &draw, latent);
  state = pd_solver_save_state (solver, NULL);
  const guint8 *data = g_bytes_get_data (state, &size);

  more_steps = normal_model_solver (PD_SOLVER_UNIPC, &config, 10, 1.0, SMALL);
  refuse_state (more_steps, data, size);
  weaker = normal_model_solver (PD_SOLVER_UNIPC, &config, 9, 0.5, SMALL);
  refuse_state (weaker, data, size);
  larger = normal_model_solver (PD_SOLVER_UNIPC, &config, 9, 1.0, SMALL + 1);
  refuse_state (larger, data, size);
  other = normal_model_solver (PD_SOLVER_DPMPP_2M, &config, 9, 1.0, SMALL);
  refuse_state (other, data, size);

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
  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      float epsilon[SMALL], v[SMALL], sample[SMALL];

      normal_model_config (&config, all[t]);
      run_small (all[t], &config, 1.0, G_MAXUINT, epsilon);
      config.prediction_type = PD_PREDICTION_V;
      run_small (all[t], &config, 1.0, G_MAXUINT, v);
      config.prediction_type = PD_PREDICTION_SAMPLE;
      run_small (all[t], &config, 1.0, G_MAXUINT, sample);
      for (guint e = 0; e < SMALL; e++)
        {
          /* PNDM averages what the model says, and averages of v are not those of epsilon */
          if (all[t] != PD_SOLVER_PNDM)
            g_assert_cmpfloat_with_epsilon (v[e], epsilon[e], 1e-4);
          g_assert_cmpfloat_with_epsilon (sample[e], epsilon[e], 1e-4);
        }
    }
}

/* step = to_x0, then step_x0; and x0 by its factors. */
static void
test_x0 (void)
{
  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSolver) whole = NULL;
      g_autoptr (PdSolver) split = NULL;
      float latent[SMALL], latent2[SMALL], output[SMALL], noise[SMALL], x0[SMALL];

      normal_model_config (&config, all[t]);
      config.prediction_type = PD_PREDICTION_V;
      whole = normal_model_solver (all[t], &config, 6, 1.0, SMALL);
      split = normal_model_solver (all[t], &config, 6, 1.0, SMALL);
      normal_model_start (whole, SMALL, latent);
      memcpy (latent2, latent, sizeof latent);
      for (guint i = 0; i < pd_solver_n_timesteps (whole); i++)
        {
          double from_latent, from_output;

          normal_model_predict (whole, i, PD_PREDICTION_V, SMALL, latent, output);
          pd_noise_normal (3, i, 0, SMALL, noise);
          pd_solver_to_x0 (split, i, latent2, output, x0);
          pd_solver_x0_factors (split, i, &from_latent, &from_output);
          g_assert_cmpfloat_with_epsilon (x0[1], from_latent * latent2[1] + from_output * output[1],
                                          1e-6 * (1.0 + fabs (x0[1])));
          g_assert_true (pd_solver_step_x0 (split, i, x0, noise, latent2, NULL));
          g_assert_true (pd_solver_step (whole, i, output, noise, latent, NULL));
          g_assert_cmpmem (latent, sizeof latent, latent2, sizeof latent2);
        }
    }
}

static void
test_strength_edges (void)
{
  static const struct
  {
    double strength;
    guint steps;
  } cases[] = { { 0.0, 0 }, { 0.001, 0 }, { 0.05, 1 }, { 0.55, 11 }, { 0.999, 19 }, { 1.0, 20 } };

  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
      {
        g_auto (PdScheduleConfig) config = { 0 };
        g_autoptr (PdSolver) solver = NULL;
        g_autoptr (PdSolver) full = NULL;
        guint expected = cases[c].steps;

        normal_model_config (&config, all[t]);
        solver = normal_model_solver (all[t], &config, 20, cases[c].strength, 1);
        full = normal_model_solver (all[t], &config, 20, 1.0, 1);
        if (all[t] == PD_SOLVER_HEUN && expected > 0)
          expected = 2 * expected - 1;
        if (all[t] == PD_SOLVER_PNDM && expected > 1)
          expected++;
        g_assert_cmpuint (pd_solver_n_timesteps (solver), ==, expected);
        if (expected == 0)
          continue;
        g_assert_cmpfloat (pd_solver_timestep (solver, expected - 1), ==,
                           pd_solver_timestep (full, pd_solver_n_timesteps (full) - 1));
      }
}

/* Every solver ends near the data from one step, two and all of them, without NaN. */
static void
test_step_counts (void)
{
  static const guint counts[] = { 1, 2, 3, 14, 15, 16, 50 };

  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
      for (guint karras = 0; karras <= (pd_solver_type_has_sigmas (all[t]) ? 1 : 0); karras++)
        {
          g_auto (PdScheduleConfig) config = { 0 };
          g_autoptr (PdSolver) solver = NULL;
          float latent[SMALL];
          guint draw = 0;

          normal_model_config (&config, all[t]);
          config.use_karras_sigmas = karras;
          solver = normal_model_solver (all[t], &config, counts[c], 1.0, SMALL);
          normal_model_start (solver, SMALL, latent);
          for (guint i = 0; i < pd_solver_n_timesteps (solver); i++)
            normal_model_step (solver, i, PD_PREDICTION_EPSILON, SMALL, &draw, latent);
          for (guint e = 0; e < SMALL; e++)
            g_assert_cmpfloat (fabs (latent[e] - normal_model_mean), <, 6 * normal_model_spread);
        }
}

static void
refuse (PdSolverType type, const PdScheduleConfig *config, guint steps, double strength)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pd_solver_new (type, config, steps, strength, 4, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_test_message ("%s", error->message);
}

static void
test_refused (void)
{
  g_auto (PdScheduleConfig) config = { 0 };

  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    {
      pd_schedule_config_init (&config);
      refuse (all[t], &config, 0, 1.0);
      refuse (all[t], &config, 1001, 1.0);
      refuse (all[t], &config, 10, -0.1);
      refuse (all[t], &config, 10, 1.1);
      refuse (all[t], &config, 10, NAN);
    }

  config.use_karras_sigmas = TRUE;
  refuse (PD_SOLVER_DDIM, &config, 10, 1.0);
  config.use_karras_sigmas = FALSE;
  config.skip_prk_steps = FALSE;
  refuse (PD_SOLVER_PNDM, &config, 10, 1.0);
  config.eta = 1.5;
  refuse (PD_SOLVER_DDIM, &config, 10, 1.0);
  config.solver_order = 3;
  refuse (PD_SOLVER_DPMPP_SDE, &config, 10, 1.0);
  config.solver_order = 0;
  refuse (PD_SOLVER_UNIPC, &config, 10, 1.0);

  config.solver_order = 2;
  config.eta = 0.0;
  /* leading spacing cannot have as many steps as there are timesteps */
  refuse (PD_SOLVER_DDIM, &config, 1000, 1.0);
  refuse (PD_SOLVER_EULER, &config, 1000, 1.0);
  refuse (PD_SOLVER_DPMPP_2M, &config, 1000, 1.0);
  refuse (PD_SOLVER_LCM, &config, 51, 1.0);

  /* pure noise and a model that predicts the noise */
  config.rescale_betas_zero_snr = TRUE;
  config.timestep_spacing = PD_SPACING_TRAILING;
  refuse (PD_SOLVER_DDIM, &config, 10, 1.0);
}

static void
test_all_timesteps (void)
{
  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSolver) solver = NULL;

      if (all[t] == PD_SOLVER_LCM)
        continue;
      normal_model_config (&config, all[t]);
      config.timestep_spacing = PD_SPACING_TRAILING;
      solver = normal_model_solver (all[t], &config, 1000, 1.0, 1);
      g_assert_cmpfloat (pd_solver_timestep (solver, 0), ==, 999.0);
      g_assert_cmpfloat (pd_solver_timestep (solver, pd_solver_n_timesteps (solver) - 1), ==, 0.0);
    }
}

static void
test_zero_snr (void)
{
  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSolver) solver = NULL;
      float latent[SMALL];
      guint draw = 0;

      normal_model_config (&config, all[t]);
      config.rescale_betas_zero_snr = TRUE;
      config.timestep_spacing = PD_SPACING_TRAILING;
      config.prediction_type = PD_PREDICTION_V;
      solver = normal_model_solver (all[t], &config, 20, 1.0, SMALL);
      g_assert_cmpfloat (pd_solver_timestep (solver, 0), ==, 999.0);
      normal_model_start (solver, SMALL, latent);
      for (guint i = 0; i < pd_solver_n_timesteps (solver); i++)
        normal_model_step (solver, i, PD_PREDICTION_V, SMALL, &draw, latent);
      for (guint e = 0; e < SMALL; e++)
        g_assert_cmpfloat (fabs (latent[e] - normal_model_mean), <, 6 * normal_model_spread);
    }
}

static void
test_clipping (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSolver) clipped = NULL;
  g_autoptr (PdSolver) thresholded = NULL;
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
  clipped = normal_model_solver (PD_SOLVER_DDPM, &config, 1, 1.0, 5);
  g_assert_true (pd_solver_step_x0 (clipped, 0, x0, noise, latent, NULL));
  for (guint e = 0; e < 5; e++)
    g_assert_cmpfloat_with_epsilon (latent[e], in_range[e], 1e-6);

  config.thresholding = TRUE;
  config.dynamic_thresholding_ratio = 0.5;
  config.sample_max_value = 3.0;
  thresholded = normal_model_solver (PD_SOLVER_DDPM, &config, 1, 1.0, 5);
  memset (latent, 0, sizeof latent);
  g_assert_true (pd_solver_step_x0 (thresholded, 0, x0, noise, latent, NULL));
  for (guint e = 0; e < 5; e++)
    g_assert_cmpfloat_with_epsilon (latent[e], by_quantile[e], 1e-6);
}

static void
test_order_of_steps (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (PdSolver) solver = NULL;
  g_autoptr (GError) error = NULL;
  const float output[4] = { 0 };
  float latent[4] = { 1.0f, 2.0f, 3.0f, 4.0f };
  const float before[4] = { 1.0f, 2.0f, 3.0f, 4.0f };

  pd_schedule_config_init (&config);
  solver = normal_model_solver (PD_SOLVER_EULER_A, &config, 3, 1.0, 4);
  g_assert_false (pd_solver_step (solver, 1, output, output, latent, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_clear_error (&error);
  g_assert_false (pd_solver_step (solver, 0, output, NULL, latent, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_clear_error (&error);
  g_assert_cmpmem (latent, sizeof latent, before, sizeof before);

  for (guint i = 0; i < 3; i++)
    g_assert_true (pd_solver_step (solver, i, output, output, latent, NULL));
  g_assert_false (pd_solver_step (solver, 3, output, output, latent, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
}

static void
test_names (void)
{
  g_autoptr (GError) error = NULL;
  PdSolverType type;

  for (guint t = 0; t < G_N_ELEMENTS (all); t++)
    {
      g_assert_true (pd_solver_type_from_string (pd_solver_type_to_string (all[t]), &type, NULL));
      g_assert_cmpint (type, ==, all[t]);
    }
  g_assert_false (pd_solver_type_from_string ("dpm", &type, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, "dpm++2m"));
  pd_solver_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/solver/predictions", test_predictions);
  g_test_add_func ("/solver/x0", test_x0);
  g_test_add_func ("/solver/clipping", test_clipping);
  g_test_add_func ("/solver/strength-edges", test_strength_edges);
  g_test_add_func ("/solver/step-counts", test_step_counts);
  g_test_add_func ("/solver/all-timesteps", test_all_timesteps);
  g_test_add_func ("/solver/zero-snr", test_zero_snr);
  g_test_add_func ("/solver/refused", test_refused);
  g_test_add_func ("/solver/order-of-steps", test_order_of_steps);
  g_test_add_func ("/solver/state", test_state);
  g_test_add_func ("/solver/state-refused", test_state_refused);
  g_test_add_func ("/solver/names", test_names);
  return g_test_run ();
}
