// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/base/error.h"
#include "engine/diffusion/training.h"

static void
test_betas (void)
{
  static const PdBetaSchedule kinds[] = { PD_BETAS_LINEAR, PD_BETAS_SCALED_LINEAR,
                                          PD_BETAS_SQUARED_COS_CAP_V2 };
  /* product of 1 - beta over 4 steps from 0.1 to 0.4, by hand */
  const double root1 = sqrt (0.1) * 2 / 3 + sqrt (0.4) / 3;
  const double root2 = sqrt (0.1) / 3 + sqrt (0.4) * 2 / 3;
  const double cosine = cos (1.008 / 1.008 * G_PI / 2 * (0.758 / 1.008));
  const double start = cos (0.008 / 1.008 * G_PI / 2);
  const double expected[] = {
    0.9 * 0.8 * 0.7 * 0.6,
    0.9 * (1 - root1 * root1) * (1 - root2 * root2) * 0.6,
    /* the last step's beta would be 1 and is capped */
    cosine * cosine / (start * start) * 0.001,
  };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autofree double *alphas = NULL;
      g_autoptr (GError) error = NULL;

      pd_schedule_config_init (&config);
      config.num_train_timesteps = 4;
      config.beta_start = 0.1;
      config.beta_end = 0.4;
      config.beta_schedule = kinds[i];
      alphas = pd_training_alphas_cumprod (&config, &error);
      g_assert_no_error (error);
      g_assert_cmpfloat_with_epsilon (alphas[3], expected[i], 1e-7);
    }
}

static void
test_trained_betas (void)
{
  const double betas[3] = { 0.5, 0.25, 0.5 };
  g_auto (PdScheduleConfig) config = { 0 };
  g_auto (PdScheduleConfig) copy = { 0 };
  g_autofree double *alphas = NULL;
  g_autoptr (GError) error = NULL;

  pd_schedule_config_init (&config);
  config.num_train_timesteps = 3;
  config.trained_betas = g_array_new (FALSE, FALSE, sizeof (double));
  g_array_append_vals (config.trained_betas, betas, 3);
  pd_schedule_config_copy (&config, &copy);

  alphas = pd_training_alphas_cumprod (&copy, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (alphas[0], ==, 0.5);
  g_assert_cmpfloat (alphas[1], ==, 0.375);
  g_assert_cmpfloat (alphas[2], ==, 0.1875);

  copy.num_train_timesteps = 4;
  g_assert_null (pd_training_alphas_cumprod (&copy, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
}

static void
test_bad_betas (void)
{
  static const double ranges[][2] = { { 0.0, 0.1 }, { 0.1, 1.0 }, { -0.1, 0.1 }, { 0.9, 0.999 } };

  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    {
      g_auto (PdScheduleConfig) config = { 0 };
      g_autoptr (GError) error = NULL;

      pd_schedule_config_init (&config);
      config.beta_schedule = PD_BETAS_LINEAR;
      config.beta_start = ranges[i][0];
      config.beta_end = ranges[i][1];
      g_assert_null (pd_training_alphas_cumprod (&config, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
    }
}

static void
test_zero_snr (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autofree double *plain = NULL;
  g_autofree double *rescaled = NULL;

  pd_schedule_config_init (&config);
  plain = pd_training_alphas_cumprod (&config, NULL);
  config.rescale_betas_zero_snr = TRUE;
  rescaled = pd_training_alphas_cumprod (&config, NULL);

  g_assert_cmpfloat_with_epsilon (rescaled[0], plain[0], 1e-7);
  g_assert_cmpfloat (rescaled[999], ==, 0.0);
  for (guint i = 1; i < 1000; i++)
    g_assert_cmpfloat (rescaled[i], <, rescaled[i - 1]);
  /* the map is linear in sqrt (alphas_cumprod) */
  g_assert_cmpfloat_with_epsilon ((sqrt (rescaled[300]) - sqrt (rescaled[600])) /
                                      (sqrt (plain[300]) - sqrt (plain[600])),
                                  sqrt (plain[0]) / (sqrt (plain[0]) - sqrt (plain[999])), 1e-5);
}

static void
check_timesteps (double *found, const double *expected, guint n)
{
  g_autofree double *owned = found;

  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (owned[i], expected[i], 1e-9);
}

/* The examples of Lin et al. 2023, table 2, for T = 1000, in the order of a run. */
static void
test_spacings (void)
{
  const double leading[] = { 801, 601, 401, 201, 1 };
  const double trailing[] = { 999, 799, 599, 399, 199 };
  const double linspace[] = { 999, 749, 500, 250, 0 };
  const double unrounded[] = { 999, 749.25, 499.5, 249.75, 0 };
  const double open_leading[] = { 831, 665, 499, 333, 167 };
  const double open_linspace[] = { 999, 799, 599, 400, 200 };
  const double uneven[] = { 999, 666, 332 };
  g_auto (PdScheduleConfig) config = { 0 };

  pd_schedule_config_init (&config);
  check_timesteps (pd_training_timesteps (&config, 5, 1000, TRUE, NULL), leading, 5);
  check_timesteps (pd_training_timesteps_open (&config, 5, 1000, NULL), open_leading, 5);

  config.timestep_spacing = PD_SPACING_TRAILING;
  check_timesteps (pd_training_timesteps (&config, 5, 1000, TRUE, NULL), trailing, 5);
  check_timesteps (pd_training_timesteps_open (&config, 5, 1000, NULL), trailing, 5);
  check_timesteps (pd_training_timesteps (&config, 3, 1000, TRUE, NULL), uneven, 3);

  config.timestep_spacing = PD_SPACING_LINSPACE;
  check_timesteps (pd_training_timesteps (&config, 5, 1000, TRUE, NULL), linspace, 5);
  check_timesteps (pd_training_timesteps (&config, 5, 1000, FALSE, NULL), unrounded, 5);
  check_timesteps (pd_training_timesteps_open (&config, 5, 1000, NULL), open_linspace, 5);
}

static void
test_sigmas (void)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autofree double *sigmas = NULL;
  double karras[5];

  pd_schedule_config_init (&config);
  sigmas = pd_training_alphas_cumprod (&config, NULL);
  for (guint i = 0; i < 1000; i++)
    sigmas[i] = pd_training_sigma (sigmas[i]);

  /* the published range of Stable Diffusion 1.x */
  g_assert_cmpfloat_with_epsilon (sigmas[0], 0.0292, 5e-5);
  g_assert_cmpfloat_with_epsilon (sigmas[999], 14.6146, 5e-4);

  g_assert_cmpfloat (pd_training_sigma_at (sigmas, 1000, 500.0), ==, sigmas[500]);
  g_assert_cmpfloat_with_epsilon (pd_training_sigma_at (sigmas, 1000, 500.25),
                                  0.75 * sigmas[500] + 0.25 * sigmas[501], 1e-12);
  g_assert_cmpfloat (pd_training_sigma_at (sigmas, 1000, 5000.0), ==, sigmas[999]);
  g_assert_cmpfloat (pd_training_sigma_at (sigmas, 1000, -1.0), ==, sigmas[0]);

  for (guint t = 0; t < 1000; t += 37)
    g_assert_cmpfloat_with_epsilon (pd_training_timestep_of (sigmas, 1000, sigmas[t]), t, 1e-6);
  g_assert_cmpfloat_with_epsilon (
      pd_training_timestep_of (sigmas, 1000, sqrt (sigmas[10] * sigmas[11])), 10.5, 1e-6);
  g_assert_cmpfloat (pd_training_timestep_of (sigmas, 1000, 100.0), ==, 999.0);
  g_assert_cmpfloat (pd_training_timestep_of (sigmas, 1000, 0.0), ==, 0.0);

  pd_training_karras (0.1, 10.0, 5, karras);
  g_assert_cmpfloat_with_epsilon (karras[0], 10.0, 1e-9);
  g_assert_cmpfloat_with_epsilon (karras[4], 0.1, 1e-9);
  g_assert_cmpfloat_with_epsilon (pow (karras[2], 1 / 7.0),
                                  (pow (10.0, 1 / 7.0) + pow (0.1, 1 / 7.0)) / 2, 1e-9);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/training/betas", test_betas);
  g_test_add_func ("/training/trained-betas", test_trained_betas);
  g_test_add_func ("/training/bad-betas", test_bad_betas);
  g_test_add_func ("/training/zero-snr", test_zero_snr);
  g_test_add_func ("/training/spacings", test_spacings);
  g_test_add_func ("/training/sigmas", test_sigmas);
  return g_test_run ();
}
