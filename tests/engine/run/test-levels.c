// SPDX-License-Identifier: GPL-3.0-or-later
/* Pictures in levels in the engine: with a small model of random weights where it does not matter
 * what they show, with the embedded model where it does. */
#include "engine/engine.h"
#include "engine/base/error.h"
#include "engine/run/levels.h"
#include "engine/pictures/picture.h"
#include "tests/fixtures/model-fixture.h"

#include <math.h>
#include <string.h>

static const char pixel_format[] = "R'G'B' float";

static PdEngine *
open_engine (const char *model)
{
  g_autoptr (PdRequest) request =
      g_object_new (PD_TYPE_REQUEST, "model", model, "precision", PD_PRECISION_F32, NULL);
  g_autoptr (GError) error = NULL;
  PdEngine *engine = pd_engine_new (request, NULL, NULL, &error);

  g_assert_no_error (error);
  return engine;
}

/* NULL after skipping the test. */
static PdEngine *
open_random (void)
{
  g_autofree char *model = pd_fixture_shared ("goldens/models/sd1");

  return model != NULL ? open_engine (model) : NULL;
}

/* A picture, [height][width][3]. */
static float *
run (PdEngine *engine,
     PdRequest *request,
     GeglBuffer *input,
     guint width,
     guint height,
     PdReport *report)
{
  g_autoptr (GeglBuffer) output = pd_picture_new (width, height, pixel_format);
  const PdImages images = { .input = input, .output = output };
  float *pixels = g_new (float, (gsize) width *height * 3);
  g_autoptr (GError) error = NULL;

  g_assert_true (pd_engine_run (engine, request, &images, NULL, NULL, report, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (report->width, ==, width);
  g_assert_cmpuint (report->height, ==, height);
  gegl_buffer_get (output, NULL, 1.0, babl_format (pixel_format), pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  for (gsize i = 0; i < (gsize) width * height * 3; i++)
    g_assert_true (pixels[i] >= 0 && pixels[i] <= 1);
  return pixels;
}

/* Two levels of the small model: 112 × 104 and twice that, which is no multiple of its scale. */
enum
{
  WIDTH = 217,
  HEIGHT = 203,
};

static PdRequest *
generate (void)
{
  return g_object_new (PD_TYPE_REQUEST, "prompt", "a photo", "width", WIDTH, "height", HEIGHT,
                       "seed", "5", "steps", 4, "guidance", 3.0, "progressive", PD_PROGRESSIVE_ON,
                       NULL);
}

static double
mean_difference (const float *a, const float *b, gsize n)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += fabs (a[i] - b[i]);
  return sum / (double) n;
}

/* The same bytes for every batch; levels make another picture than none. */
static void
test_batch (void)
{
  g_autoptr (PdEngine) engine = open_random ();
  g_autoptr (PdRequest) request = generate ();
  const gsize n = WIDTH * HEIGHT * 3;
  g_autofree float *one = NULL, *two = NULL, *plain = NULL;
  PdStage stages[PD_MAX_LEVELS];
  PdReport report;

  if (engine == NULL)
    return;
  g_assert_cmpuint (pd_stages_plan (request, &(PdStageModel){ 128, 8, 0 }, NULL, 0, stages, NULL),
                    ==, 2);
  g_object_set (request, "batch", 1, NULL);
  one = run (engine, request, NULL, WIDTH, HEIGHT, &report);
  g_object_set (request, "batch", 2, NULL);
  two = run (engine, request, NULL, WIDTH, HEIGHT, &report);
  g_assert_cmpmem (one, n * sizeof *one, two, n * sizeof *two);
  g_object_set (request, "progressive", PD_PROGRESSIVE_OFF, NULL);
  plain = run (engine, request, NULL, WIDTH, HEIGHT, &report);
  g_assert_cmpfloat (mean_difference (one, plain, n), >, 0.01);
}

/* A level without strength is the one before, enlarged. */
static void
test_no_steps (void)
{
  g_autoptr (PdEngine) engine = open_random ();
  g_autoptr (PdRequest) request = generate ();
  g_autofree float *base = NULL, *large = NULL;
  PdReport report;
  guint forwards;

  if (engine == NULL)
    return;
  g_object_set (request, "width", 128, "height", 128, "steps", 1, "level-strength", 0.0, NULL);
  base = run (engine, request, NULL, 128, 128, &report);
  forwards = report.forwards;
  g_object_set (request, "width", 256, "height", 256, NULL);
  large = run (engine, request, NULL, 256, 256, &report);
  g_assert_cmpuint (report.forwards, ==, forwards);
  for (guint y = 8; y < 120; y++)
    for (guint x = 8; x < 120; x++)
      {
        const float *at = large + ((gsize) 2 * y * 256 + 2 * x) * 3;
        double mean = (at[0] + at[3] + at[256 * 3] + at[257 * 3]) / 4;

        /* Half of a cubic's overshoot at the steepest step there can be. */
        g_assert_cmpfloat_with_epsilon (mean, base[((gsize) y * 128 + x) * 3], 0.15);
      }
}

/* How much larger the steps from the last row and column to the first ones are than others between
 * latent pixels; those are larger than the steps within one already. */
static double
border_ratio (const float *pixels, guint size)
{
  enum
  {
    CELL = 8,
  };
  double across = 0, within = 0;

  for (guint i = 0; i < size; i++)
    for (guint j = 0; j < size; j++)
      {
        guint next = (j + 1) % size;
        double step =
            fabs (pixels[((gsize) i * size + j) * 3] - pixels[((gsize) i * size + next) * 3]) +
            fabs (pixels[((gsize) j * size + i) * 3] - pixels[((gsize) next * size + i) * 3]);

        if (next == 0)
          across += step / size;
        else if (next % CELL == 0)
          within += step / ((double) size * (size / CELL - 1));
      }
  return across / within;
}

/* A small picture of slopes and a disc. */
static float *
make_small (guint width, guint height)
{
  float *rgb = g_new (float, (gsize) width *height * 3);

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      {
        float *to = rgb + ((gsize) y * width + x) * 3;
        double disc = hypot (x - 0.3 * width, y - 0.4 * height) < 0.25 * width ? 0.3 : 0;

        to[0] = (float) (0.2 + 0.4 * x / width + disc);
        to[1] = (float) (0.5 - 0.3 * y / height);
        to[2] = (float) (0.3 + 0.3 * y / height - 0.5 * disc);
      }
  return rgb;
}

/* Root mean square of the difference of @large, made smaller by @scale, and @small. */
static double
difference (const float *large, const float *small, guint width, guint height, guint scale)
{
  double sum = 0;

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      for (guint c = 0; c < 3; c++)
        {
          double mean = 0, error;

          for (guint i = 0; i < scale * scale; i++)
            mean +=
                large[((gsize) (y * scale + i / scale) * width * scale + x * scale + i % scale) *
                          3 +
                      c];
          error = mean / (scale * scale) - small[((gsize) y * width + x) * 3 + c];
          sum += error * error;
        }
  return sqrt (sum / ((double) width * height * 3));
}

static PdRequest *
upscale (guint width, guint height, guint scale, double strength, double inversion)
{
  return g_object_new (PD_TYPE_REQUEST, "mode", PD_REQUEST_MODE_UPSCALE, "width", width, "height",
                       height, "seed", "2", "steps", 8, "scale", scale, "level-strength", strength,
                       "inversion", inversion, "guidance", 1.0, NULL);
}

static double
upscale_difference (PdEngine *engine, guint scale, double strength, double inversion)
{
  const guint width = 61, height = 45;
  g_autofree float *small = make_small (width, height), *large = NULL;
  g_autoptr (GeglBuffer) input = pd_picture_new (width, height, pixel_format);
  g_autoptr (PdRequest) request = upscale (width, height, scale, strength, inversion);
  PdReport report;
  double error;

  gegl_buffer_set (input, NULL, 0, babl_format (pixel_format), small, GEGL_AUTO_ROWSTRIDE);
  large = run (engine, request, input, width * scale, height * scale, &report);
  error = difference (large, small, width, height, scale);
  g_test_message ("scale %u, strength %g, inversion %g: %g", scale, strength, inversion, error);
  return error;
}

/* An enlarged picture is still the same one; noise of its own keeps it closer. */
static void
test_upscale (void)
{
  g_autoptr (PdEngine) engine = open_engine (PD_SOURCE_ROOT "/engine/models/default");

  const double plain = upscale_difference (engine, 2, 0.5, 0);
  const double inverted = upscale_difference (engine, 2, 0.5, 1);

  g_assert_cmpfloat (upscale_difference (engine, 4, 0, 0), <, 0.02);
  g_assert_cmpfloat (plain, <, 0.1);
  g_assert_cmpfloat (inverted, <, plain);
}

/* A picture that can be repeated can still be when it is larger. */
static void
test_seamless (void)
{
  enum
  {
    SIZE = 64,
  };
  g_autoptr (PdEngine) engine = open_engine (PD_SOURCE_ROOT "/engine/models/default");
  g_autoptr (GeglBuffer) input = pd_picture_new (SIZE, SIZE, pixel_format);
  g_autoptr (PdRequest) request = upscale (SIZE, SIZE, 2, 0.5, 0);
  g_autofree float *small = g_new (float, SIZE *SIZE * 3), *torus = NULL, *plane = NULL;
  PdReport report;
  double ratio;

  for (guint i = 0; i < SIZE * SIZE; i++)
    for (guint c = 0; c < 3; c++)
      small[i * 3 + c] = (float) (0.5 + 0.2 * sin (2 * G_PI * (i % SIZE) / SIZE + 1 + c) +
                                  0.2 * sin (2 * G_PI * 2 * (i / SIZE) / SIZE + c));
  gegl_buffer_set (input, NULL, 0, babl_format (pixel_format), small, GEGL_AUTO_ROWSTRIDE);
  plane = run (engine, request, input, 2 * SIZE, 2 * SIZE, &report);
  g_object_set (request, "seamless", PD_TORUS_XY, NULL);
  torus = run (engine, request, input, 2 * SIZE, 2 * SIZE, &report);
  ratio = border_ratio (torus, 2 * SIZE);
  g_test_message ("steps across the border: torus %g, plane %g", ratio,
                  border_ratio (plane, 2 * SIZE));
  g_assert_cmpfloat (ratio, <, 1.3);
  g_assert_cmpfloat (border_ratio (plane, 2 * SIZE), >, 1.5);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  gegl_init (NULL, NULL);
  g_object_set (gegl_config (), "use-opencl", FALSE, NULL);
  g_test_add_func ("/levels/batch", test_batch);
  g_test_add_func ("/levels/no-steps", test_no_steps);
  g_test_add_func ("/levels/upscale", test_upscale);
  g_test_add_func ("/levels/seamless", test_seamless);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
