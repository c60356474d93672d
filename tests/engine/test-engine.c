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
  WIDTH = 100,
  HEIGHT = 84,
  SCALE = 4, /* of what is enlarged: two levels */
  TILE = 48, /* pixels: more tiles than workers */
};

static const char pixel_format[] = "R'G'B' float", mask_format[] = "Y float";

/* In the order of PdSync. */
static const char *const syncs[] = { "none", "fusion", "attention" };

static const struct
{
  guint workers;
  const char *devices;
} teams[] = { { 1, "0" }, { 2, "0,0" }, { 3, "0, 0,0" }, { 5, "0,0,0,0,0" } };

static PdEngine *engines[G_N_ELEMENTS (teams)];

/* What is made. All teams but the last make it with every sync, that one with @last. */
typedef struct
{
  const char *name;
  PdRequestMode mode;
  PdTorus seamless; /* along one axis: decoding takes long along two */
  PdSync last;
} Case;

static const Case cases[] = {
  { "plain", PD_REQUEST_MODE_GENERATE, PD_TORUS_NONE, PD_SYNC_ATTENTION },
  { "levels", PD_REQUEST_MODE_UPSCALE, PD_TORUS_NONE, PD_SYNC_FUSION },
  { "inpaint", PD_REQUEST_MODE_INPAINT, PD_TORUS_NONE, PD_SYNC_NONE },
  { "seamless", PD_REQUEST_MODE_GENERATE, PD_TORUS_X, PD_SYNC_ATTENTION },
};
static const Case style = { "style", PD_REQUEST_MODE_STYLE, PD_TORUS_NONE, PD_SYNC_NONE };

static GeglBuffer *
make_picture (double length, guint width, guint height)
{
  g_autofree float *values = g_new (float, (gsize) width *height * 3);
  GeglBuffer *picture = pd_picture_new (width, height, pixel_format);

  for (guint i = 0; i < width * height * 3; i++)
    values[i] = (float) (0.5 + 0.4 * sin (i / 3 % width / length + i % 3));
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

/* Returns: WIDTH × HEIGHT pixels. */
static float *
run (PdEngine *engine, PdRequest *request, PdReport *report)
{
  const gboolean generates = request->mode == PD_REQUEST_MODE_GENERATE;
  g_autoptr (GeglBuffer) input = make_picture (9, request->width, request->height);
  g_autoptr (GeglBuffer) look = make_picture (2, WIDTH, HEIGHT), mask = make_mask ();
  g_autoptr (GeglBuffer) output = pd_picture_new (WIDTH, HEIGHT, pixel_format);
  const PdImages images = { .input = generates ? NULL : input,
                            .mask = request->mode == PD_REQUEST_MODE_INPAINT ? mask : NULL,
                            .style = request->mode == PD_REQUEST_MODE_STYLE ? look : NULL,
                            .output = output };
  g_autoptr (GError) error = NULL;
  float *values = g_new (float, WIDTH *HEIGHT * 3);

  pd_engine_run (engine, request, &images, NULL, NULL, report, &error);
  g_assert_no_error (error);
  gegl_buffer_get (output, NULL, 1.0, babl_format (pixel_format), values, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return values;
}

/* With each of the first @n teams. */
static void
check_same (const Case *it, PdSync sync, guint n)
{
  const guint scale = it->mode == PD_REQUEST_MODE_UPSCALE ? SCALE : 1;
  /* What a step tells the next one is of all tiles. */
  const guint steps = sync != PD_SYNC_NONE && it != &style ? 2 : 1;
  g_autoptr (PdRequest) request = g_object_new (
      PD_TYPE_REQUEST, "mode", it->mode, "sync", sync, "seamless", it->seamless, "scale", SCALE,
      "strength", 1.0, "level-strength", 0.6, "inversion", 0.5, "width", WIDTH / scale, "height",
      HEIGHT / scale, "seed", "5", "steps", steps, "solver", PD_SOLVER_DDIM, "guidance", 1.0,
      "tile", TILE, "overlap", TILE / 3, NULL);
  g_autofree float *first = NULL;
  const gsize size = sizeof *first * WIDTH * HEIGHT * 3;

  if (engines[0] == NULL)
    {
      g_test_skip ("the reference tensors are not there");
      return;
    }
  for (guint i = 0; i < n; i++)
    {
      g_autofree float *made = NULL;
      PdReport report;

      made = run (engines[i], request, &report);
      g_assert_cmpuint (report.workers, ==, teams[i].workers);
      g_assert_true (report.idle_share >= 0 && report.idle_share < 1);
      /* Tiles of an inversion always go together. */
      if (i == 0 || (sync == PD_SYNC_NONE && it->mode != PD_REQUEST_MODE_UPSCALE))
        g_assert_cmpuint (report.step_exchange_bytes, ==, 0);
      else if (sync != PD_SYNC_NONE)
        g_assert_cmpuint (report.step_exchange_bytes, >, 0);
      if (i == 0)
        first = g_steal_pointer (&made);
      else
        g_assert_cmpmem (made, size, first, size);
    }
}

static void
test_case (gconstpointer number)
{
  const Case *it = &cases[GPOINTER_TO_UINT (number) / G_N_ELEMENTS (syncs)];
  const PdSync sync = (PdSync) (GPOINTER_TO_UINT (number) % G_N_ELEMENTS (syncs));

  check_same (it, sync, sync == it->last ? G_N_ELEMENTS (teams) : G_N_ELEMENTS (teams) - 1);
}

/* Of which every device finds a part for itself. */
static void
test_style (void)
{
  check_same (&style, PD_SYNC_ATTENTION, 2);
}

static void
add_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases) * G_N_ELEMENTS (syncs); i++)
    {
      g_autofree char *name =
          g_strdup_printf ("/engine/devices/%s/%s", cases[i / G_N_ELEMENTS (syncs)].name,
                           syncs[i % G_N_ELEMENTS (syncs)]);

      g_test_add_data_func (name, GUINT_TO_POINTER (i), test_case);
    }
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

/* With kernels that take no time to prepare, for every device does so for itself. */
static void
open_engines (void)
{
  g_autofree char *path = pd_fixture_shared ("goldens/models/sd1");

  for (guint i = 0; path != NULL && i < G_N_ELEMENTS (teams); i++)
    {
      g_autoptr (PdRequest) request =
          g_object_new (PD_TYPE_REQUEST, "model", path, "device", teams[i].devices, "kernels",
                        PD_KERNELS_GENERAL, NULL);
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
  add_cases ();
  g_test_add_func ("/engine/devices/style", test_style);
  status = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (teams); i++)
    pd_engine_free (engines[i]);
  gegl_exit ();
  return status;
}
