// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/base/error.h"
#include "engine/files/model-files.h"
#include "engine/tiles/denoise.h"
#include "engine/tiles/keep.h"
#include "engine/networks/unet.h"
#include "tests/fixtures/model-fixture.h"
#include "tests/fixtures/sd1-fixture.h"

/* Denoising a canvas by tiles: against reference tensors (goldens/data/sd1_windows), and against
 * itself where nothing may matter. */

static Sd1Fixture sd1;

/* The conditions of both branches, the empty prompt's first. */
typedef struct
{
  PdCondition *all[2];
} Pair;

static Pair
pair_new (void)
{
  return (
      Pair){ { sd1_fixture_condition (&sd1, "uncond"), sd1_fixture_condition (&sd1, "context") } };
}

static void
pair_clear (Pair *self)
{
  pd_condition_free (self->all[0]);
  pd_condition_free (self->all[1]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pair, pair_clear)

/* Leading spacing, offset 1, the first timestep's end alpha; with DDIM and 5 steps as the golden
 * has it.
 */
static PdSchedule *
make_schedule (PdSolverType type, guint steps)
{
  g_auto (PdScheduleConfig) config = { 0 };

  pd_schedule_config_init (&config);
  return pd_schedule_new (&config, type, steps, 1.0, NULL);
}

static PdCanvasOptions
golden_options (const Pair *conditions)
{
  const PdTensorInfo *start = pd_safetensors_find (sd1.golden, "start");

  return (PdCanvasOptions){ .denoiser = sd1.denoiser,
                            .height = (guint) start->dims[2],
                            .width = (guint) start->dims[3],
                            .tile = 16,
                            .overlap = 8,
                            .batch = 1,
                            .sync = PD_SYNC_FUSION,
                            .branches = 2,
                            .conditions = (const PdCondition *const *) conditions->all,
                            .guidance = 5 };
}

/* Windows of 16 with stride 8; tolerances are those of the goldens' index for f32, 0 for what is
 * not in the golden. */
static void
check_windows (const char *kind,
               PdBlend blend,
               const PdPrompts *prompts,
               double noise_tolerance,
               double tolerance)
{
  g_autofree char *noise_name = g_strconcat (kind, ".noise0", NULL);
  g_autofree char *latents_name = g_strconcat (kind, ".latents", NULL);
  gsize n;
  g_auto (Pair) conditions = pair_new ();
  g_autofree float *latent = sd1_fixture_read (&sd1, "start");
  g_autofree float *noise = noise_tolerance > 0 ? sd1_fixture_read (&sd1, noise_name) : NULL;
  g_autofree float *latents = sd1_fixture_read (&sd1, latents_name), *prediction = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = make_schedule (PD_SOLVER_DDIM, 5);
  g_autoptr (PdSolver) solver = NULL;
  g_autoptr (PdCanvas) canvas = NULL;
  PdCanvasOptions options = golden_options (&conditions);

  n = (gsize) sd1.denoiser->info.channels * options.height * options.width;
  prediction = g_new (float, n);
  options.blend = blend;
  options.batch = 3;
  options.prompts = prompts;
  canvas = pd_canvas_new (&options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (pd_canvas_n_tiles (canvas), ==, 8);
  solver = pd_solver_new (schedule, n, NULL);
  for (guint i = 0; i < pd_schedule_n_calls (schedule); i++)
    {
      g_assert_true (pd_canvas_predict (canvas, schedule, i, latent, prediction, NULL, &error));
      if (i == 0 && noise != NULL)
        sd1_fixture_assert_close (prediction, noise, n, noise_tolerance);
      pd_solver_step (solver, prediction, NULL, latent);
      sd1_fixture_assert_close (latent, latents + i * n, n, tolerance);
    }
}

static void
test_uniform (void)
{
  check_windows ("uniform", PD_BLEND_UNIFORM, NULL, 2e-4, 5e-4);
}

static void
test_gaussian (void)
{
  check_windows ("gaussian", PD_BLEND_GAUSSIAN, NULL, 2e-4, 6e-4);
}

/* The golden gives every other window the second prompt. */
static void
odd_windows (guint part, const PdRect *rect, float *weights, gpointer user_data)
{
  for (gsize i = 0; i < pd_size_area ((PdSize){ rect->h, rect->w }); i++)
    weights[i] = (float) ((rect->y / 8 * 4 + rect->x / 8) % 2);
}

static void
test_mixture (void)
{
  g_autoptr (PdCondition) second = sd1_fixture_condition (&sd1, "context2");
  const PdPrompts prompts = { .n = 1,
                              .conditions = (const PdCondition *const[]){ second },
                              .weights = odd_windows };

  check_windows ("mixture", PD_BLEND_GAUSSIAN, &prompts, 0, 6e-4);
}

/* @report may be NULL. */
static float *
denoise (const PdCanvasOptions *options, PdDenoiseReport *report)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = make_schedule (PD_SOLVER_DDIM, 5);
  PdDenoise run = { .canvas = *options, .schedule = schedule };
  PdDenoiseReport unused;
  float *latent = sd1_fixture_read (&sd1, "start");

  g_assert_true (pd_denoise (&run, latent, report != NULL ? report : &unused, &error));
  g_assert_no_error (error);
  return latent;
}

/* The same bytes for every batch, with each way to synchronise and a moving grid. */
static void
test_batch (void)
{
  static const PdSync syncs[] = { PD_SYNC_FUSION, PD_SYNC_ATTENTION };
  g_auto (Pair) conditions = pair_new ();
  PdCanvasOptions options = golden_options (&conditions);
  gsize size =
      (gsize) sd1.denoiser->info.channels * options.height * options.width * sizeof (float);

  options.jitter = TRUE;
  options.blend = PD_BLEND_RAMP;
  options.norm_share = 1;
  for (guint s = 0; s < G_N_ELEMENTS (syncs); s++)
    {
      g_autofree float *one = NULL;

      options.sync = syncs[s];
      options.batch = 1;
      one = denoise (&options, NULL);
      for (guint batch = 2; batch <= 4; batch += 2)
        {
          g_autofree float *more = NULL;

          options.batch = batch;
          more = denoise (&options, NULL);
          g_assert_cmpmem (one, size, more, size);
        }
    }
}

/* Denoised with what @mask does not show put back, in the tiles of @changes alone. */
static float *
denoise_masked (PdCanvasOptions *options,
                const PdChanges *changes,
                const float *mask,
                PdDenoiseReport *report)
{
  g_autoptr (PdSchedule) schedule = make_schedule (PD_SOLVER_DDIM, 5);
  g_autofree float *clean = sd1_fixture_read (&sd1, "start");
  g_autofree float *noise = sd1_fixture_read (&sd1, "start");
  g_autoptr (GError) error = NULL;
  PdKeep keep = { .channels = sd1.denoiser->info.channels,
                  .size = { options->height, options->width },
                  .clean = clean,
                  .noise = noise,
                  .mask = mask };
  PdDenoise run = { .canvas = *options,
                    .schedule = schedule,
                    .adjust_latent = pd_keep_before_step,
                    .adjust_data = &keep };
  float *latent = sd1_fixture_read (&sd1, "start");

  run.canvas.changes = changes;
  g_assert_true (pd_denoise (&run, latent, report, &error));
  g_assert_no_error (error);
  pd_keep_finish (&keep, latent);
  return latent;
}

/* Only tiles that the mask touches are predicted, and all that is then there is as if all were, to
 * the byte: with a grid that moves, too, and where each tile is for itself. */
static void
test_changes (void)
{
  static const struct
  {
    PdSync sync;
    gboolean jitter, islands;
    guint forwards; /* images; 0: not counted, for the grid moves */
  } cases[] = {
    { PD_SYNC_FUSION, FALSE, FALSE, 2 * 5 },
    { PD_SYNC_FUSION, FALSE, TRUE, 2 * 5 * 2 },
    { PD_SYNC_FUSION, TRUE, TRUE, 0 },
    { PD_SYNC_NONE, FALSE, TRUE, 2 * 5 * 2 },
  };
  g_auto (Pair) conditions = pair_new ();
  PdCanvasOptions options = golden_options (&conditions);
  const PdSize size = { options.height, options.width };
  const gsize n = sd1.denoiser->info.channels * pd_size_area (size);

  options.batch = 2;
  options.norm_share = 0; /* it is of the tiles that run */
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree float *mask = g_new0 (float, pd_size_area (size)), *all = NULL, *some = NULL;
      g_autoptr (PdChanges) changes = NULL;
      PdDenoiseReport of_all, of_some;

      options.sync = cases[i].sync;
      options.jitter = cases[i].jitter;
      mask[2 * size.w + 3] = 1;
      mask[3 * size.w + 3] = 0.4f;
      if (cases[i].islands)
        mask[(size.h - 1) * size.w + size.w - 2] = 1;
      changes = pd_changes_new (size, PD_TORUS_NONE, mask, NULL);
      all = denoise_masked (&options, NULL, mask, &of_all);
      some = denoise_masked (&options, changes, mask, &of_some);
      g_assert_cmpmem (all, n * sizeof *all, some, n * sizeof *some);
      g_assert_cmpuint (of_all.forwards, ==, 2 * 5 * 8);
      g_assert_cmpuint (of_some.forwards, <, of_all.forwards / 2);
      if (cases[i].forwards > 0)
        g_assert_cmpuint (of_some.forwards, ==, cases[i].forwards);
    }
}

/* The left third for part 0, with a soft rim. */
static void
left_third (guint part, const PdRect *rect, float *weights, gpointer user_data)
{
  for (guint i = 0; i < rect->h; i++)
    for (guint j = 0; j < rect->w; j++)
      weights[i * rect->w + j] = CLAMP ((14 - (float) (rect->x + j)) / 4, 0, 1);
}

/* Two prompts in one canvas: another picture than either's, the same bytes for every batch, and no
 * forwards but in the tiles that have both. Anchors are those that have the canvas's alone. */
static void
test_regions (void)
{
  g_auto (Pair) conditions = pair_new ();
  g_autoptr (PdCondition) part = sd1_fixture_condition (&sd1, "context2");
  g_autofree float *plain = NULL, *one = NULL;
  const PdPrompts prompts = { .n = 1,
                              .conditions = (const PdCondition *const[]){ part },
                              .weights = left_third };
  PdCanvasOptions options = golden_options (&conditions);
  gsize size =
      (gsize) sd1.denoiser->info.channels * options.height * options.width * sizeof (float);
  PdDenoiseReport report;

  options.sync = PD_SYNC_ATTENTION;
  options.norm_share = 1;
  plain = denoise (&options, NULL);
  options.prompts = &prompts;
  one = denoise (&options, &report);
  g_assert_cmpint (memcmp (plain, one, size), !=, 0);
  /* 2 branches, 5 steps: 8 tiles, of which 2 × 2 have both prompts. */
  g_assert_cmpuint (report.forwards, ==, 2 * 5 * (8 + 4));
  for (guint batch = 2; batch <= 4; batch += 2)
    {
      g_autofree float *more = NULL;

      options.batch = batch;
      more = denoise (&options, NULL);
      g_assert_cmpmem (one, size, more, size);
    }
}

/* A prompt of a part that is everywhere is the canvas's prompt, but no tile reads another: the bank
 * is that of the canvas's prompt. */
static void
everywhere (guint part, const PdRect *rect, float *weights, gpointer user_data)
{
  for (gsize i = 0; i < pd_size_area ((PdSize){ rect->h, rect->w }); i++)
    weights[i] = 1;
}

static void
test_region_everywhere (void)
{
  gsize n;
  g_auto (Pair) conditions = pair_new ();
  g_autoptr (PdCondition) other = sd1_fixture_condition (&sd1, "context2");
  g_autofree float *with_region = NULL, *with_prompt = NULL, *reading_none = NULL;
  const PdPrompts prompts = { .n = 1,
                              .conditions = (const PdCondition *const[]){ other },
                              .weights = everywhere };
  PdCanvasOptions options = golden_options (&conditions);

  n = (gsize) sd1.denoiser->info.channels * options.height * options.width;
  options.norm_share = 1;
  options.prompts = &prompts;
  with_region = denoise (&options, NULL);
  options.sync = PD_SYNC_ATTENTION;
  reading_none = denoise (&options, NULL);
  sd1_fixture_assert_close (reading_none, with_region, n, 1e-3);
  options.sync = PD_SYNC_FUSION;
  options.prompts = NULL;
  options.conditions = (const PdCondition *const[]){ conditions.all[0], other };
  with_prompt = denoise (&options, NULL);
  g_assert_cmpmem (with_region, n * sizeof (float), with_prompt, n * sizeof (float));
}

/* Stopped at some moment, with what it left behind. */
typedef struct
{
  guint stop_at; /* calls of the progress function */
  GCancellable *cancellable;
  GBytes *solver, *canvas, *latent;
} Stop;

static void
stop_clear (Stop *self)
{
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->solver, g_bytes_unref);
  g_clear_pointer (&self->canvas, g_bytes_unref);
  g_clear_pointer (&self->latent, g_bytes_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Stop, stop_clear)

static void
stop_later (const PdDenoiseProgress *progress, gpointer user_data)
{
  Stop *self = user_data;

  if (self->stop_at-- == 0)
    g_cancellable_cancel (self->cancellable);
}

static void
keep_state (const PdSolver *solver,
            PdCanvas *canvas,
            const float *latent,
            gboolean stopping,
            gpointer user_data)
{
  const PdTensorInfo *start = pd_safetensors_find (sd1.golden, "start");
  Stop *self = user_data;

  if (!stopping)
    return;
  self->solver = pd_solver_save (solver, NULL);
  self->canvas = pd_canvas_save_state (canvas, NULL);
  self->latent = g_bytes_new (latent, pd_tensor_info_count (start) * sizeof (float));
}

/* A hook that is not the same done twice. */
static gboolean
darken (const PdSchedule *schedule,
        guint i,
        const PdRect *area,
        float *latent,
        gpointer user_data,
        GError **unused)
{
  for (gsize n = (gsize) sd1.denoiser->info.channels * area->h * area->w; n-- > 0;)
    latent[n] *= 0.99f;
  return TRUE;
}

/* A run that was stopped within a step or between two goes on to the same bytes. */
static void
test_resume (void)
{
  static const guint stops[] = { 4, 9, 22 };
  gsize size;
  g_auto (Pair) conditions = pair_new ();
  g_autofree float *expected = sd1_fixture_read (&sd1, "start");
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = make_schedule (PD_SOLVER_EULER_A, 3);
  PdDenoise run = { .canvas = golden_options (&conditions),
                    .schedule = schedule,
                    .pulls = TRUE,
                    .adjust_latent = darken,
                    .checkpoint = keep_state,
                    .progress = stop_later };
  PdDenoiseReport report;
  g_auto (Stop) never = { .stop_at = G_MAXUINT };

  size = pd_tensor_info_count (pd_safetensors_find (sd1.golden, "start")) * sizeof (float);
  run.canvas.sync = PD_SYNC_ATTENTION;
  run.canvas.norm_share = 1;
  run.canvas.jitter = TRUE;
  run.user_data = &never;
  g_assert_true (pd_denoise (&run, expected, &report, &error));
  for (guint i = 0; i < G_N_ELEMENTS (stops); i++)
    {
      g_auto (Stop) stop = { .stop_at = stops[i], .cancellable = g_cancellable_new () };
      g_autofree float *latent = sd1_fixture_read (&sd1, "start");
      g_autoptr (GError) cancelled = NULL;

      run.user_data = &stop;
      run.cancellable = stop.cancellable;
      run.solver_state = run.canvas_state = NULL;
      g_assert_false (pd_denoise (&run, latent, &report, &cancelled));
      g_assert_error (cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      memcpy (latent, g_bytes_get_data (stop.latent, NULL), size);
      run.user_data = &never;
      run.cancellable = NULL;
      run.solver_state = stop.solver;
      run.canvas_state = stop.canvas;
      g_assert_true (pd_denoise (&run, latent, &report, &error));
      g_assert_cmpmem (latent, size, expected, size);
      run.canvas.tile = 12;
      g_assert_false (pd_denoise (&run, latent, &report, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
      g_assert_nonnull (strstr (error->message, "16×16"));
      g_clear_error (&error);
      run.canvas.tile = 16;
    }
}

/* Each way to synchronise changes the picture, and none makes it anything but numbers. */
static void
test_sync (void)
{
  g_auto (Pair) conditions = pair_new ();
  PdCanvasOptions options = golden_options (&conditions);
  gsize n = (gsize) sd1.denoiser->info.channels * options.height * options.width;
  float *latents[3] = { NULL };

  options.norm_share = 1;
  for (PdSync sync = PD_SYNC_NONE; sync <= PD_SYNC_ATTENTION; sync++)
    {
      options.sync = sync;
      latents[sync] = denoise (&options, NULL);
      for (gsize i = 0; i < n; i++)
        g_assert_true (isfinite (latents[sync][i]));
      for (PdSync other = PD_SYNC_NONE; other < sync; other++)
        g_assert_cmpint (memcmp (latents[sync], latents[other], n * sizeof (float)), !=, 0);
    }
  for (guint i = 0; i < G_N_ELEMENTS (latents); i++)
    g_free (latents[i]);
}

/* Nothing is left to even out in one tile. */
static void
test_one_tile (void)
{
  g_auto (Pair) conditions = pair_new ();
  g_autofree float *plain = NULL, *same = sd1_fixture_read (&sd1, "start");
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = make_schedule (PD_SOLVER_DDIM, 5);
  PdCanvasOptions options = golden_options (&conditions);
  gsize n = (gsize) sd1.denoiser->info.channels * options.height * options.width;
  PdDenoise run = { .schedule = schedule, .pulls = TRUE };
  PdDenoiseReport report;

  options.tile = MAX (options.height, options.width);
  plain = denoise (&options, NULL);
  options.sync = PD_SYNC_ATTENTION;
  options.norm_share = 1;
  run.canvas = options;
  g_assert_true (pd_denoise (&run, same, &report, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (report.bank_bytes, ==, 0);
  g_assert_cmpmem (plain, n * sizeof (float), same, n * sizeof (float));
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
  g_auto (Pair) conditions = pair_new ();
  g_autofree float *latent = g_new (float, n);
  g_autoptr (GError) error = NULL;
  const PdPartFiles *unet = &sd1.files->parts[PD_PART_UNET];
  g_autoptr (PdDenoiser) large = NULL;
  g_autoptr (PdSchedule) schedule = make_schedule (PD_SOLVER_DDIM, 5);
  PdCanvasOptions options = golden_options (&conditions);
  float *prediction = g_new (float, n);
  PdBackend general;
  PdCanvas *canvas;

  g_assert_true (pd_backend_init (&general, sd1.device, PD_KERNELS_GENERAL, precision, &error));
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
  if (!sd1_fixture_open (&sd1, "sd1_windows"))
    return 0;
  g_test_add_func ("/canvas/windows/uniform", test_uniform);
  g_test_add_func ("/canvas/windows/gaussian", test_gaussian);
  g_test_add_func ("/canvas/windows/mixture", test_mixture);
  g_test_add_func ("/canvas/regions", test_regions);
  g_test_add_func ("/canvas/region-everywhere", test_region_everywhere);
  g_test_add_func ("/canvas/resume", test_resume);
  g_test_add_func ("/canvas/batch", test_batch);
  g_test_add_func ("/canvas/changes", test_changes);
  g_test_add_func ("/canvas/sync", test_sync);
  g_test_add_func ("/canvas/one-tile", test_one_tile);
  g_test_add_data_func ("/canvas/wide/fusion", GUINT_TO_POINTER (PD_SYNC_FUSION), test_wide);
  g_test_add_data_func ("/canvas/wide/attention", GUINT_TO_POINTER (PD_SYNC_ATTENTION), test_wide);
  status = g_test_run ();
  sd1_fixture_close (&sd1);
  return status;
}
