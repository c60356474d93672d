// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/noise.h"
#include "engine/tiles/invert.h"
#include "tests/fixtures/sd1-fixture.h"

#include <math.h>

/* Inversion of a canvas against reference tensors (goldens/data/sd1_inversion), and there and back
 * again. */

static Sd1Fixture sd1;

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
canvas_options (const PdCondition *const *conditions, guint height, guint width)
{
  return (PdCanvasOptions){ .denoiser = sd1.denoiser,
                            .height = height,
                            .width = width,
                            .tile = 16,
                            .overlap = 4,
                            .batch = 1,
                            .blend = PD_BLEND_RAMP,
                            .sync = PD_SYNC_FUSION,
                            .branches = 1,
                            .conditions = conditions,
                            .guidance = 1 };
}

/* @name, after 1, 4 and all 10 steps; the tolerance is that of the goldens' index for f32. */
static void
check_inverted (const char *name, double tolerance)
{
  static const guint steps[] = { 1, 4, 10 };
  g_autofree char *inverted_name = g_strconcat (name, ".inverted", NULL);
  g_autoptr (PdCondition) uncond = sd1_fixture_condition (&sd1, "uncond");
  const PdCondition *conditions[] = { uncond };
  g_autofree float *inverted = sd1_fixture_read (&sd1, inverted_name);
  const PdTensorInfo *info = pd_safetensors_find (sd1.golden, name);
  gsize n = pd_tensor_info_count (info);

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      guint n_steps = steps[i];
      PdDenoiseReport report;
      g_autoptr (PdSchedule) schedule = make_schedule (n_steps);
      PdInversion inversion = { .canvas = canvas_options (conditions, (guint) info->dims[2],
                                                          (guint) info->dims[3]),
                                .schedule = schedule };
      g_autofree float *latent = sd1_fixture_read (&sd1, name);
      g_autoptr (GError) error = NULL;

      g_assert_true (pd_invert (&inversion, latent, &report, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (report.forwards, ==, n_steps);
      sd1_fixture_assert_close (latent, inverted + (n_steps - 1) * n, n, tolerance);
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

/* The golden's content followed back in so many rounds a step, and drawn again. */
static float *
there_and_back (guint rounds, gsize *n)
{
  g_autoptr (PdCondition) uncond = sd1_fixture_condition (&sd1, "uncond");
  const PdCondition *conditions[] = { uncond };
  float *latent = sd1_fixture_read (&sd1, "content");
  const PdTensorInfo *info = pd_safetensors_find (sd1.golden, "content");
  g_autoptr (PdSchedule) schedule = make_schedule (10);
  PdCanvasOptions options =
      canvas_options (conditions, (guint) info->dims[2], (guint) info->dims[3]);
  PdInversion inversion = { .canvas = options, .schedule = schedule, .rounds = rounds };
  PdDenoise denoise = { .canvas = options, .schedule = schedule };
  PdDenoiseReport report;
  g_autoptr (GError) error = NULL;

  g_assert_true (pd_invert (&inversion, latent, &report, &error));
  g_assert_cmpuint (report.forwards, ==, 10 * rounds);
  g_assert_cmpuint (report.team.items[0], ==, 10 * rounds);
  g_assert_true (pd_denoise (&denoise, latent, &report, &error));
  g_assert_no_error (error);
  *n = pd_tensor_info_count (info);
  return latent;
}

static void
test_resampled (void)
{
  g_autofree float *resampled = sd1_fixture_read (&sd1, "content.resampled");
  gsize n;
  g_autofree float *latent = there_and_back (1, &n);

  sd1_fixture_assert_close (latent, resampled + 9 * n, n, 7e-4);
}

/* With more rounds it comes nearer to where it began. */
static void
test_rounds (void)
{
  g_autofree float *content = sd1_fixture_read (&sd1, "content");
  double before = INFINITY;

  for (guint rounds = 1; rounds <= 2; rounds++)
    {
      gsize n;
      g_autofree float *latent = there_and_back (rounds, &n);
      double lack = 0;

      for (gsize e = 0; e < n; e++)
        lack += pow (latent[e] - content[e], 2);
      g_test_message ("%u rounds: %g from the content", rounds, sqrt (lack / n));
      g_assert_cmpfloat (lack, <, 0.7 * before);
      before = lack;
    }
}

/* Where no tile is, the canvas gets the noise that is given. */
static void
test_noise (void)
{
  g_autoptr (PdCondition) uncond = sd1_fixture_condition (&sd1, "uncond");
  const PdCondition *conditions[] = { uncond };
  const guint height = 16, width = 40, tile = 16;
  const gsize pixels = (gsize) height * width, n = 4 * pixels;
  g_autofree float *start = g_new (float, n), *noise = g_new (float, n), *latent = NULL;
  g_autofree float *mask = g_new0 (float, pixels);
  g_autoptr (PdChanges) changes = NULL;
  g_autoptr (PdSchedule) schedule = make_schedule (2);
  PdInversion inversion = { .canvas = canvas_options (conditions, height, width),
                            .schedule = schedule,
                            .noise = noise };
  const PdNoiseLevel level = pd_schedule_level (schedule, 0);
  g_autoptr (GError) error = NULL;
  PdDenoiseReport report;

  mask[0] = 1;
  changes = pd_changes_new ((PdSize){ height, width }, PD_TORUS_NONE, mask, &error);
  inversion.canvas.changes = changes;
  pd_noise_normal (1, 0, 0, n, start);
  pd_noise_normal (1, 1, 0, n, noise);
  latent = g_memdup2 (start, n * sizeof *latent);
  g_assert_true (pd_invert (&inversion, latent, &report, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (report.forwards, ==, 2);
  for (gsize e = 0; e < n; e++)
    if (e % width >= tile)
      g_assert_cmpfloat_with_epsilon (latent[e], level.alpha * start[e] + level.sigma * noise[e],
                                      1e-5);
}

/* A canvas of several tiles: the same bytes for every batch, and no steps change nothing. */
static void
test_tiles (void)
{
  g_autoptr (PdCondition) uncond = sd1_fixture_condition (&sd1, "uncond");
  const PdCondition *conditions[] = { uncond };
  const guint height = 20, width = 37;
  gsize n = 4 * (gsize) height * width;
  g_autofree float *start = g_new (float, n), *one = NULL, *more = NULL;
  PdDenoiseReport report;
  g_autoptr (PdSchedule) schedule = make_schedule (3), none = make_schedule (0);
  PdInversion inversion = { .canvas = canvas_options (conditions, height, width),
                            .schedule = schedule };
  g_autoptr (GError) error = NULL;

  pd_noise_normal (1, 0, 0, n, start);
  one = g_memdup2 (start, n * sizeof *one);
  more = g_memdup2 (start, n * sizeof *more);
  inversion.canvas.jitter = TRUE;
  g_assert_true (pd_invert (&inversion, one, &report, &error));
  inversion.canvas.batch = 3;
  g_assert_true (pd_invert (&inversion, more, &report, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (one, n * sizeof *one, more, n * sizeof *more);
  g_assert_cmpint (memcmp (one, start, n * sizeof *one), !=, 0);

  inversion.schedule = none;
  memcpy (one, start, n * sizeof *one);
  g_assert_true (pd_invert (&inversion, one, &report, &error));
  g_assert_cmpmem (one, n * sizeof *one, start, n * sizeof *start);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  if (!sd1_fixture_open (&sd1, "sd1_inversion"))
    return 0;
  g_test_add_func ("/invert/content", test_content);
  g_test_add_func ("/invert/style", test_style);
  g_test_add_func ("/invert/resampled", test_resampled);
  g_test_add_func ("/invert/rounds", test_rounds);
  g_test_add_func ("/invert/noise", test_noise);
  g_test_add_func ("/invert/tiles", test_tiles);
  status = g_test_run ();
  sd1_fixture_close (&sd1);
  return status;
}
