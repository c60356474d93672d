// SPDX-License-Identifier: GPL-3.0-or-later
/* A picture that takes on the look of another one. With a small model of random weights: what the
 * new pixels show does not matter, that they are the same in every way of making them does. */
#include "engine/gpu/device.h"
#include "engine/engine.h"
#include "engine/base/error.h"
#include "engine/pictures/picture.h"
#include "engine/tiles/stylist.h"
#include "tests/fixtures/engine-fixture.h"
#include "tests/fixtures/model-fixture.h"

#include <math.h>

enum
{
  WIDTH = 150,
  HEIGHT = 117,
  N = WIDTH * HEIGHT,
  TILE = 96, /* pixels: several tiles */
};

static const char pixel_format[] = "R'G'B' float", mask_format[] = "Y float";

static PdEngine *engine, *embedded;
static PdReport report; /* of the last run */

/* Waves of a length, in a colour. */
static GeglBuffer *
make_picture (guint width, guint height, double length, double red)
{
  g_autofree float *values = g_new (float, (gsize) width *height * 3);
  GeglBuffer *picture = pd_picture_new (width, height, pixel_format);

  for (guint i = 0; i < width * height; i++)
    {
      double wave = 0.5 + 0.4 * sin (i % width / length) * cos (i / width / length);

      values[3 * i] = (float) (red * wave);
      values[3 * i + 1] = (float) (0.5 * wave + 0.2);
      values[3 * i + 2] = (float) ((1 - red) * wave);
    }
  gegl_buffer_set (picture, NULL, 0, babl_format (pixel_format), values, GEGL_AUTO_ROWSTRIDE);
  return picture;
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

static PdRequest *
make_request (PdRequestMode mode, guint batch)
{
  return g_object_new (PD_TYPE_REQUEST, "mode", mode, "width", WIDTH, "height", HEIGHT, "seed", "5",
                       "steps", 2, "strength", 1.0, "tile", TILE, "batch", batch, NULL);
}

/* What the run of @request gives, its input and style being always the same; NULL with an error. */
static float *
run (PdEngine *with,
     PdRequest *request,
     GeglBuffer *mask,
     const PdListener *listener,
     GCancellable *cancellable,
     GError **error)
{
  g_autoptr (GeglBuffer) input = make_picture (WIDTH, HEIGHT, 9, 0.8);
  g_autoptr (GeglBuffer) style = make_picture (90, 61, 2, 0.1);
  g_autoptr (GeglBuffer) output = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  gboolean generates = request->mode == PD_REQUEST_MODE_GENERATE;
  const PdImages images = {
    .input = generates ? NULL : input, .mask = mask, .style = style, .output = output
  };

  return pd_engine_run (with, request, &images, listener, cancellable, &report, error)
             ? values_of (output, pixel_format, 3)
             : NULL;
}

static void
check_batches (PdRequestMode mode)
{
  static const guint batches[] = { 1, 5, 2 };
  guint n = mode == PD_REQUEST_MODE_STYLE ? 3 : 2;
  g_autofree float *first = NULL;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (PdRequest) request = make_request (mode, batches[i]);
      g_autoptr (GError) error = NULL;
      g_autofree float *made = NULL;

      if (mode == PD_REQUEST_MODE_STYLE)
        g_object_set (request, "style-strength", 0.6, NULL);
      made = run (engine, request, NULL, NULL, NULL, &error);
      g_assert_no_error (error);
      for (guint e = 0; e < N * 3; e++)
        g_assert_true (isfinite (made[e]));
      if (i == 0)
        first = g_steal_pointer (&made);
      else
        g_assert_cmpmem (first, N * 3 * sizeof *first, made, N * 3 * sizeof *made);
    }
}

static void
test_batches (void)
{
  if (!pd_fixture_have_engine (&engine))
    return;
  check_batches (PD_REQUEST_MODE_STYLE);
  check_batches (PD_REQUEST_MODE_GENERATE);
}

/* Stops a run after its first step. */
static void
stop (const PdProgress *progress, gpointer user_data)
{
  if (progress->phase == PD_PHASE_DENOISE && progress->step >= 1)
    g_cancellable_cancel (user_data);
}

static void
test_resume (void)
{
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_STYLE, 2);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const PdListener listener = { .progress = stop, .user_data = cancellable };
  g_autofree float *whole = NULL, *resumed = NULL;
  g_autoptr (GError) error = NULL;

  if (!pd_fixture_have_engine (&engine))
    return;
  whole = run (engine, request, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (run (engine, request, NULL, &listener, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_object_set (request, "resume", TRUE, NULL);
  resumed = run (engine, request, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  pd_engine_done (engine);
  g_assert_cmpmem (whole, N * 3 * sizeof *whole, resumed, N * 3 * sizeof *resumed);
}

/* Where the mask is 0, the input stays, and tiles that it does not touch are not computed, neither
 * while the canvas is followed back to noise nor while it is drawn. */
static void
test_mask (void)
{
  enum
  {
    STEPS = 2,
    ROUNDS = 2,  /* in which a step back to noise is taken */
    TOUCHED = 3, /* of 2 × 2 tiles, by what the mask shows: a strip at the left and one above */
    STRIP = 20,
  };
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_STYLE, 1);
  g_autoptr (GeglBuffer) input = make_picture (WIDTH, HEIGHT, 9, 0.8);
  g_autoptr (GeglBuffer) mask = pd_picture_new (WIDTH, HEIGHT, mask_format);
  g_autofree float *values = g_new0 (float, N), *before = values_of (input, pixel_format, 3);
  g_autofree float *made = NULL;
  g_autoptr (GError) error = NULL;
  guint changed = 0, shown = 0;

  if (!pd_fixture_have_engine (&engine))
    return;
  for (guint i = 0; i < N; i++)
    {
      values[i] = i % WIDTH < STRIP || i / WIDTH < STRIP;
      shown += values[i] > 0;
    }
  gegl_buffer_set (mask, NULL, 0, babl_format (mask_format), values, GEGL_AUTO_ROWSTRIDE);
  g_object_set (request, "fixed-grid", TRUE, NULL);
  made = run (engine, request, mask, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (report.forwards, ==, STEPS * (ROUNDS * (1 + TOUCHED) + 1 + 2 * TOUCHED));
  for (guint i = 0; i < N; i++)
    if (values[i] > 0)
      changed += memcmp (before + 3 * i, made + 3 * i, 3 * sizeof *made) != 0;
    else
      g_assert_cmpmem (before + 3 * i, 3 * sizeof *made, made + 3 * i, 3 * sizeof *made);
  g_assert_cmpuint (changed, >, shown * 9 / 10);
}

static double
distance (const float *a, const float *b)
{
  double sum = 0;

  for (guint e = 0; e < N * 3; e++)
    sum += pow (a[e] - b[e], 2);
  return sqrt (sum / (N * 3));
}

/* Without anything of the style the input comes back as it is coded, and the more of it the less.
 * With the embedded model, whose predictions are no random ones. */
static void
test_share (void)
{
  static const double shares[] = { 0, 0.2, 1 };
  g_autoptr (PdRequest) model =
      g_object_new (PD_TYPE_REQUEST, "model", PD_SOURCE_ROOT "/engine/models/default", NULL);
  g_autofree float *coded = NULL;
  double found[G_N_ELEMENTS (shares)];
  g_autoptr (GError) error = NULL;

  embedded = pd_engine_new (model, NULL, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (shares); i++)
    {
      g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_STYLE, 1);
      g_autofree float *made = NULL;

      g_object_set (request, "steps", 6, "tile", 0, "strength", 0.7, "style-strength", shares[i],
                    NULL);
      made = run (embedded, request, NULL, NULL, NULL, &error);
      g_assert_no_error (error);
      if (i == 0)
        coded = g_memdup2 (made, N * 3 * sizeof *made);
      found[i] = distance (coded, made);
      g_test_message ("%g of the style: %g from the input as it is coded", shares[i], found[i]);
    }
  g_assert_cmpfloat (found[1], <, 0.1);
  g_assert_cmpfloat (found[2], >, 2 * found[1]);
}

/* Models that cannot take a style on say so. */
static void
test_impossible (void)
{
  g_autoptr (GArray) survey = g_array_new (FALSE, FALSE, sizeof (PdSite));
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_STYLE, 1);
  g_autoptr (GError) error = NULL;
  PdSite site = { .kind = PD_SITE_ATTENTION, .depth = 1 };

  g_array_append_val (survey, site);
  site = (PdSite){ .kind = PD_SITE_NORM, .decoder = TRUE };
  g_array_append_val (survey, site);
  g_assert_false (pd_style_is_possible (survey));
  site.kind = PD_SITE_ATTENTION;
  g_array_append_val (survey, site);
  g_assert_true (pd_style_is_possible (survey));

  if (!pd_fixture_have_engine (&engine))
    return;
  g_object_set (request, "sync", PD_SYNC_NONE, NULL);
  g_assert_null (run (engine, request, NULL, NULL, NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_REQUEST, "--sync none");
}

/* The numbers are those of a run. */
static void
test_estimate (void)
{
  g_autoptr (PdRequest) request = make_request (PD_REQUEST_MODE_STYLE, 1);
  g_autoptr (GeglBuffer) input = make_picture (WIDTH, HEIGHT, 9, 0.8);
  g_autoptr (GeglBuffer) style = make_picture (90, 61, 2, 0.1);
  g_autoptr (GeglBuffer) output = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  const PdImages images = { .input = input, .style = style, .output = output };
  g_autoptr (GError) error = NULL;
  PdEstimate estimate = { 0 };

  if (!pd_fixture_have_engine (&engine))
    return;
  g_object_set (request, "style", "style.png", NULL);
  g_assert_true (pd_engine_estimate (engine, request, WIDTH, HEIGHT, NULL, &estimate, &error));
  g_assert_no_error (error);
  g_assert_true (pd_engine_run (engine, request, &images, NULL, NULL, &report, &error));
  g_assert_cmpuint (estimate.forwards, ==, report.forwards);
  g_assert_cmpuint (estimate.peak_device_bytes, >=, report.peak_device_bytes);
  pd_estimate_clear (&estimate);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  gegl_init (NULL, NULL);
  g_test_add_func ("/style/batches", test_batches);
  g_test_add_func ("/style/resume", test_resume);
  g_test_add_func ("/style/mask", test_mask);
  g_test_add_func ("/style/share", test_share);
  g_test_add_func ("/style/impossible", test_impossible);
  g_test_add_func ("/style/estimate", test_estimate);
  status = g_test_run ();
  pd_engine_free (engine);
  pd_engine_free (embedded);
  gegl_exit ();
  return status;
}
