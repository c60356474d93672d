// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/prompts.h"

#include <string.h>

#include "engine/tiles/denoise.h"
#include "tests/fixtures/canvas-fixture.h"

/* Prompts of parts of a canvas. */

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
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  g_autoptr (PdCondition) part = sd1_fixture_condition (&canvas_sd1, "context2");
  g_autofree float *plain = NULL, *one = NULL;
  const PdPrompts prompts = { .n = 1,
                              .conditions = (const PdCondition *const[]){ part },
                              .weights = left_third };
  PdCanvasOptions options = canvas_fixture_options (&conditions);
  gsize size =
      (gsize) canvas_sd1.denoiser->info.channels * options.height * options.width * sizeof (float);
  PdDenoiseReport report;

  options.sync = PD_SYNC_ATTENTION;
  options.norm_share = 1;
  plain = canvas_fixture_denoise (&options, NULL);
  options.prompts = &prompts;
  one = canvas_fixture_denoise (&options, &report);
  g_assert_cmpint (memcmp (plain, one, size), !=, 0);
  /* 2 branches: 8 tiles, of which 2 × 2 have both prompts. */
  g_assert_cmpuint (report.forwards, ==, 2 * CANVAS_STEPS * (8 + 4));
  canvas_fixture_check_batches (&options, one);
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
  g_auto (CanvasPair) conditions = canvas_fixture_pair ();
  g_autoptr (PdCondition) other = sd1_fixture_condition (&canvas_sd1, "context2");
  g_autofree float *with_region = NULL, *with_prompt = NULL, *reading_none = NULL;
  const PdPrompts prompts = { .n = 1,
                              .conditions = (const PdCondition *const[]){ other },
                              .weights = everywhere };
  PdCanvasOptions options = canvas_fixture_options (&conditions);

  n = (gsize) canvas_sd1.denoiser->info.channels * options.height * options.width;
  options.norm_share = 1;
  options.prompts = &prompts;
  with_region = canvas_fixture_denoise (&options, NULL);
  options.sync = PD_SYNC_ATTENTION;
  reading_none = canvas_fixture_denoise (&options, NULL);
  sd1_fixture_assert_close (reading_none, with_region, n, 1e-3);
  options.sync = PD_SYNC_FUSION;
  options.prompts = NULL;
  options.conditions = (const PdCondition *const[]){ conditions.all[0], other };
  with_prompt = canvas_fixture_denoise (&options, NULL);
  g_assert_cmpmem (with_region, n * sizeof (float), with_prompt, n * sizeof (float));
}

void
canvas_fixture_add_prompts (void)
{
  g_test_add_func ("/canvas/regions", test_regions);
  g_test_add_func ("/canvas/region-everywhere", test_region_everywhere);
}
