// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/base/error.h"
#include "engine/diffusion/noise.h"
#include "engine/networks/norm-exchange.h"
#include "engine/networks/unet.h"
#include "tests/fixtures/model-fixture.h"
#include "tests/fixtures/sd1-fixture.h"

/* What a denoiser tells of itself, what it refuses, and what it reads of a map. */

enum
{
  SIDE = 16, /* latent pixels */
};

static Sd1Fixture sd1;

/* The number of sites of @kind in @survey. */
static guint
count (const GArray *survey, PdSiteKind kind)
{
  guint n = 0;

  for (guint i = 0; i < survey->len; i++)
    n += g_array_index (survey, PdSite, i).kind == kind;
  return n;
}

/* The sites of a pass, whatever its size, are the same but for that. */
static void
test_survey (void)
{
  g_autoptr (GArray) small = pd_denoiser_survey (sd1.denoiser, 8, 12);
  g_autoptr (GArray) large = pd_denoiser_survey (sd1.denoiser, 16, 24);
  const PdUNetConfig *config = sd1.files->parts[PD_PART_UNET].config;
  guint n[PD_N_SITE_KINDS] = { 0 };

  g_assert_cmpuint (small->len, ==, large->len);
  for (guint i = 0; i < small->len; i++)
    {
      const PdSite *a = &g_array_index (small, PdSite, i), *b = &g_array_index (large, PdSite, i);

      g_assert_cmpstr (a->path, ==, b->path);
      g_assert_cmpuint (a->index, ==, n[a->kind]++);
      g_assert_cmpuint (a->depth, ==, b->depth);
      g_assert_cmpuint (a->h << a->depth, ==, 8);
      g_assert_cmpuint (b->w << b->depth, ==, 24);
      g_assert_cmpuint (a->channels, ==, b->channels);
      if (a->kind == PD_SITE_ATTENTION)
        g_assert_cmpuint (a->channels, ==, (guint) config->block_out_channels[a->depth]);
    }
  g_assert_cmpuint (count (small, PD_SITE_ATTENTION), ==, n[PD_SITE_ATTENTION]);
  g_assert_cmpuint (pd_norm_exchange_count (small), ==,
                    n[PD_SITE_NORM] * (guint) config->norm_num_groups);
}

/* Arrays of another length are refused, whichever of them it is, and nothing is written. */
static void
test_lengths (void)
{
  g_autoptr (PdCondition) prompt = sd1_fixture_condition (&sd1, "context");
  g_autoptr (PdCondition) other = pd_condition_new ();
  const PdCondition *right[] = { prompt }, *wrong[] = { other };
  const gsize n = (gsize) sd1.denoiser->info.channels * SIDE * SIDE;
  g_autofree float *latents = g_new (float, n), *prediction = g_new (float, n), *before = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PdDenoiserPass) pass = pd_denoiser_pass_new (
      sd1.denoiser, &(PdDenoiserPassOptions){ 1, SIDE, SIDE, .like = prompt }, &error);
  PdDenoiserRun run = { .latents = latents,
                        .n_latents = n,
                        .timestep = 500,
                        .conditions = right,
                        .prediction = prediction,
                        .n_prediction = n };

  g_assert_no_error (error);
  g_assert_true (pd_condition_add (other, PD_CONDITION_CONTEXT, 3, 5, NULL, &error));
  pd_noise_normal (4, 0, 0, n, latents);
  g_assert_true (pd_denoiser_pass_run (pass, &run, NULL, &error));
  before = g_memdup2 (prediction, n * sizeof *prediction);
  for (guint i = 0; i < 4; i++)
    {
      PdDenoiserRun changed = run;
      const PdMap map = { 5, SIDE, SIDE, latents };

      changed.n_latents -= i == 0;
      changed.n_prediction -= i == 1;
      changed.conditions = i == 2 ? wrong : right;
      changed.map = i == 3 ? &map : NULL;
      g_assert_false (pd_denoiser_pass_run (pass, &changed, NULL, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
      g_clear_error (&error);
      g_assert_cmpmem (prediction, n * sizeof *prediction, before, n * sizeof *before);
    }
}

/* A denoiser that reads a map sees of it what its view shows, round the edges: the same as a map
 * that was turned, from its corner on. */
static void
test_view (void)
{
  g_autofree char *path = pd_fixture_shared ("goldens/models/sd1-inpaint/unet");
  g_autoptr (GError) error = NULL;
  g_autoptr (PdModelFiles) files = pd_model_files_open (path, NULL, &error);
  const PdPartFiles *part;
  g_autoptr (PdDenoiser) unet = NULL;
  g_autoptr (PdDenoiserPass) pass = NULL;
  g_autoptr (PdCondition) prompt = sd1_fixture_condition (&sd1, "context");
  const PdCondition *conditions[] = { prompt };
  const guint h = 20, w = 22;
  static const PdView view = { 13, 9 };
  g_autofree float *latents = NULL, *map = NULL, *turned = NULL, *one = NULL, *two = NULL;
  PdDenoiserRun run = { .timestep = 500, .conditions = conditions };
  gsize n;

  g_assert_no_error (error);
  part = &files->parts[PD_PART_UNET];
  unet = pd_unet_new (&sd1.backend, part->config, part->checkpoint, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (unet->info.map_channels, ==, unet->info.channels + 1);
  pass = pd_denoiser_pass_new (unet, &(PdDenoiserPassOptions){ 1, SIDE, SIDE, .like = prompt },
                               &error);
  g_assert_no_error (error);
  n = (gsize) unet->info.channels * SIDE * SIDE;
  latents = g_new (float, n);
  one = g_new (float, n);
  two = g_new (float, n);
  map = g_new (float, (gsize) unet->info.map_channels *h *w);
  turned = g_new (float, (gsize) unet->info.map_channels *h *w);
  pd_noise_normal (5, 0, 0, n, latents);
  pd_noise_normal (6, 0, 0, (gsize) unet->info.map_channels * h * w, map);
  for (guint c = 0; c < unet->info.map_channels; c++)
    for (guint y = 0; y < h; y++)
      for (guint x = 0; x < w; x++)
        turned[(c * h + y) * w + x] = map[(c * h + (y + view.y) % h) * w + (x + view.x) % w];
  run.latents = latents;
  run.n_latents = run.n_prediction = n;
  run.views = &view;
  run.map = &(PdMap){ unet->info.map_channels, h, w, map };
  run.prediction = one;
  g_assert_true (pd_denoiser_pass_run (pass, &run, NULL, &error));
  run.views = NULL;
  run.map = &(PdMap){ unet->info.map_channels, h, w, turned };
  run.prediction = two;
  g_assert_true (pd_denoiser_pass_run (pass, &run, NULL, &error));
  g_assert_cmpmem (one, n * sizeof *one, two, n * sizeof *two);
  run.map = NULL;
  g_assert_false (pd_denoiser_pass_run (pass, &run, NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_MODEL);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  if (!sd1_fixture_open (&sd1, "sd1_windows"))
    return 0;
  g_test_add_func ("/denoiser/survey", test_survey);
  g_test_add_func ("/denoiser/lengths", test_lengths);
  g_test_add_func ("/denoiser/view", test_view);
  status = g_test_run ();
  sd1_fixture_close (&sd1);
  return status;
}
