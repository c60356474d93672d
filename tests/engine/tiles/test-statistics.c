// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/diffusion/noise.h"
#include "engine/tiles/statistics.h"

/* Statistics of group norms that are corrected, against the same in double precision. */

enum
{
  IMAGES = 4,
  HEIGHT = 7,
  WIDTH = 9,
  CHANNELS = 24,
  GROUPS = 3,
  VALUES = IMAGES * HEIGHT * WIDTH * CHANNELS,
};

static const double EPS = 1e-5;

static PdDevice *device;

static void
fill (guint seed, double scale, double shift, float *values, guint n)
{
  pd_noise_normal (seed, 0, 0, n, values);
  for (guint i = 0; i < n; i++)
    values[i] = (float) (values[i] * scale + shift);
}

static double
group_value (const float *x, guint image, guint group, guint i)
{
  guint channels = CHANNELS / GROUPS, pixel = i / channels;

  return x[(image * HEIGHT * WIDTH + pixel) * CHANNELS + group * channels + i % channels];
}

static void
check_norm (gconstpointer data)
{
  PdPrecision precision = (PdPrecision) GPOINTER_TO_UINT (data);
  double tolerance = precision == PD_PRECISION_F16 ? 2e-2 : 1e-5;
  const guint n = HEIGHT * WIDTH * CHANNELS / GROUPS;
  g_autofree float *x = g_new (float, VALUES), *y = g_new (float, VALUES);
  float weight[CHANNELS], bias[CHANNELS];
  PdNormShift given[IMAGES * GROUPS];
  PdNormMoments own[IMAGES * GROUPS];
  PdSite site = { .kind = PD_SITE_NORM, .channels = CHANNELS, .parts = GROUPS };
  g_autoptr (GArray) survey = g_array_new (FALSE, FALSE, sizeof (PdSite));
  PdHook *hook;
  g_autoptr (GError) error = NULL;
  g_autoptr (PdGraph) graph = NULL;
  g_autoptr (PdNormExchange) norms = NULL;
  PdWeights *weights;
  PdBackend backend;
  PdTensor *input, *output;
  PdNorm norm = { 0 };

  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, precision, &error));
  fill (1, 1.5, 3, x, VALUES);
  fill (2, 1, 1, weight, CHANNELS);
  fill (3, 1, 0, bias, CHANNELS);
  for (guint i = 0; i < IMAGES * GROUPS; i++)
    given[i] = (PdNormShift){ 0.3f * (float) i - 1, 0.5f + 0.1f * (float) i };
  weights = pd_weights_new (&backend, 0);
  norm.weight = pd_weights_add_vector (weights, weight, CHANNELS, &error);
  norm.bias = pd_weights_add_vector (weights, bias, CHANNELS, &error);
  g_assert_no_error (error);
  g_array_append_val (survey, site);
  norms = pd_norm_exchange_new (&backend, survey, IMAGES, &error);
  hook = pd_norm_exchange_hook (norms);
  graph = pd_graph_new (&backend);
  input = pd_graph_input (graph, IMAGES, HEIGHT, WIDTH, CHANNELS, 0);
  output = pd_graph_output (
      graph, hook->norm (hook, graph, &site, input, &norm, &(PdNormArgs){ GROUPS, (float) EPS }));
  g_assert_true (pd_graph_compile (graph, FALSE, &error));
  g_assert_true (pd_tensor_write (input, x, VALUES, &error));
  g_assert_true (pd_norm_exchange_write (norms, given, &error));
  g_assert_true (pd_graph_run (graph, NULL, &error));
  g_assert_true (pd_norm_exchange_read (norms, own, &error));
  g_assert_true (pd_tensor_read (output, y, VALUES, &error));

  for (guint image = 0; image < IMAGES; image++)
    for (guint group = 0; group < GROUPS; group++)
      {
        const PdNormShift *correction = &given[image * GROUPS + group];
        double mean = 0, variance = 0;

        for (guint i = 0; i < n; i++)
          mean += group_value (x, image, group, i) / n;
        for (guint i = 0; i < n; i++)
          variance += pow (group_value (x, image, group, i) - mean, 2) / n;
        g_assert_cmpfloat_with_epsilon (own[image * GROUPS + group].mean, mean, tolerance);
        g_assert_cmpfloat_with_epsilon (own[image * GROUPS + group].variance, variance, tolerance);
        mean += correction->offset;
        variance *= correction->factor;
        for (guint i = 0; i < n; i++)
          {
            guint channel = group * (CHANNELS / GROUPS) + i % (CHANNELS / GROUPS);
            double expected = (group_value (x, image, group, i) - mean) / sqrt (variance + EPS);

            g_assert_cmpfloat_with_epsilon (group_value (y, image, group, i),
                                            expected * weight[channel] + bias[channel], tolerance);
          }
      }
  pd_graph_free (g_steal_pointer (&graph));
  pd_weights_free (weights);
}

/* Two parts that are lit differently, in two branches: what they are given for the next step brings
 * each to the statistics of both. */
static void
test_distance (void)
{
  enum
  {
    COUNT = 5,
  };
  static const double share = 0.5;
  g_autoptr (PdStatistics) statistics = pd_statistics_new (share, 3, COUNT, NULL);
  const PdNormShift *given;
  gsize n_state;

  given = pd_statistics_shifts (statistics, 1);
  for (guint i = 0; i < COUNT; i++)
    g_assert_true (given[i].offset == 0 && given[i].factor == 1);
  pd_statistics_begin (statistics);
  for (guint part = 0; part < 2; part++)
    {
      PdNormMoments *own = pd_statistics_own (statistics, part);

      for (guint i = 0; i < COUNT; i++)
        own[i] = (PdNormMoments){ 3.0f * (float) part - 0.5f * (float) i,
                                  1.0f + 9.0f * (float) (part * i) };
    }
  pd_statistics_commit (statistics);

  given = pd_statistics_state (statistics, &n_state);
  g_assert_cmpuint (n_state, ==, 3 * COUNT);
  for (guint part = 0; part < 2; part++)
    for (guint i = 0; i < COUNT; i++)
      {
        double own_mean = 3.0 * part - 0.5 * i, own_variance = 1 + 9.0 * part * i;
        double mean = 1.5 - 0.5 * i, variance = (1 + (1 + 9.0 * i)) / 2 + 9.0 / 4;
        const PdNormShift *shift = &given[part * COUNT + i];

        g_assert_cmpfloat_with_epsilon (shift->offset, share * (mean - own_mean), 1e-5);
        g_assert_cmpfloat_with_epsilon (
            shift->factor, pow (CLAMP (variance / own_variance, 0.25, 4), share), 1e-5);
      }
  for (guint i = 0; i < COUNT; i++) /* did not run */
    g_assert_true (given[2 * COUNT + i].offset == 0 && given[2 * COUNT + i].factor == 1);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  g_test_add_data_func ("/statistics/norm/f32", GUINT_TO_POINTER (PD_PRECISION_F32), check_norm);
  g_test_add_data_func ("/statistics/norm/f16", GUINT_TO_POINTER (PD_PRECISION_F16), check_norm);
  g_test_add_func ("/statistics/distance", test_distance);
  status = g_test_run ();
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
  return status;
}
