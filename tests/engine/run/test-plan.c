// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>
#include <sys/resource.h>

#include "engine/gpu/device.h"
#include "engine/engine.h"
#include "engine/base/error.h"

/* The promise of --memory: what was planned is what a run takes, and no more than was allowed. */

static PdRequest *
new_request (guint width, guint height, guint batch)
{
  PdRequest *request = pd_request_new ();

  g_object_set (request, "model", PD_SOURCE_ROOT "/engine/models/default", "prompt", "sand",
                "width", width, "height", height, "tile", 128, "overlap", (gint64) 32, "batch",
                batch, "steps", 1, "guidance", 1.0, "seed", "3", "progressive", PD_PROGRESSIVE_OFF,
                NULL);
  return request;
}

static PdEngine *
open_engine (PdRequest *request, guint64 memory)
{
  g_autoptr (GError) error = NULL;
  PdEngine *engine;

  g_object_set (request, "memory", memory, NULL);
  engine = pd_engine_new (request, NULL, NULL, &error);
  g_assert_no_error (error);
  return engine;
}

/* Keeps what is said of the run before it. */
static void
on_plan (const char *text, gpointer user_data)
{
  char **said = user_data;

  g_free (*said);
  *said = g_strdup (text);
}

/* Estimates and runs within @memory (0: no limit), and compares. Returns: the bytes used. */
static guint64
check_run (guint64 memory, guint *batch, guint *tile, guint *window)
{
  g_autoptr (PdRequest) request = new_request (256, 224, 4);
  g_autoptr (PdEngine) engine = open_engine (request, memory);
  g_autoptr (GeglBuffer) output =
      gegl_buffer_new (GEGL_RECTANGLE (0, 0, 256, 224), babl_format ("R'G'B' float"));
  const PdImages images = { .output = output };
  g_auto (PdEstimate) estimate = { 0 };
  g_autofree char *said = NULL, *peak = NULL;
  const PdListener listener = { .plan = on_plan, .user_data = &said };
  g_autoptr (GError) error = NULL;
  PdReport report;

  g_assert_true (pd_engine_estimate (engine, request, 0, 0, NULL, &estimate, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (estimate.reason, !=, NULL);
  g_test_message ("%" G_GUINT64_FORMAT ": window %u, %s", memory, estimate.window, estimate.reason);
  g_assert_true (pd_engine_run (engine, request, &images, &listener, NULL, &report, &error));
  g_assert_no_error (error);
  pd_engine_done (engine);
  g_assert_cmpuint (report.batch, ==, estimate.batch);
  g_assert_cmpuint (report.tile, ==, estimate.tile);
  g_assert_cmpuint (report.n_tiles, ==, estimate.n_tiles);
  g_assert_cmpuint (report.forwards, ==, estimate.forwards);
  g_assert_cmpuint (report.peak_device_bytes, ==, estimate.peak_device_bytes);
  peak = g_format_size_full (report.peak_device_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_assert_nonnull (strstr (said, peak));
  g_assert_nonnull (strstr (estimate.reason, peak));
  if (memory > 0)
    g_assert_cmpuint (report.peak_device_bytes, <=, memory);
  *batch = report.batch;
  *tile = report.tile;
  *window = estimate.window;
  return report.peak_device_bytes;
}

static void
test_promise (void)
{
  guint batch, tile, window, first_window;
  guint64 bytes = check_run (0, &batch, &tile, &first_window), less;

  g_assert_cmpuint (batch, ==, 4);
  g_assert_cmpuint (tile, ==, 128);
  less = check_run (bytes - 1, &batch, &tile, &window);
  g_assert_cmpuint (less, <, bytes);
  g_assert_true (window < first_window || batch < 4);
}

static void
test_too_little (void)
{
  g_autoptr (PdRequest) request = new_request (256, 224, 4);
  guint64 model;
  g_autoptr (GError) error = NULL;
  g_auto (PdEstimate) estimate = { 0 };

  {
    g_autoptr (PdEngine) engine = open_engine (request, 0);
    g_autoptr (PdRequest) small = new_request (64, 64, 1);

    g_assert_true (pd_engine_estimate (engine, small, 0, 0, NULL, &estimate, &error));
    model = estimate.peak_device_bytes;
  }
  for (guint64 memory = model; error == NULL; memory -= model / 16)
    {
      g_autoptr (PdEngine) engine = NULL;

      g_object_set (request, "memory", memory, NULL);
      engine = pd_engine_new (request, NULL, NULL, &error);
      pd_estimate_clear (&estimate);
      if (engine != NULL && pd_engine_estimate (engine, request, 0, 0, NULL, &estimate, &error))
        g_assert_cmpuint (estimate.peak_device_bytes, <=, memory);
    }
  g_assert_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "MiB"));
}

/* A canvas for which the machine has no memory is refused before any of it is taken, by the
 * estimate and by the run; the same within the limit is not. */
static void
test_machine (void)
{
  g_autoptr (PdRequest) request = new_request (49152, 49152, 1);
  g_autoptr (PdEngine) engine = open_engine (request, 0);
  g_autoptr (GeglBuffer) output =
      gegl_buffer_new (GEGL_RECTANGLE (0, 0, 49152, 49152), babl_format ("R'G'B' u8"));
  const PdImages images = { .output = output };
  g_auto (PdEstimate) estimate = { 0 };
  g_autoptr (GError) error = NULL, again = NULL;
  struct rlimit old, limit;
  PdReport report;
  gboolean ok;

  g_assert_cmpint (getrlimit (RLIMIT_DATA, &old), ==, 0);
  limit = old;
  limit.rlim_cur = MIN ((rlim_t) 3 << 30, old.rlim_max);
  g_assert_cmpint (setrlimit (RLIMIT_DATA, &limit), ==, 0);
  ok = pd_engine_estimate (engine, request, 0, 0, NULL, &estimate, &error);
  g_assert_false (pd_engine_run (engine, request, &images, NULL, NULL, &report, &again));
  g_assert_cmpint (setrlimit (RLIMIT_DATA, &old), ==, 0);
  g_assert_false (ok);
  g_assert_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY);
  g_assert_error (again, PD_ERROR, PD_ERROR_OUT_OF_MEMORY);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "GiB"));
  g_clear_error (&error);
  g_object_set (request, "width", 512, "height", 512, NULL);
  g_assert_true (pd_engine_estimate (engine, request, 0, 0, NULL, &estimate, &error));
}

/* The device holds a batch and a window, whatever the canvas. */
static void
test_canvas_size (void)
{
  g_autoptr (PdRequest) request = new_request (1024, 1024, 2);
  g_autoptr (PdEngine) engine = open_engine (request, 0);
  guint64 first = 0, forwards = 0;

  /* The autoencoder's windows are evened out over the canvas: some sizes take less than 2048, whose
   * windows are as large as they get. */
  for (guint side = 2048; side <= 16384; side *= 2)
    {
      g_auto (PdEstimate) estimate = { 0 };
      g_autoptr (GError) error = NULL;

      g_object_set (request, "width", side, "height", side, NULL);
      g_assert_true (pd_engine_estimate (engine, request, 0, 0, NULL, &estimate, &error));
      g_assert_no_error (error);
      g_test_message ("%u: %" G_GUINT64_FORMAT " device bytes, %u tiles", side,
                      estimate.peak_device_bytes, estimate.n_tiles);
      if (first == 0)
        first = estimate.peak_device_bytes;
      g_assert_cmpuint (estimate.peak_device_bytes, <=, first);
      g_assert_cmpuint (estimate.forwards, >, forwards);
      forwards = estimate.forwards;
      g_assert_cmpfloat (estimate.seconds, >, 0);
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (PdRequest) request = NULL;
  g_autoptr (PdEngine) engine = NULL;
  g_autoptr (GError) error = NULL;
  int result;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  gegl_init (NULL, NULL);
  request = new_request (64, 64, 1);
  engine = pd_engine_new (request, NULL, NULL, &error);
  if (g_error_matches (error, PD_ERROR, PD_ERROR_NO_DEVICE))
    {
      g_print ("1..0 # SKIP %s\n", error->message);
      return 0;
    }
  g_assert_no_error (error);
  g_clear_pointer (&engine, pd_engine_free);
  g_test_add_func ("/plan/promise", test_promise);
  g_test_add_func ("/plan/too-little", test_too_little);
  g_test_add_func ("/plan/machine", test_machine);
  g_test_add_func ("/plan/canvas-size", test_canvas_size);
  result = g_test_run ();
  gegl_exit ();
  return result;
}
