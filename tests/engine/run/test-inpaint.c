// SPDX-License-Identifier: GPL-3.0-or-later
/* Inpainting, and restyling with a mask, in the engine: what changes and what must not. With a
 * small model of random weights, so what the new pixels show does not matter. */
#include "engine/gpu/device.h"
#include "engine/engine.h"
#include "engine/base/error.h"
#include "engine/pictures/picture.h"
#include "tests/fixtures/engine-fixture.h"
#include "tests/fixtures/model-fixture.h"

#include <math.h>
#include <unistd.h>

enum
{
  WIDTH = 150,
  HEIGHT = 137,
  N = WIDTH * HEIGHT,
};

static const char pixel_format[] = "R'G'B' float", mask_format[] = "Y float";

static PdEngine *engine;

static GeglBuffer *
buffer_of (guint width, guint height, const char *format, const float *values)
{
  GeglBuffer *buffer = pd_picture_new (width, height, format);

  gegl_buffer_set (buffer, NULL, 0, babl_format (format), values, GEGL_AUTO_ROWSTRIDE);
  return buffer;
}

static float *
values_of (GeglBuffer *buffer, const char *format, guint channels)
{
  float *values = g_new (float, (gsize) gegl_buffer_get_width (buffer) *
                                    gegl_buffer_get_height (buffer) * channels);

  gegl_buffer_get (buffer, NULL, 1.0, babl_format (format), values, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return values;
}

/* A slope with texture. */
static GeglBuffer *
make_input (const char *format)
{
  g_autofree float *values = g_new (float, N * 3);
  g_autoptr (GRand) random = g_rand_new_with_seed (3);
  GeglBuffer *input = pd_picture_new (WIDTH, HEIGHT, format);

  for (int i = 0; i < N * 3; i++)
    values[i] =
        (float) (0.3 + 0.3 * (i / 3 % WIDTH) / WIDTH + g_rand_double_range (random, 0, 0.2));
  gegl_buffer_set (input, NULL, 0, babl_format (pixel_format), values, GEGL_AUTO_ROWSTRIDE);
  return input;
}

/* A disc of radius 20 around @x, @y that fades out over @soft pixels. */
static GeglBuffer *
make_mask (double x, double y, double soft)
{
  g_autofree float *values = g_new (float, N);

  for (int i = 0; i < N; i++)
    {
      double outside = hypot (i % WIDTH - x, i / WIDTH - y) - 20;

      values[i] = (float) (soft > 0 ? CLAMP (1 - outside / soft, 0, 1) : outside <= 0);
    }
  return buffer_of (WIDTH, HEIGHT, mask_format, values);
}

static PdRequest *
make_request (PdRequestMode mode)
{
  return g_object_new (PD_TYPE_REQUEST, "mode", mode, "prompt", "a photo", "width", WIDTH, "height",
                       HEIGHT, "seed", "5", "steps", 3, NULL);
}

static gboolean
run (PdRequest *request,
     GeglBuffer *input,
     GeglBuffer *mask,
     GeglBuffer *output,
     gboolean apart,
     PdReport *report,
     GError **error)
{
  const PdImages images = { .input = input, .mask = mask, .output = output, .apart = apart };

  return pd_engine_run (engine, request, &images, NULL, NULL, report, error);
}

/* Where the mask is 0, the output has the input's very numbers; elsewhere most are new. */
static void
check_changes (GeglBuffer *input, GeglBuffer *mask, GeglBuffer *output)
{
  g_autofree float *before = values_of (input, pixel_format, 3);
  g_autofree float *after = values_of (output, pixel_format, 3);
  g_autofree float *made = values_of (mask, mask_format, 1);
  guint n_new = 0, n_changed = 0;

  for (int i = 0; i < N; i++)
    {
      gboolean same = memcmp (before + i * 3, after + i * 3, 3 * sizeof (float)) == 0;

      if (made[i] > 0)
        {
          n_new++;
          n_changed += !same;
        }
      else
        g_assert_true (same);
    }
  g_assert_cmpuint (n_new, >, 0);
  g_assert_cmpuint (n_changed * 10, >, n_new * 9);
}

static void
check_kept (PdRequestMode mode, const char *format, double x, double y, double soft, int padding)
{
  g_autoptr (PdRequest) request = make_request (mode);
  g_autoptr (GeglBuffer) input = make_input (format), mask = make_mask (x, y, soft);
  g_autoptr (GeglBuffer) output = pd_picture_new (WIDTH, HEIGHT, format);
  g_autoptr (GError) error = NULL;
  PdReport report;

  g_object_set (request, "padding", (gint64) padding, NULL);
  g_assert_true (run (request, input, mask, output, FALSE, &report, &error));
  g_assert_no_error (error);
  check_changes (input, mask, output);
}

static void
test_kept (void)
{
  if (!pd_fixture_have_engine (&engine))
    return;
  check_kept (PD_REQUEST_MODE_INPAINT, "R'G'B' float", 70, 60, 0, -1);
  check_kept (PD_REQUEST_MODE_INPAINT, "R'G'B' u8", 3, 130, 15, -1);
  check_kept (PD_REQUEST_MODE_INPAINT, "R'G'B' u16", 149, 60, 15, 0);
  check_kept (PD_REQUEST_MODE_RESTYLE, "R'G'B' float", 70, 60, 10, 8);
}

/* Numbers outside 0 … 1 and in other spaces stay too. */
static void
test_kept_range (void)
{
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_INPAINT);
  g_autofree float *values = g_new (float, N * 3);
  g_autoptr (GeglBuffer) input = NULL, mask = NULL, output = NULL;
  PdReport report;

  if (!pd_fixture_have_engine (&engine))
    return;
  for (int i = 0; i < N * 3; i++)
    values[i] = (float) (i % 17) / 4 - 1;
  input = buffer_of (WIDTH, HEIGHT, pixel_format, values);
  mask = make_mask (75, 60, 5);
  output = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  g_assert_true (run (request, input, mask, output, FALSE, &report, NULL));
  check_changes (input, mask, output);
}

/* The same request gives the same bytes. */
static void
test_same (void)
{
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_INPAINT);
  g_autoptr (GeglBuffer) input = NULL, mask = NULL, one = NULL, two = NULL;
  g_autofree float *first = NULL, *second = NULL;
  PdReport report;

  if (!pd_fixture_have_engine (&engine))
    return;
  input = make_input (pixel_format);
  mask = make_mask (70, 60, 8);
  one = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  two = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  g_assert_true (run (request, input, mask, one, FALSE, &report, NULL));
  g_assert_true (run (request, input, mask, two, FALSE, &report, NULL));
  first = values_of (one, pixel_format, 3);
  second = values_of (two, pixel_format, 3);
  g_assert_cmpmem (first, N * 3 * sizeof *first, second, N * 3 * sizeof *second);
}

/* Apart: laid over the input with the mask, the new pixels give what the engine would have. */
static void
test_apart (void)
{
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_INPAINT);
  g_autoptr (GeglBuffer) input = NULL, mask = NULL, laid = NULL, apart = NULL;
  g_autofree float *before = NULL, *made = NULL, *over = NULL, *alone = NULL;
  PdReport report;

  if (!pd_fixture_have_engine (&engine))
    return;
  input = make_input (pixel_format);
  mask = make_mask (70, 60, 20);
  laid = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  apart = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  g_assert_true (run (request, input, mask, laid, FALSE, &report, NULL));
  g_assert_true (run (request, input, mask, apart, TRUE, &report, NULL));
  before = values_of (input, pixel_format, 3);
  made = values_of (mask, mask_format, 1);
  over = values_of (laid, pixel_format, 3);
  alone = values_of (apart, pixel_format, 3);
  for (int i = 0; i < N * 3; i++)
    g_assert_cmpfloat_with_epsilon (
        over[i], before[i] + (made[i / 3] > 0 ? made[i / 3] : 0) * (alone[i] - before[i]), 1e-5);
}

enum
{
  WIDE = 700,
  HIGH = 160,
  N_SPOTS = 3,
};

/* Islands far apart are parts of their own: each costs what it would alone, in forwards, and what
 * lies between them stays. */
static void
test_islands (void)
{
  static const guint spots[N_SPOTS] = { 0, 340, WIDE - 20 };
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_INPAINT);
  g_autoptr (GeglBuffer) input = pd_picture_new (WIDE, HIGH, "R'G'B' u8");
  g_autofree float *before = values_of (input, pixel_format, 3);
  guint alone = 0;

  if (!pd_fixture_have_engine (&engine))
    return;
  g_object_set (request, "width", WIDE, "height", HIGH, "steps", 2, NULL);
  for (guint i = 0; i < WIDE * HIGH * 3; i++)
    before[i] = (float) (90 + i % 71) / 255;
  gegl_buffer_set (input, NULL, 0, babl_format (pixel_format), before, GEGL_AUTO_ROWSTRIDE);
  gegl_buffer_get (input, NULL, 1.0, babl_format (pixel_format), before, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  for (guint n = 1; n <= N_SPOTS; n += 2)
    {
      g_autoptr (GeglBuffer) mask = pd_picture_new (WIDE, HIGH, mask_format);
      g_autoptr (GeglBuffer) output = pd_picture_new (WIDE, HIGH, "R'G'B' u8");
      g_autofree float *shown = NULL, *after = NULL;
      g_autoptr (GError) error = NULL;
      guint changed[N_SPOTS] = { 0 };
      PdReport report;

      shown = values_of (mask, mask_format, 1);
      for (guint i = 0; i < n; i++)
        for (guint y = 60; y < 80; y++)
          for (guint x = spots[i]; x < spots[i] + 20; x++)
            shown[y * WIDE + x] = 1;
      gegl_buffer_set (mask, NULL, 0, babl_format (mask_format), shown, GEGL_AUTO_ROWSTRIDE);
      g_assert_true (run (request, input, mask, output, FALSE, &report, &error));
      g_assert_no_error (error);
      if (n == 1)
        alone = report.forwards;
      g_assert_cmpuint (report.forwards, ==, n * alone);
      after = values_of (output, pixel_format, 3);
      for (guint i = 0; i < WIDE * HIGH; i++)
        {
          const gboolean same = memcmp (before + 3 * i, after + 3 * i, 3 * sizeof *after) == 0;

          g_assert_true (same || shown[i] > 0);
          changed[i % WIDE * N_SPOTS / WIDE] += !same;
        }
      for (guint i = 0; i < N_SPOTS; i++)
        if (i < n)
          g_assert_cmpuint (changed[i], >, 200);
        else
          g_assert_cmpuint (changed[i], ==, 0);
    }
}

static void
expect_error (PdRequest *request, GeglBuffer *input, GeglBuffer *mask, const char *fragments)
{
  g_autoptr (GeglBuffer) output = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  g_autoptr (GError) error = NULL;
  PdReport report;

  g_assert_false (run (request, input, mask, output, FALSE, &report, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_REQUEST, fragments);
}

static void
test_errors (void)
{
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_INPAINT);
  g_autoptr (GeglBuffer) input = NULL, mask = NULL, small = NULL, black = NULL;

  if (!pd_fixture_have_engine (&engine))
    return;
  input = make_input (pixel_format);
  mask = make_mask (70, 60, 0);
  small = pd_picture_new (40, 30, mask_format);
  black = pd_picture_new (WIDTH, HEIGHT, mask_format);
  expect_error (request, NULL, mask, "inpaint picture start");
  expect_error (request, input, NULL, "inpaint mask");
  expect_error (request, input, small, "40 30 150 137");
  expect_error (request, small, mask, "40 30 150 137");
  expect_error (request, input, black, "black white");
}

/* A model that was made for inpainting: the UNet of one folder, the rest of another. */
static PdEngine *
open_inpainting_model (char **folder)
{
  static const char *const parts[] = { "model_index.json", "scheduler", "text_encoder",
                                       "tokenizer",        "vae",       "unet" };
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_INPAINT);
  g_autoptr (GError) error = NULL;
  PdEngine *other;

  *folder = pd_fixture_folder ();
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *name = g_strconcat (
          i + 1 < G_N_ELEMENTS (parts) ? "goldens/models/sd1/" : "goldens/models/sd1-inpaint/",
          parts[i], NULL);
      g_autofree char *target = pd_fixture_shared (name);
      g_autofree char *link = g_build_filename (*folder, parts[i], NULL);

      if (target == NULL)
        return NULL;
      g_assert_cmpint (symlink (target, link), ==, 0);
    }
  g_object_set (request, "model", *folder, NULL);
  other = pd_engine_new (request, NULL, NULL, &error);
  g_assert_no_error (error);
  return other;
}

/* It paints what the mask shows, in several tiles, in part and in full; without a mask it says what
 * it needs. */
static void
test_inpainting_model (void)
{
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_INPAINT);
  g_autoptr (PdRequest) plain = make_request (PD_REQUEST_MODE_GENERATE);
  g_autoptr (GeglBuffer) input = make_input (pixel_format), mask = make_mask (70, 60, 20);
  g_autoptr (GeglBuffer) output = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  g_autoptr (GError) error = NULL;
  PdEngine *usual = engine;
  char *folder;
  PdReport report;

  engine = open_inpainting_model (&folder);
  if (engine != NULL)
    {
      g_object_set (request, "tile", 128, "padding", 0, NULL);
      g_assert_true (run (request, input, mask, output, FALSE, &report, &error));
      check_changes (input, mask, output);
      g_object_set (request, "mode", PD_REQUEST_MODE_RESTYLE, "strength", 0.7, NULL);
      g_assert_true (run (request, input, mask, output, FALSE, &report, &error));
      check_changes (input, mask, output);
      g_assert_false (run (plain, NULL, NULL, output, FALSE, &report, &error));
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "inpainting mask another");
    }
  g_clear_pointer (&engine, pd_engine_free);
  engine = usual;
  pd_fixture_remove (folder);
}

static double
work_seconds (const PdEstimate *estimate)
{
  return estimate->seconds - MAX (estimate->kernel_seconds, 0);
}

/* An estimate knows the mask: its numbers are those of the run, and less than of all the picture.
 */
static void
test_estimate (void)
{
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_INPAINT);
  g_autoptr (GeglBuffer) input = make_input (pixel_format), mask = make_mask (30, 30, 0);
  g_autoptr (GeglBuffer) output = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  g_autoptr (GeglBuffer) small = pd_picture_new (64, 64, mask_format);
  g_autoptr (GeglBuffer) white = pd_picture_new (WIDTH, HEIGHT, mask_format);
  GeglColor *color;
  g_auto (PdEstimate) part = { 0 }, all = { 0 }, whole = { 0 };
  g_autoptr (GError) error = NULL;
  PdReport report;

  if (!pd_fixture_have_engine (&engine))
    return;
  g_object_set (request, "tile", 64, "padding", (gint64) WIDTH, "fixed-grid", TRUE, NULL);
  g_assert_true (pd_engine_estimate (engine, request, WIDTH, HEIGHT, mask, &part, &error));
  g_assert_no_error (error);
  g_assert_true (pd_engine_estimate (engine, request, WIDTH, HEIGHT, NULL, &all, &error));
  g_assert_no_error (error);
  /* A mask that is white says as much as none. */
  color = gegl_color_new ("white");
  gegl_buffer_set_color (white, NULL, color);
  g_object_unref (color);
  g_assert_true (pd_engine_estimate (engine, request, WIDTH, HEIGHT, white, &whole, &error));
  g_assert_cmpuint (whole.n_tiles, ==, all.n_tiles);
  g_assert_cmpuint (whole.forwards, ==, all.forwards);
  g_assert_cmpuint (whole.peak_device_bytes, ==, all.peak_device_bytes);
  g_assert_true (run (request, input, mask, output, FALSE, &report, &error));
  g_assert_cmpuint (part.n_tiles, ==, report.n_tiles);
  g_assert_cmpuint (part.forwards, ==, report.forwards);
  g_assert_cmpuint (part.peak_device_bytes, >=, report.peak_device_bytes);
  g_assert_cmpuint (part.n_tiles, <, all.n_tiles);
  g_assert_cmpfloat (work_seconds (&part), <, 0.7 * work_seconds (&all));
  g_assert_false (pd_engine_estimate (engine, request, WIDTH, HEIGHT, small, &part, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_REQUEST, "mask 64");
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  gegl_init (NULL, NULL);
  g_object_set (gegl_config (), "use-opencl", FALSE, NULL);
  g_test_add_func ("/inpaint/kept", test_kept);
  g_test_add_func ("/inpaint/kept-range", test_kept_range);
  g_test_add_func ("/inpaint/same", test_same);
  g_test_add_func ("/inpaint/islands", test_islands);
  g_test_add_func ("/inpaint/apart", test_apart);
  g_test_add_func ("/inpaint/errors", test_errors);
  g_test_add_func ("/inpaint/estimate", test_estimate);
  g_test_add_func ("/inpaint/model", test_inpainting_model);
  status = g_test_run ();
  pd_engine_free (engine);
  gegl_exit ();
  return status;
}
