// SPDX-License-Identifier: GPL-3.0-or-later
/* Latents that get the means and covariances of others. */
#include "engine/tiles/transport.h"

#include <math.h>

enum
{
  CHANNELS = 5,
  PIXELS = 3000,
};

static const double NO_LIMIT = G_MAXDOUBLE;

/* Channels that depend on each other, as @mix says how. */
static float *
make_latent (guint seed, double mix)
{
  float *values = g_new (float, CHANNELS *PIXELS);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  for (guint i = 0; i < PIXELS; i++)
    {
      double common = g_rand_double_range (rand, -1, 1);

      for (guint c = 0; c < CHANNELS; c++)
        values[c * PIXELS + i] = (float) (mix * (c + 1) * common - 0.3 * c +
                                          g_rand_double_range (rand, -1, 1) * (1 + c % 2));
    }
  return values;
}

/* Over the first @n pixels. */
static double
mean (const float *values, guint channel, guint n)
{
  double sum = 0;

  for (guint i = 0; i < n; i++)
    sum += values[channel * PIXELS + i];
  return sum / n;
}

static double
covariance (const float *values, guint a, guint b, guint n)
{
  double mean_a = mean (values, a, n), mean_b = mean (values, b, n), sum = 0;

  for (guint i = 0; i < n; i++)
    sum += (values[a * PIXELS + i] - mean_a) * (values[b * PIXELS + i] - mean_b);
  return sum / n;
}

static void
assert_alike (const float *made, guint n, const float *target)
{
  for (guint a = 0; a < CHANNELS; a++)
    {
      g_assert_cmpfloat_with_epsilon (mean (made, a, n), mean (target, a, PIXELS), 1e-4);
      for (guint b = 0; b < CHANNELS; b++)
        g_assert_cmpfloat_with_epsilon (covariance (made, a, b, n),
                                        covariance (target, a, b, PIXELS), 0.02);
    }
}

static void
test_moments (void)
{
  g_autofree float *latent = make_latent (1, 0.2), *target = make_latent (2, -0.8);
  const PdRecolorFrom from = { latent, PIXELS, NULL }, to = { target, PIXELS, NULL };

  g_assert_cmpfloat (fabs (covariance (latent, 0, 4, PIXELS) - covariance (target, 0, 4, PIXELS)),
                     >, 0.5);
  pd_transport (CHANNELS, &from, &to, 1, NO_LIMIT, latent);
  assert_alike (latent, PIXELS, target);
}

/* What is like the target already stays; so does all with a share of 0, and where nothing counts.
 */
static void
test_stays (void)
{
  g_autofree float *latent = make_latent (1, 0.2), *target = make_latent (2, -0.8);
  g_autofree float *before = g_memdup2 (latent, CHANNELS * PIXELS * sizeof *latent);
  g_autofree float *weights = g_new0 (float, PIXELS);
  const PdRecolorFrom from = { latent, PIXELS, NULL }, to = { target, PIXELS, NULL };
  const PdRecolorFrom none = { latent, PIXELS, weights };

  pd_transport (CHANNELS, &from, &to, 0, NO_LIMIT, latent);
  pd_transport (CHANNELS, &none, &to, 1, NO_LIMIT, latent);
  g_assert_cmpmem (latent, CHANNELS * PIXELS * sizeof *latent, before,
                   CHANNELS * PIXELS * sizeof *before);
  pd_transport (CHANNELS, &from, &from, 1, NO_LIMIT, latent);
  for (guint e = 0; e < CHANNELS * PIXELS; e++)
    g_assert_cmpfloat_with_epsilon (latent[e], before[e], 1e-4);
}

/* What counts gets the target's moments, however the rest looks. */
static void
test_weights (void)
{
  const guint n = PIXELS / 3;
  g_autofree float *latent = make_latent (1, 0.2), *target = make_latent (2, -0.8);
  g_autofree float *weights = g_new0 (float, PIXELS);
  const PdRecolorFrom from = { latent, PIXELS, weights }, to = { target, PIXELS, NULL };

  for (guint i = 0; i < PIXELS; i++)
    if (i < n)
      weights[i] = 1;
    else
      latent[i] += 100;
  pd_transport (CHANNELS, &from, &to, 1, NO_LIMIT, latent);
  assert_alike (latent, n, target);
}

/* A channel that does not vary does not become infinite. */
static void
test_flat (void)
{
  g_autofree float *latent = make_latent (1, 0.2), *target = make_latent (2, -0.8);
  const PdRecolorFrom from = { latent, PIXELS, NULL }, to = { target, PIXELS, NULL };

  for (guint i = 0; i < PIXELS; i++)
    latent[i] = 0.5f;
  pd_transport (CHANNELS, &from, &to, 1, NO_LIMIT, latent);
  for (guint i = 0; i < PIXELS; i++)
    g_assert_cmpfloat (fabs (latent[i] - mean (target, 0, PIXELS)), <, 30);
}

static double
contrast (const float *values)
{
  double sum = 0;

  for (guint c = 0; c < CHANNELS; c++)
    sum += covariance (values, c, c, PIXELS);
  return sum;
}

/* Of a target with @ratio times the contrast, @expected times is taken over, and all of its means.
 */
static void
assert_limited (double limit, double ratio, double expected)
{
  g_autofree float *latent = make_latent (1, 0.2), *target = make_latent (2, -0.8);
  const PdRecolorFrom from = { latent, PIXELS, NULL }, to = { target, PIXELS, NULL };
  const double scale = sqrt (contrast (target) / contrast (latent) / ratio);
  double before;

  for (guint e = 0; e < CHANNELS * PIXELS; e++)
    latent[e] = (float) (latent[e] * scale);
  before = contrast (latent);
  pd_transport (CHANNELS, &from, &to, 1, limit, latent);
  g_assert_cmpfloat_with_epsilon (contrast (latent) / before, expected, 0.01 * expected);
  for (guint c = 0; c < CHANNELS; c++)
    g_assert_cmpfloat_with_epsilon (mean (latent, c, PIXELS), mean (target, c, PIXELS), 1e-4);
}

/* What is nearly flat stays so, in the target's colours; what is within the limit gets all. */
static void
test_limit (void)
{
  assert_limited (5, 4, 4);
  assert_limited (5, 10, 2.5);
  assert_limited (5, 1e4, 1);
  assert_limited (1, 1.5, 1);
  assert_limited (1, 0.5, 0.5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/transport/moments", test_moments);
  g_test_add_func ("/transport/stays", test_stays);
  g_test_add_func ("/transport/weights", test_weights);
  g_test_add_func ("/transport/flat", test_flat);
  g_test_add_func ("/transport/limit", test_limit);
  return g_test_run ();
}
