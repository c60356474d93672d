// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/diffusion/noise.h"
#include "engine/files/model-files.h"
#include "engine/tiles/invert.h"
#include "tests/fixtures/model-fixture.h"

/* Inversion of a canvas against reference tensors (goldens/data/sd1_inversion), and there and back
 * again. */

static PdDevice *device;
static PdBackend backend;
static PdModelFiles *files;
static PdUNet *unet;
static PdSafetensors *golden;

static float *
read_golden (const char *name)
{
  const PdTensorInfo *info = pd_safetensors_find (golden, name);
  float *values;

  g_assert_nonnull (info);
  values = g_new (float, pd_tensor_info_count (info));
  g_assert_true (pd_tensor_info_to_f32 (info, values, NULL));
  return values;
}

/* DDIM as the golden has it: 10 steps, leading spacing, offset 1, end alpha of the first timestep;
 * the last @n_steps of them. */
static PdSchedule *
make_schedule (guint n_steps)
{
  g_auto (PdScheduleConfig) config = { 0 };

  pd_schedule_config_init (&config);
  config.timestep_spacing = PD_SPACING_LEADING;
  config.steps_offset = 1;
  config.set_alpha_to_one = FALSE;
  return pd_schedule_new (&config, PD_SOLVER_DDIM, 10, MIN ((n_steps + 0.5) / 10, 1), NULL);
}

static PdCanvasOptions
canvas_options (const float *context, guint height, guint width)
{
  return (PdCanvasOptions){ .unet = unet,
                            .height = height,
                            .width = width,
                            .tile = 16,
                            .overlap = 4,
                            .batch = 1,
                            .weight = PD_WEIGHT_RAMP,
                            .sync = PD_SYNC_FUSION,
                            .branches = 1,
                            .context = context,
                            .tokens = 77,
                            .guidance = 1 };
}

static void
assert_close (const float *values, const float *expected, gsize n, double tolerance)
{
  double worst = 0;

  for (gsize i = 0; i < n; i++)
    worst = MAX (worst, fabs ((double) values[i] - expected[i]));
  g_test_message ("largest error %g, tolerance %g", worst, tolerance);
  g_assert_cmpfloat (worst, <=, tolerance);
}

/* @name, after 1, 4 and all 10 steps; the tolerance is that of the goldens' index for f32. */
static void
check_inverted (const char *name, double tolerance)
{
  static const guint steps[] = { 1, 4, 10 };
  g_autofree char *inverted_name = g_strconcat (name, ".inverted", NULL);
  g_autofree float *context = read_golden ("uncond"), *inverted = read_golden (inverted_name);
  const PdTensorInfo *info = pd_safetensors_find (golden, name);
  gsize n = pd_tensor_info_count (info);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      guint n_steps = steps[i], forwards;
      g_autoptr (PdSchedule) schedule = make_schedule (n_steps);
      PdInversion inversion = { .canvas = canvas_options (context, (guint) info->dims[2],
                                                          (guint) info->dims[3]),
                                .schedule = schedule };
      g_autofree float *latent = read_golden (name);
      g_autoptr (GError) error = NULL;

      g_assert_true (pd_invert (&inversion, latent, &forwards, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (forwards, ==, n_steps);
      assert_close (latent, inverted + (n_steps - 1) * n, n, tolerance);
    }
}

static void
test_content (void)
{
  check_inverted ("content", 4e-5);
}

static void
test_style (void)
{
  check_inverted ("style", 7e-5);
}

/* DDIM sampling from the inverted latent. */
static void
test_resampled (void)
{
  g_autofree float *context = read_golden ("uncond"), *latent = read_golden ("content");
  g_autofree float *resampled = read_golden ("content.resampled");
  const PdTensorInfo *info = pd_safetensors_find (golden, "content");
  gsize n = pd_tensor_info_count (info);
  guint forwards;
  g_autoptr (PdSchedule) schedule = make_schedule (10);
  PdCanvasOptions options = canvas_options (context, (guint) info->dims[2], (guint) info->dims[3]);
  PdInversion inversion = { .canvas = options, .schedule = schedule };
  PdDenoise denoise = { .canvas = options, .schedule = schedule };
  PdDenoiseReport report;
  g_autoptr (GError) error = NULL;

  g_assert_true (pd_invert (&inversion, latent, &forwards, &error));
  g_assert_true (pd_denoise (&denoise, latent, &report, &error));
  g_assert_no_error (error);
  assert_close (latent, resampled + 9 * n, n, 7e-4);
}

/* A canvas of several tiles: the same bytes for every batch, and no steps change nothing. */
static void
test_tiles (void)
{
  g_autofree float *context = read_golden ("uncond");
  const guint height = 20, width = 37;
  gsize n = 4 * (gsize) height * width;
  g_autofree float *start = g_new (float, n), *one = NULL, *more = NULL;
  guint forwards;
  g_autoptr (PdSchedule) schedule = make_schedule (3), none = make_schedule (0);
  PdInversion inversion = { .canvas = canvas_options (context, height, width),
                            .schedule = schedule };
  g_autoptr (GError) error = NULL;

  pd_noise_normal (1, 0, 0, n, start);
  one = g_memdup2 (start, n * sizeof *one);
  more = g_memdup2 (start, n * sizeof *more);
  inversion.canvas.jitter = TRUE;
  g_assert_true (pd_invert (&inversion, one, &forwards, &error));
  inversion.canvas.batch = 3;
  g_assert_true (pd_invert (&inversion, more, &forwards, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (one, n * sizeof *one, more, n * sizeof *more);
  g_assert_cmpint (memcmp (one, start, n * sizeof *one), !=, 0);

  inversion.schedule = none;
  memcpy (one, start, n * sizeof *one);
  g_assert_true (pd_invert (&inversion, one, &forwards, &error));
  g_assert_cmpmem (one, n * sizeof *one, start, n * sizeof *start);
}

int
main (int argc, char **argv)
{
  g_autofree char *models = NULL, *data = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  models = pd_fixture_shared ("goldens/models/sd1");
  data = pd_fixture_shared ("goldens/data/sd1_inversion.safetensors");
  if (models == NULL || data == NULL)
    {
      g_print ("1..0 # SKIP the reference tensors are not there\n");
      return 0;
    }
  device = pd_device_new (NULL, &error);
  g_assert_no_error (error);
  g_assert_true (pd_backend_init (&backend, device, PD_KERNELS_AUTO, PD_TYPE_F32, &error));
  files = pd_model_files_open (models, NULL, &error);
  g_assert_no_error (error);
  unet = pd_unet_new (&backend, files->parts[PD_PART_UNET].config,
                      files->parts[PD_PART_UNET].checkpoint, &error);
  g_assert_no_error (error);
  golden = pd_safetensors_open (data, &error);
  g_assert_no_error (error);

  g_test_add_func ("/invert/content", test_content);
  g_test_add_func ("/invert/style", test_style);
  g_test_add_func ("/invert/resampled", test_resampled);
  g_test_add_func ("/invert/tiles", test_tiles);
  status = g_test_run ();

  pd_safetensors_unref (golden);
  pd_unet_free (unet);
  pd_model_files_free (files);
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
  return status;
}
