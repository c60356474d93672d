// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/guidance.h"
#include "engine/diffusion/noise.h"

enum
{
  N = 1000
};

static double
deviation (const float *x)
{
  double mean = 0.0, sum = 0.0;

  for (guint i = 0; i < N; i++)
    mean += x[i] / N;
  for (guint i = 0; i < N; i++)
    sum += (x[i] - mean) * (x[i] - mean) / N;
  return sqrt (sum);
}

static void
test_combine (void)
{
  const float uncond[4] = { 0.0f, 1.0f, -2.0f, 0.5f };
  const float cond[4] = { 1.0f, 1.0f, 2.0f, -0.5f };
  const float expected[4] = { 7.5f, 1.0f, 28.0f, -7.0f };
  float out[4];

  pd_guidance_combine (4, uncond, cond, 7.5, out);
  g_assert_cmpmem (out, sizeof out, expected, sizeof expected);

  pd_guidance_combine (4, uncond, cond, 1.0, out);
  g_assert_cmpmem (out, sizeof out, cond, sizeof cond);
  pd_guidance_combine (4, uncond, cond, 0.0, out);
  g_assert_cmpmem (out, sizeof out, uncond, sizeof uncond);

  memcpy (out, uncond, sizeof out);
  pd_guidance_combine (4, out, cond, 7.5, out);
  g_assert_cmpmem (out, sizeof out, expected, sizeof expected);
}

static void
test_rescale (void)
{
  float cond[N], guided[N], original[N];

  pd_noise_normal (1, 0, 0, N, cond);
  pd_noise_normal (2, 0, 0, N, original);
  for (guint i = 0; i < N; i++)
    original[i] = 3.0f * original[i] + 0.25f;

  memcpy (guided, original, sizeof guided);
  pd_guidance_rescale (N, cond, 0.0, guided);
  g_assert_cmpmem (guided, sizeof guided, original, sizeof original);

  pd_guidance_rescale (N, cond, 1.0, guided);
  g_assert_cmpfloat_with_epsilon (deviation (guided), deviation (cond), 1e-5);
  /* a factor, not a shift */
  g_assert_cmpfloat_with_epsilon (guided[5] / guided[6], original[5] / original[6], 1e-4);

  memcpy (guided, original, sizeof guided);
  pd_guidance_rescale (N, cond, 0.7, guided);
  g_assert_cmpfloat_with_epsilon (deviation (guided),
                                  0.7 * deviation (cond) + 0.3 * deviation (original), 1e-5);
}

/* A constant prediction has no deviation to rescale. */
static void
test_rescale_constant (void)
{
  const float cond[3] = { 1.0f, 2.0f, 3.0f };
  const float constant[3] = { 2.0f, 2.0f, 2.0f };
  float guided[3] = { 2.0f, 2.0f, 2.0f };

  pd_guidance_rescale (3, cond, 0.7, guided);
  g_assert_cmpmem (guided, sizeof guided, constant, sizeof constant);
  pd_guidance_rescale (0, cond, 0.7, guided);
  g_assert_cmpmem (guided, sizeof guided, constant, sizeof constant);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/guidance/combine", test_combine);
  g_test_add_func ("/guidance/rescale", test_rescale);
  g_test_add_func ("/guidance/rescale-constant", test_rescale_constant);
  return g_test_run ();
}
