// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/tiles/denoise.h"
#include "engine/networks/unet.h"
#include "tests/fixtures/canvas-fixture.h"

/* Denoising a canvas by tiles: against reference tensors (goldens/data/sd1_windows), and against
 * itself where nothing may matter. */

/* Windows of 16 with stride 8; tolerances are those of the goldens' index for f32. verify looks at
 * the same with other weights and prompts, in the suite golden. */
static void
test_windows (void)
{
  gsize n;
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  g_autofree float *latent = sd1_fixture_read (&canvas_sd1, "start");
  g_autofree float *noise = sd1_fixture_read (&canvas_sd1, "gaussian.noise0");
  g_autofree float *latents = sd1_fixture_read (&canvas_sd1, "gaussian.latents");
  g_autofree float *prediction = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = canvas_fixture_schedule (PD_SOLVER_DDIM, 5);
  g_autoptr (PdSolver) solver = NULL;
  g_autoptr (PdCanvas) canvas = NULL;
  PdCanvasOptions options = canvas_fixture_options (&conditions);

  n = (gsize) canvas_sd1.denoiser->info.channels * options.height * options.width;
  prediction = g_new (float, n);
  options.blend = PD_BLEND_GAUSSIAN;
  options.batch = 3;
  canvas = pd_canvas_new (&options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pd_canvas_n_tiles (canvas), ==, 8);
  solver = pd_solver_new (schedule, n, NULL);
  for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
    {
      g_assert_true (pd_canvas_predict (canvas, schedule, i, latent, prediction, NULL, &error));
      if (i == 0)
        sd1_fixture_assert_close (prediction, noise, n, 2e-4);
      pd_solver_step (solver, prediction, NULL, latent);
      sd1_fixture_assert_close (latent, latents + i * n, n, 6e-4);
    }
}

/* The same bytes for every batch, with each way to synchronise and a moving grid. */
static void
test_batch (void)
{
  static const PdSync syncs[] = { PD_SYNC_FUSION, PD_SYNC_ATTENTION };
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  PdCanvasOptions options = canvas_fixture_options (&conditions);

  options.jitter = TRUE;
  options.blend = PD_BLEND_RAMP;
  options.norm_share = 1;
  for (guint s = 0; s < G_N_ELEMENTS (syncs); s++)
    {
      g_autofree float *one = NULL;

      options.sync = syncs[s];
      options.batch = 1;
      one = canvas_fixture_denoise (&options, NULL);
      canvas_fixture_check_batches (&options, one);
    }
}

/* Each way to synchronise changes the picture, and none makes it anything but numbers. */
static void
test_sync (void)
{
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  PdCanvasOptions options = canvas_fixture_options (&conditions);
  gsize n = (gsize) canvas_sd1.denoiser->info.channels * options.height * options.width;
  float *latents[3] = { NULL };

  options.norm_share = 1;
  for (PdSync sync = PD_SYNC_NONE; sync <= PD_SYNC_ATTENTION; sync++)
    {
      options.sync = sync;
      latents[sync] = canvas_fixture_denoise (&options, NULL);
      for (gsize i = 0; i < n; i++)
        g_assert_true (isfinite (latents[sync][i]));
      for (PdSync other = PD_SYNC_NONE; other < sync; other++)
        g_assert_cmpint (memcmp (latents[sync], latents[other], n * sizeof (float)), !=, 0);
    }
  for (guint i = 0; i < G_N_ELEMENTS (latents); i++)
    g_free (latents[i]);
}

/* Nothing is left to even out in one tile, which is no larger than the canvas. */
static void
test_one_tile (void)
{
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  g_autofree float *plain = NULL, *same = sd1_fixture_read (&canvas_sd1, "start");
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = canvas_fixture_schedule (PD_SOLVER_DDIM, CANVAS_STEPS);
  PdCanvasOptions options = canvas_fixture_options (&conditions);
  PdDenoise run = { .schedule = schedule, .pulls = TRUE };
  PdDenoiseReport report;
  gsize size;

  options.height = options.width = options.tile;
  options.tile = 2 * options.tile;
  size =
      (gsize) canvas_sd1.denoiser->info.channels * options.height * options.width * sizeof (float);
  plain = canvas_fixture_denoise (&options, NULL);
  options.sync = PD_SYNC_ATTENTION;
  options.norm_share = 1;
  run.canvas = options;
  g_assert_true (pd_denoise (&run, same, &report, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (report.bank_bytes, ==, 0);
  g_assert_cmpmem (plain, size, same, size);
}

enum
{
  WIDE_TILE = 32, /* latent pixels: large enough for activations in f16 */
  WIDE_CANVAS = 48,
};

/* The prediction of two tiles, of which the right one has values that f16 does not hold. */
static float *
predict_large (PdPrecision precision, PdSync sync, guint *forwards)
{
  gsize n = 4 * WIDE_TILE * WIDE_CANVAS;
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  g_autofree float *latent = g_new (float, n);
  g_autoptr (GError) error = NULL;
  const PdPartFiles *unet = &canvas_sd1.files->parts[PD_PART_UNET];
  g_autoptr (PdDenoiser) large = NULL;
  g_autoptr (PdSchedule) schedule = canvas_fixture_schedule (PD_SOLVER_DDIM, 5);
  PdCanvasOptions options = canvas_fixture_options (&conditions);
  float *prediction = g_new (float, n);
  PdBackend general;
  PdCanvas *canvas;

  g_assert_true (
      pd_backend_init (&general, canvas_sd1.device, PD_KERNELS_GENERAL, precision, &error));
  large = pd_unet_new (&general, unet->config, unet->checkpoint, &error);
  g_assert_no_error (error);
  pd_noise_normal (3, 0, 0, n, latent);
  for (gsize i = 0; i < n; i++)
    if (i % WIDE_CANVAS >= WIDE_TILE)
      latent[i] *= 1e6f;
  options.denoiser = large;
  options.height = WIDE_TILE;
  options.width = WIDE_CANVAS;
  options.tile = WIDE_TILE;
  options.overlap = WIDE_TILE / 2;
  options.batch = 2;
  options.sync = sync;
  canvas = pd_canvas_new (&options, &error);
  g_assert_no_error (error);
  pd_canvas_predict (canvas, schedule, 0, latent, prediction, NULL, &error);
  g_assert_no_error (error);
  *forwards = pd_canvas_forwards (canvas);
  pd_canvas_free (canvas);
  return prediction;
}

/* A tile that overflows in f16 is predicted again in f32, and only that one, also where it is an
 * anchor. */
static void
test_wide (gconstpointer sync)
{
  guint forwards[2];
  g_autofree float *narrow =
      predict_large (PD_PRECISION_F16, GPOINTER_TO_UINT (sync), &forwards[0]);
  g_autofree float *wide = predict_large (PD_PRECISION_F32, GPOINTER_TO_UINT (sync), &forwards[1]);

  g_assert_true (forwards[0] == 6 && forwards[1] == 4);
  for (guint i = 0; i < 4 * WIDE_TILE * WIDE_CANVAS; i++)
    g_assert_true (isfinite (narrow[i]) &&
                   (i % WIDE_CANVAS < WIDE_TILE || fabsf (narrow[i] - wide[i]) <= 1e-3f));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  if (!sd1_fixture_open (&canvas_sd1, "sd1_windows"))
    return 0;
  g_test_add_func ("/canvas/windows", test_windows);
  canvas_fixture_add_prompts ();
  canvas_fixture_add_denoise ();
  g_test_add_func ("/canvas/batch", test_batch);
  g_test_add_func ("/canvas/sync", test_sync);
  g_test_add_func ("/canvas/one-tile", test_one_tile);
  g_test_add_data_func ("/canvas/wide/fusion", GUINT_TO_POINTER (PD_SYNC_FUSION), test_wide);
  g_test_add_data_func ("/canvas/wide/attention", GUINT_TO_POINTER (PD_SYNC_ATTENTION), test_wide);
  status = g_test_run ();
  sd1_fixture_close (&canvas_sd1);
  return status;
}
