// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/engine.h"

#include <math.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/gpu/device.h"
#include "engine/pictures/picture.h"
#include "tests/fixtures/model-fixture.h"

/* Several devices, here one that is chosen several times, make the same bytes as one. With a small
 * model of random weights: what pictures show does not matter. */

enum
{
  WIDTH = 150,
  HEIGHT = 117,
  N = WIDTH * HEIGHT * 3,
  TILE = 96, /* pixels: several tiles */
  ENGINES = 3,
};

static const char pixel_format[] = "R'G'B' float", mask_format[] = "Y float";
static const char *const devices[ENGINES] = { "0", "0,0", "0, 0,0" };

static PdEngine *engines[ENGINES];

static GeglBuffer *
make_picture (double length)
{
  g_autofree float *values = g_new (float, N);
  GeglBuffer *picture = pd_picture_new (WIDTH, HEIGHT, pixel_format);

  for (guint i = 0; i < N; i++)
    values[i] = (float) (0.5 + 0.4 * sin (i / 3 % WIDTH / length + i % 3));
  gegl_buffer_set (picture, NULL, 0, babl_format (pixel_format), values, GEGL_AUTO_ROWSTRIDE);
  return picture;
}

/* All but the left third. */
static GeglBuffer *
make_mask (void)
{
  g_autofree float *values = g_new (float, WIDTH *HEIGHT);
  GeglBuffer *mask = pd_picture_new (WIDTH, HEIGHT, mask_format);

  for (guint i = 0; i < WIDTH * HEIGHT; i++)
    values[i] = i % WIDTH >= WIDTH / 3;
  gegl_buffer_set (mask, NULL, 0, babl_format (mask_format), values, GEGL_AUTO_ROWSTRIDE);
  return mask;
}

static float *
run (PdEngine *engine, PdRequest *request, PdReport *report)
{
  gboolean generates = request->mode == PD_REQUEST_MODE_GENERATE;
  g_autoptr (GeglBuffer) input = make_picture (9), style = make_picture (2), mask = make_mask ();
  g_autoptr (GeglBuffer) output = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  const PdImages images = { .input = generates ? NULL : input,
                            .mask = request->mode == PD_REQUEST_MODE_INPAINT ? mask : NULL,
                            .style = request->mode == PD_REQUEST_MODE_STYLE ? style : NULL,
                            .output = output };
  g_autoptr (GError) error = NULL;
  float *values = g_new (float, N);

  pd_engine_run (engine, request, &images, NULL, NULL, report, &error);
  g_assert_no_error (error);
  gegl_buffer_get (output, NULL, 1.0, babl_format (pixel_format), values, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return values;
}

/* With each of the first @n engines; every device prepares kernels for itself, which is what takes
 * time here. */
static void
check_same (PdRequest *request, guint n)
{
  g_autofree float *first = NULL;

  if (engines[0] == NULL)
    {
      g_test_skip ("the reference tensors are not there");
      return;
    }
  g_object_set (request, "width", WIDTH, "height", HEIGHT, "seed", "5", "steps", 2, "tile", TILE,
                "overlap", TILE / 2, NULL);
  for (guint i = 0; i < n; i++)
    {
      PdReport report;
      float *made = run (engines[i], request, &report);

      g_assert_cmpuint (report.workers, ==, i + 1);
      g_assert_true (report.idle_share >= 0 && report.idle_share < 1);
      g_assert_true ((report.step_exchange_bytes > 0) == (i > 0 && request->sync != PD_SYNC_NONE));
      if (i == 0)
        first = made;
      else
        {
          g_assert_cmpmem (made, N * sizeof *made, first, N * sizeof *first);
          g_free (made);
        }
    }
}

static void
test_sync (gconstpointer sync)
{
  g_autoptr (PdRequest) request =
      g_object_new (PD_TYPE_REQUEST, "sync", GPOINTER_TO_INT (sync), NULL);

  check_same (request, 2);
}

static void
test_levels (void)
{
  g_autoptr (PdRequest) request = g_object_new (PD_TYPE_REQUEST, "progressive", PD_PROGRESSIVE_ON,
                                                "seamless", PD_TORUS_Y | PD_TORUS_X, NULL);

  check_same (request, ENGINES);
}

static void
test_mode (gconstpointer mode)
{
  g_autoptr (PdRequest) request =
      g_object_new (PD_TYPE_REQUEST, "mode", GPOINTER_TO_INT (mode), "strength", 0.8, NULL);

  check_same (request, 2);
}

static void
test_bad_lists (void)
{
  static const char *const bad[] = { "0,", "0,,0", "0,99", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pd_device_select (bad[i], 16, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_NO_DEVICE);
    }
}

static void
open_engines (void)
{
  g_autofree char *path = pd_fixture_shared ("goldens/models/sd1");

  for (guint i = 0; path != NULL && i < ENGINES; i++)
    {
      g_autoptr (PdRequest) request =
          g_object_new (PD_TYPE_REQUEST, "model", path, "device", devices[i], NULL);
      g_autoptr (GError) error = NULL;

      engines[i] = pd_engine_new (request, NULL, NULL, &error);
      g_assert_no_error (error);
    }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  gegl_init (NULL, NULL);
  open_engines ();
  g_test_add_func ("/engine/devices/bad-lists", test_bad_lists);
  g_test_add_data_func ("/engine/devices/none", GINT_TO_POINTER (PD_SYNC_NONE), test_sync);
  g_test_add_data_func ("/engine/devices/fusion", GINT_TO_POINTER (PD_SYNC_FUSION), test_sync);
  g_test_add_func ("/engine/devices/seamless-levels", test_levels);
  g_test_add_data_func ("/engine/devices/inpaint", GINT_TO_POINTER (PD_REQUEST_MODE_INPAINT),
                        test_mode);
  g_test_add_data_func ("/engine/devices/style", GINT_TO_POINTER (PD_REQUEST_MODE_STYLE),
                        test_mode);
  status = g_test_run ();
  for (guint i = 0; i < ENGINES; i++)
    pd_engine_free (engines[i]);
  gegl_exit ();
  return status;
}
