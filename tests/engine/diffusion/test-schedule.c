// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/base/error.h"
#include "tests/fixtures/normal-model.h"

/* Every level lies on the path from noise to picture, lower than the one before or the same, and
 * the run ends at the lowest; the latent of a call, scaled, has its level. */
static void
test_levels (void)
{
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSchedule) schedule = NULL;
      const float clean[] = { 1, 0 }, noise[] = { 0, 1 };

      normal_model_config (&config, type);
      schedule = normal_model_schedule (type, &config, 7, 0.8);
      for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
        {
          const PdNoiseLevel level = pd_schedule_level (schedule, i);
          const PdNoiseLevel after = pd_schedule_level (schedule, i + 1);
          const PdSplit split = pd_schedule_split (schedule, level);
          float latent[2], input[2];

          g_assert_cmpfloat (level.alpha, >, 0);
          g_assert_cmpfloat_with_epsilon (hypot (level.alpha, level.sigma), 1, 1e-12);
          g_assert_cmpfloat (after.sigma, <=, level.sigma);
          pd_schedule_add_noise (schedule, i, 2, clean, noise, latent);
          pd_schedule_scale_input (schedule, i, 2, latent, input);
          g_assert_cmpfloat_with_epsilon (input[0], level.alpha, 1e-6);
          g_assert_cmpfloat_with_epsilon (input[1], level.sigma, 1e-6);
          /* the model says what the noise is: 0 in the first element, 1 in the second */
          for (guint e = 0; e < 2; e++)
            {
              g_assert_cmpfloat_with_epsilon (
                  split.clean_input * input[e] + split.clean_output * noise[e], clean[e], 1e-5);
              g_assert_cmpfloat_with_epsilon (
                  split.noise_input * input[e] + split.noise_output * noise[e], noise[e], 1e-5);
            }
        }
    }
}

/* As many calls end a step as there are steps, and the last does. */
static void
test_ends (void)
{
  enum
  {
    STEPS = 7,
  };

  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSchedule) schedule = NULL;
      guint n, ends = 0;

      normal_model_config (&config, type);
      schedule = normal_model_schedule (type, &config, STEPS, 1);
      n = pd_schedule_n_calls (schedule);
      for (guint i = 0; i < n; i++)
        ends += pd_schedule_ends_step (schedule, i);
      g_assert_cmpuint (ends, ==, STEPS);
      g_assert_true (pd_schedule_ends_step (schedule, n - 1));
      g_assert_cmpfloat (pd_schedule_timestep (schedule, 0), <, pd_schedule_n_trained (schedule));
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

  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
      {
        g_auto (PdScheduleConfig) config = { 0 };
        g_autoptr (PdSchedule) schedule = NULL, full = NULL;
        guint expected = cases[c].steps;

        normal_model_config (&config, type);
        schedule = normal_model_schedule (type, &config, 20, cases[c].strength);
        full = normal_model_schedule (type, &config, 20, 1.0);
        if (type == PD_SOLVER_HEUN && expected > 0)
          expected = 2 * expected - 1;
        if (type == PD_SOLVER_PNDM && expected > 1)
          expected++;
        g_assert_cmpuint (pd_schedule_n_calls (schedule), ==, expected);
        if (expected == 0)
          continue;
        g_assert_cmpfloat (pd_schedule_timestep (schedule, expected - 1), ==,
                           pd_schedule_timestep (full, pd_schedule_n_calls (full) - 1));
      }
}

static void
refuse (PdSolverType type, const PdScheduleConfig *config, guint steps, double strength)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pd_schedule_new (config, type, steps, strength, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_test_message ("%s", error->message);
}

static void
test_refused (void)
{
  g_auto (PdScheduleConfig) config = { 0 };

  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      pd_schedule_config_init (&config);
      refuse (type, &config, 0, 1.0);
      refuse (type, &config, 1001, 1.0);
      refuse (type, &config, 10, -0.1);
      refuse (type, &config, 10, 1.1);
      refuse (type, &config, 10, NAN);
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
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (PdSchedule) schedule = NULL;

      if (type == PD_SOLVER_LCM)
        continue;
      normal_model_config (&config, type);
      config.timestep_spacing = PD_SPACING_TRAILING;
      schedule = normal_model_schedule (type, &config, 1000, 1.0);
      g_assert_cmpfloat (pd_schedule_timestep (schedule, 0), ==, 999.0);
      g_assert_cmpfloat (pd_schedule_timestep (schedule, pd_schedule_n_calls (schedule) - 1), ==,
                         0.0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule/ends", test_ends);
  g_test_add_func ("/schedule/levels", test_levels);
  g_test_add_func ("/schedule/strength-edges", test_strength_edges);
  g_test_add_func ("/schedule/refused", test_refused);
  g_test_add_func ("/schedule/all-timesteps", test_all_timesteps);
  return g_test_run ();
}
