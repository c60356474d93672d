// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/denoise.h"

#include <string.h>

#include "engine/base/error.h"
#include "engine/tiles/keep.h"
#include "tests/fixtures/canvas-fixture.h"

/* Runs that are stopped and go on, and those of which a part stays. */

/* Denoised with what @mask does not show put back, in the tiles of @changes alone. */
static float *
denoise_masked (PdCanvasOptions *options,
                const PdChanges *changes,
                const float *mask,
                PdDenoiseReport *report)
{
  g_autoptr (PdSchedule) schedule = canvas_fixture_schedule (PD_SOLVER_DDIM, CANVAS_STEPS);
  g_autofree float *clean = sd1_fixture_read (&canvas_sd1, "start");
  g_autofree float *noise = sd1_fixture_read (&canvas_sd1, "start");
  g_autoptr (GError) error = NULL;
  PdKeep keep = { .channels = canvas_sd1.denoiser->info.channels,
                  .size = { options->height, options->width },
                  .clean = clean,
                  .noise = noise,
                  .mask = mask };
  PdDenoise run = { .canvas = *options,
                    .schedule = schedule,
                    .adjust_latent = pd_keep_before_step,
                    .adjust_data = &keep };
  float *latent = sd1_fixture_read (&canvas_sd1, "start");

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
    { PD_SYNC_FUSION, FALSE, FALSE, 2 * CANVAS_STEPS },
    { PD_SYNC_FUSION, FALSE, TRUE, 2 * CANVAS_STEPS * 2 },
    { PD_SYNC_FUSION, TRUE, TRUE, 0 },
    { PD_SYNC_NONE, FALSE, TRUE, 2 * CANVAS_STEPS * 2 },
  };
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  PdCanvasOptions options = canvas_fixture_options (&conditions);
  const PdSize size = { options.height, options.width };
  const gsize n = canvas_sd1.denoiser->info.channels * pd_size_area (size);

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
      g_assert_cmpuint (of_all.forwards, ==, 2 * CANVAS_STEPS * 8);
      g_assert_cmpuint (of_some.forwards, <, of_all.forwards / 2);
      if (cases[i].forwards > 0)
        g_assert_cmpuint (of_some.forwards, ==, cases[i].forwards);
    }
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
  const PdTensorInfo *start = pd_safetensors_find (canvas_sd1.golden, "start");
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
  for (gsize n = (gsize) canvas_sd1.denoiser->info.channels * area->h * area->w; n-- > 0;)
    latent[n] *= 0.99f;
  return TRUE;
}

/* A run that was stopped within a step or between two goes on to the same bytes. */
static void
test_resume (void)
{
  static const guint stops[] = { 4, 9, 22 };
  gsize size;
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  g_autofree float *expected = sd1_fixture_read (&canvas_sd1, "start");
  g_autoptr (GError) error = NULL;
  g_autoptr (PdSchedule) schedule = canvas_fixture_schedule (PD_SOLVER_EULER_A, 3);
  PdDenoise run = { .canvas = canvas_fixture_options (&conditions),
                    .schedule = schedule,
                    .pulls = TRUE,
                    .adjust_latent = darken,
                    .checkpoint = keep_state,
                    .progress = stop_later };
  PdDenoiseReport report;
  g_auto (Stop) never = { .stop_at = G_MAXUINT };

  size = pd_tensor_info_count (pd_safetensors_find (canvas_sd1.golden, "start")) * sizeof (float);
  run.canvas.sync = PD_SYNC_ATTENTION;
  run.canvas.norm_share = 1;
  run.canvas.jitter = TRUE;
  run.user_data = &never;
  g_assert_true (pd_denoise (&run, expected, &report, &error));
  for (guint i = 0; i < G_N_ELEMENTS (stops); i++)
    {
      g_auto (Stop) stop = { .stop_at = stops[i], .cancellable = g_cancellable_new () };
      g_autofree float *latent = sd1_fixture_read (&canvas_sd1, "start");
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

void
canvas_fixture_add_denoise (void)
{
  g_test_add_func ("/canvas/resume", test_resume);
  g_test_add_func ("/canvas/changes", test_changes);
}
