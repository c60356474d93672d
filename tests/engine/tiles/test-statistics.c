// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/base/error.h"
#include "engine/files/model-files.h"
#include "engine/tiles/statistics.h"
#include "tests/fixtures/model-fixture.h"

/* Statistics of group norms that are corrected, against the same in double precision. */

enum
{
  IMAGES = 4,
  HEIGHT = 7,
  WIDTH = 9,
  CHANNELS = 24,
  GROUPS = 3,
  VALUES = IMAGES * HEIGHT * WIDTH * CHANNELS,
  TOKENS = 3,
  SIDE = 16, /* latent pixels */
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
  PdType type = (PdType) GPOINTER_TO_UINT (data);
  double tolerance = type == PD_TYPE_F16 ? 2e-2 : 1e-5;
  const guint n = HEIGHT * WIDTH * CHANNELS / GROUPS;
  g_autofree float *x = g_new (float, VALUES), *y = g_new (float, VALUES);
  float weight[CHANNELS], bias[CHANNELS];
  PdMoments given[IMAGES * GROUPS], own[IMAGES * GROUPS];
  g_autoptr (GError) error = NULL;
  g_autoptr (PdGraph) graph = NULL;
  g_autoptr (PdNorms) norms = NULL;
  PdWeights *weights;
  PdBackend backend;
  PdTensor *input, *output;
  PdNorm norm = { 0 };

  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, type, &error));
  fill (1, 1.5, 3, x, VALUES);
  fill (2, 1, 1, weight, CHANNELS);
  fill (3, 1, 0, bias, CHANNELS);
  for (guint i = 0; i < IMAGES * GROUPS; i++)
    given[i] = (PdMoments){ 0.3f * (float) i - 1, 0.5f + 0.1f * (float) i };
  weights = pd_weights_new (&backend, 0);
  norm.weight = pd_weights_add_vector (weights, weight, CHANNELS, &error);
  norm.bias = pd_weights_add_vector (weights, bias, CHANNELS, &error);
  g_assert_no_error (error);
  norms = pd_norms_new (&backend, 1, GROUPS, IMAGES, &error);
  graph = pd_graph_new (&backend);
  input = pd_graph_input (graph, IMAGES, HEIGHT, WIDTH, CHANNELS, 0);
  output =
      pd_graph_output (graph, pd_norms_group_norm (norms, graph, input, &norm,
                                                   &(PdNormArgs){ .groups = GROUPS,
                                                                  .eps = (float) EPS,
                                                                  .activation = PD_ACTIVATION_NONE,
                                                                  .border = FALSE }));
  g_assert_true (pd_graph_compile (graph, FALSE, &error));
  g_assert_true (pd_tensor_write (input, x, VALUES, &error));
  g_assert_true (pd_norms_write (norms, given, &error));
  g_assert_true (pd_graph_run (graph, NULL, &error));
  g_assert_true (pd_norms_read (norms, own, &error));
  g_assert_true (pd_tensor_read (output, y, VALUES, &error));

  for (guint image = 0; image < IMAGES; image++)
    for (guint group = 0; group < GROUPS; group++)
      {
        const PdMoments *correction = &given[image * GROUPS + group];
        double mean = 0, variance = 0;

        for (guint i = 0; i < n; i++)
          mean += group_value (x, image, group, i) / n;
        for (guint i = 0; i < n; i++)
          variance += pow (group_value (x, image, group, i) - mean, 2) / n;
        g_assert_cmpfloat_with_epsilon (own[image * GROUPS + group].mean, mean, tolerance);
        g_assert_cmpfloat_with_epsilon (own[image * GROUPS + group].variance, variance, tolerance);
        mean += correction->mean;
        variance *= correction->variance;
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

/* Arrays of another length are refused, whichever of the three it is, and nothing is written. */
static void
refuse_lengths (PdUNetPass *pass, const PdUNetRun *right)
{
  gsize size = right->n_prediction * sizeof *right->prediction;
  g_autofree float *before = g_memdup2 (right->prediction, size);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;
      PdUNetRun run = *right;
      gsize *lengths[] = { &run.n_sample, &run.n_context, &run.n_prediction };

      *lengths[i] -= 1;
      g_assert_false (pd_unet_pass_run (pass, &run, NULL, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
      g_assert_cmpmem (right->prediction, size, before, size);
    }
}

/* Two tiles that are lit differently, one after the other, in two branches: what they are given for
 * the next step brings each to the statistics of both. */
static void
test_distance (gconstpointer data)
{
  static const double share = 0.5;
  g_autoptr (GError) error = NULL;
  g_autoptr (PdModelFiles) files = pd_model_files_open (data, NULL, &error);
  g_autoptr (PdUNet) unet = NULL;
  g_autoptr (PdUNetPass) pass = NULL;
  g_autoptr (PdStatistics) statistics = NULL;
  g_autofree float *context = NULL, *input = NULL, *output = NULL, *first_output = NULL;
  g_autofree PdMoments *own = NULL;
  const PdMoments *given;
  PdBackend backend;
  guint width, n, count;
  PdUNetRun run;
  gsize n_state;

  g_assert_no_error (error);
  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_TYPE_F32, &error));
  unet = pd_unet_new (&backend, files->parts[PD_PART_UNET].config,
                      files->parts[PD_PART_UNET].checkpoint, &error);
  g_assert_no_error (error);
  pass = pd_unet_pass_new (
      unet,
      &(PdUNetPassOptions){
          .n = 2, .h = SIDE, .w = SIDE, .tokens = TOKENS, .branches = 2, .norms = TRUE },
      &error);
  g_assert_no_error (error);
  width = 2 * TOKENS * pd_unet_config (unet)->cross_attention_dim;
  n = 2 * pd_unet_config (unet)->in_channels * SIDE * SIDE;
  count = pd_norms_count (pd_unet_pass_norms (pass));
  context = g_new (float, width);
  input = g_new (float, n);
  output = g_new (float, n);
  own = g_new (PdMoments, 2 * 2 * count);
  fill (4, 1, 0, context, width);
  run = (PdUNetRun){ .sample = input,
                     .n_sample = n,
                     .timestep = 500,
                     .context = context,
                     .n_context = width,
                     .prediction = output,
                     .n_prediction = n };
  statistics = pd_statistics_new (share, 2, 2, 1, count, NULL);
  pd_statistics_begin (statistics);
  for (guint tile = 0; tile < 2; tile++)
    {
      fill (5 + tile, 1 + tile, tile, input, n);
      pd_statistics_set_part (statistics, 0, tile);
      g_assert_true (pd_statistics_run (statistics, pass, &run, 0, NULL, &error));
      g_assert_true (pd_norms_read (pd_unet_pass_norms (pass), own + tile * 2 * count, &error));
    }
  pd_statistics_commit (statistics);

  given = (const PdMoments *) pd_statistics_state (statistics, &n_state);
  g_assert_cmpuint (n_state, ==, 2 * 2 * 2 * count);
  for (guint i = 0; i < 2 * count; i++)
    {
      const PdMoments *one = own + i, *other = own + 2 * count + i;
      double mean = ((double) one->mean + other->mean) / 2,
             apart = (double) one->mean - other->mean;
      double variance = ((double) one->variance + other->variance) / 2 + apart * apart / 4;

      g_assert_cmpfloat_with_epsilon (given[i].mean, share * (mean - one->mean), 1e-4);
      g_assert_cmpfloat_with_epsilon (given[i].variance,
                                      pow (CLAMP (variance / one->variance, 0.25, 4), share), 1e-3);
    }

  /* The second tile once more, now corrected. */
  first_output = g_memdup2 (output, n * sizeof *output);
  pd_statistics_begin (statistics);
  g_assert_true (pd_statistics_run (statistics, pass, &run, 0, NULL, &error));
  g_assert_cmpint (memcmp (first_output, output, n * sizeof *output), !=, 0);

  refuse_lengths (pass, &run);
}

int
main (int argc, char **argv)
{
  g_autofree char *model = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  model = pd_fixture_shared ("goldens/models/sd1");
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  g_test_add_data_func ("/statistics/norm/f32", GUINT_TO_POINTER (PD_TYPE_F32), check_norm);
  g_test_add_data_func ("/statistics/norm/f16", GUINT_TO_POINTER (PD_TYPE_F16), check_norm);
  if (model != NULL)
    g_test_add_data_func ("/statistics/distance", model, test_distance);
  status = g_test_run ();
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
  return status;
}
