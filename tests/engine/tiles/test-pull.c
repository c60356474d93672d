// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/pull.h"

#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/tiles/resample.h"

/* The low frequencies of a canvas, pulled to its mean. */

enum
{
  H = 40,
  W = 56,
  CHANNELS = 2,
  N = CHANNELS * H * W,
  STEPS = 6,
};

static const double sigma = 6;

static double
mean (const float *plane)
{
  double sum = 0;

  for (gsize e = 0; e < H * W; e++)
    sum += plane[e];
  return sum / (H * W);
}

static PdSchedule *
make_schedule (PdSolverType type)
{
  g_auto (PdScheduleConfig) config = { 0 };

  pd_schedule_config_init (&config);
  return pd_schedule_new (&config, type, STEPS, 1, NULL);
}

/* What is added has, at the latent's level, the low frequencies of the clean latent taken from its
 * mean: low (clean + added) = mean + low (clean) - low (low (clean)). Means stay. */
static void
test_band (gconstpointer wraps)
{
  const PdTorus wrap = GPOINTER_TO_UINT (wraps);
  const PdPull pull = { .channels = CHANNELS, .size = { H, W }, .wrap = wrap, .sigma = sigma };
  g_autoptr (PdSchedule) schedule = make_schedule (PD_SOLVER_DDIM);
  g_autoptr (PdSolver) solver = pd_solver_new (schedule, N, NULL);
  g_autofree float *clean = g_new (float, N), *used = g_new (float, N);
  g_autofree float *latent = g_new (float, N), *before = NULL;
  double alpha = pd_schedule_level (schedule, 1).alpha;

  pd_noise_normal (3, 0, 0, N, clean);
  pd_noise_normal (3, 1, 0, N, latent);
  memcpy (used, clean, N * sizeof *used);
  pd_solver_step_x0 (solver, clean, NULL, latent);
  before = g_memdup2 (latent, N * sizeof *latent);
  g_assert_true (pd_pull_apply (&pull, schedule, 0, solver, used, latent, NULL));
  for (guint c = 0; c < CHANNELS; c++)
    {
      const gsize first = (gsize) c * H * W;
      g_autofree float *low = g_memdup2 (clean + first, H * W * sizeof *low);
      g_autofree float *lower = NULL, *pulled = g_new (float, H *W);
      double middle = mean (clean + first);

      for (gsize e = 0; e < H * W; e++)
        pulled[e] = (float) (clean[first + e] + (latent[first + e] - before[first + e]) / alpha);
      g_assert_cmpfloat_with_epsilon (mean (pulled), middle, 1e-5);
      pd_low_pass (low, (PdSize){ H, W }, sigma, wrap, NULL);
      lower = g_memdup2 (low, H * W * sizeof *low);
      pd_low_pass (lower, (PdSize){ H, W }, sigma, wrap, NULL);
      pd_low_pass (pulled, (PdSize){ H, W }, sigma, wrap, NULL);
      for (gsize e = 0; e < H * W; e++)
        g_assert_cmpfloat_with_epsilon (pulled[e], middle + low[e] - lower[e], 1e-5);
    }
}

/* The first half of the timesteps, and never the end; a step once. */
static void
test_counts (void)
{
  for (PdSolverType type = 0; type < PD_SOLVER_AUTO; type++)
    {
      g_autoptr (PdSchedule) schedule = make_schedule (type);
      guint n = 0;

      for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
        if (pd_pull_counts (schedule, i))
          {
            g_assert_cmpfloat (pd_schedule_timestep (schedule, i), >=, 500);
            n++;
          }
      g_assert_cmpuint (n, >=, 1);
      g_assert_cmpuint (n, <=, STEPS / 2 + 1);
      g_assert_false (pd_pull_counts (schedule, pd_schedule_n_calls (schedule) - 1));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/pull/band", GUINT_TO_POINTER (PD_TORUS_NONE), test_band);
  g_test_add_data_func ("/pull/band-seamless", GUINT_TO_POINTER (PD_TORUS_XY), test_band);
  g_test_add_func ("/pull/counts", test_counts);
  return g_test_run ();
}
