// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "engine/run/stages.h"
#include "tests/fixtures/model-fixture.h"

/* What runs of every mode consist of. */

typedef struct
{
  PdRequestMode mode;
  guint width, height;
  gboolean crop; /* 96 × 80 of it are worked on as 128 × 104 */
  guint n;
  PdStage first, last;
} Case;

static const PdStageModel model = { .native = 128, .scale = 8 };

static const Case cases[] = {
  { PD_REQUEST_MODE_GENERATE,
    100,
    90,
    FALSE,
    1,
    { 100, 90, PD_START_NOISE, 30, 1 },
    { 100, 90, PD_START_NOISE, 30, 1 } },
  { PD_REQUEST_MODE_GENERATE,
    512,
    400,
    FALSE,
    3,
    { 128, 104, PD_START_NOISE, 30, 1 },
    { 512, 400, PD_START_ENLARGED } },
  { PD_REQUEST_MODE_UPSCALE,
    100,
    90,
    FALSE,
    2,
    { 200, 180, PD_START_ENLARGED },
    { 400, 360, PD_START_ENLARGED } },
  { PD_REQUEST_MODE_RESTYLE,
    512,
    400,
    FALSE,
    1,
    { 512, 400, PD_START_PICTURE, 30, 0.3 },
    { 512, 400, PD_START_PICTURE, 30, 0.3 } },
  { PD_REQUEST_MODE_RESTYLE,
    512,
    400,
    TRUE,
    1,
    { 128, 104, PD_START_PICTURE, 30, 0.3, TRUE },
    { 128, 104, PD_START_PICTURE, 30, 0.3, TRUE } },
  { PD_REQUEST_MODE_INPAINT,
    512,
    400,
    TRUE,
    1,
    { 128, 104, PD_START_PICTURE, 30, 1, TRUE },
    { 128, 104, PD_START_PICTURE, 30, 1, TRUE } },
  /* As an estimate has it, which knows no mask. */
  { PD_REQUEST_MODE_INPAINT,
    512,
    400,
    FALSE,
    1,
    { 512, 400, PD_START_PICTURE, 30, 1, TRUE },
    { 512, 400, PD_START_PICTURE, 30, 1, TRUE } },
};

static void
assert_stage (const PdStage *stage, const PdStage *expected)
{
  g_assert_cmpuint (stage->width, ==, expected->width);
  g_assert_cmpuint (stage->height, ==, expected->height);
  g_assert_cmpint (stage->start, ==, expected->start);
  g_assert_cmpint (stage->masked, ==, expected->masked);
  g_assert_cmpfloat (stage->weight, >, 0);
  if (expected->start == PD_START_ENLARGED)
    g_assert_true (stage->strength > 0 && stage->strength < 1);
  else
    g_assert_cmpfloat (stage->strength, ==, expected->strength);
}

static void
test_plan (void)
{
  static const PdCrop crop = { { 20, 10, 80, 96 }, { 104, 128 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Case *c = &cases[i];
      g_autoptr (PdRequest) request = pd_request_new ();
      g_autoptr (GError) error = NULL;
      PdStage stages[PD_MAX_LEVELS];
      guint n;

      g_object_set (request, "mode", c->mode, "width", c->width, "height", c->height, "strength",
                    0.3, "scale", 4, NULL);
      n = pd_stages_plan (request, &model, c->crop ? &crop : NULL, c->crop, stages, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (n, ==, c->n);
      assert_stage (&stages[0], &c->first);
      assert_stage (&stages[n - 1], &c->last);
    }
}

/* How deep levels begin and how many steps they make. */
static void
test_levels (void)
{
  static const struct
  {
    guint steps, level_steps;
    double level_strength, of_model; /* asked for; what the model says */
    double strength;                 /* of the first level after the base */
    guint calls;                     /* of it */
    gboolean few_steps;              /* the model's kind */
  } levels[] = {
    { 20, 0, 0.5, 0.85, 0.5, 10 },   { 20, 0, -1, 0.85, 0.85, 17 }, { 20, 0, -1, 0, 0.4, 8 },
    { 4, 0, 0.4, 0, 0.4, 1 },        { 4, 0, 0.2, 0, 0.2, 1 },      { 1, 0, 0.1, 0, 0.1, 1 },
    { 20, 2, 0.4, 0, 0.4, 2 },       { 20, 4, 0.7, 0, 0.7, 4 },     { 4, 3, 0.3, 0, 0.3, 3 },
    { 20, 0, 0, 0, 0, 0 },           { 20, 4, 0, 0, 0, 0 },         { 20, 5, 1, 0, 1, 5 },
    { 30, 0, -1, 0, 0.4, 2, TRUE },  { 4, 0, -1, 0, 0.4, 2, TRUE }, { 1, 0, 0.4, 0, 0.4, 1, TRUE },
    { 30, 5, 0.4, 0, 0.4, 5, TRUE }, { 30, 0, 0, 0, 0, 0, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (levels); i++)
    {
      const PdStageModel of_model = { .native = 128,
                                      .scale = 8,
                                      .level_strength = levels[i].of_model,
                                      .few_steps = levels[i].few_steps };
      g_autoptr (PdRequest) request = pd_request_new ();
      PdStage stages[PD_MAX_LEVELS];

      g_object_set (request, "width", 256, "height", 256, "progressive", PD_PROGRESSIVE_ON, "steps",
                    levels[i].steps, "level-steps", levels[i].level_steps, "level-strength",
                    levels[i].level_strength, NULL);
      g_assert_cmpuint (pd_stages_plan (request, &of_model, NULL, 0, stages, NULL), ==, 2);
      g_assert_cmpuint (stages[0].steps, ==, levels[i].steps);
      g_assert_cmpfloat (stages[1].strength, ==, levels[i].strength);
      g_assert_cmpuint ((guint) (stages[1].steps * stages[1].strength), ==, levels[i].calls);
    }
}

/* What starts from a picture makes at least one step. */
static void
test_one_step (void)
{
  static const struct
  {
    PdRequestMode mode;
    guint steps;
    double strength, style_strength;
    guint calls;
  } runs[] = {
    { PD_REQUEST_MODE_STYLE, 1, 0.6, 1, 1 },    { PD_REQUEST_MODE_STYLE, 4, 0.6, 0.1, 1 },
    { PD_REQUEST_MODE_STYLE, 10, 0.6, 1, 6 },   { PD_REQUEST_MODE_STYLE, 10, 0.6, 0, 0 },
    { PD_REQUEST_MODE_RESTYLE, 4, 0.2, 1, 1 },  { PD_REQUEST_MODE_RESTYLE, 4, 0, 1, 0 },
    { PD_REQUEST_MODE_INPAINT, 3, 0.25, 1, 3 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      g_autoptr (PdRequest) request = pd_request_new ();
      PdStage stages[PD_MAX_LEVELS];

      g_object_set (request, "mode", runs[i].mode, "width", 256, "height", 256, "steps",
                    runs[i].steps, "strength", runs[i].strength, "style-strength",
                    runs[i].style_strength, NULL);
      g_assert_cmpuint (pd_stages_plan (request, &model, NULL, 0, stages, NULL), ==, 1);
      g_assert_cmpuint ((guint) (stages[0].steps * stages[0].strength), ==, runs[i].calls);
    }
}

/* Every part of a picture with a mask is a stage, and takes time as it has pixels. */
static void
test_parts (void)
{
  static const PdCrop crops[] = { { { 20, 10, 80, 96 }, { 80, 96 } },
                                  { { 300, 10, 80, 192 }, { 80, 192 } } };
  g_autoptr (PdRequest) request = pd_request_new ();
  PdStage stages[PD_MAX_LEVELS];

  g_object_set (request, "mode", PD_REQUEST_MODE_INPAINT, "width", 512, "height", 400, NULL);
  g_assert_cmpuint (pd_stages_plan (request, &model, crops, 2, stages, NULL), ==, 2);
  assert_stage (&stages[0], &(PdStage){ 96, 80, PD_START_PICTURE, .strength = 1, .masked = TRUE });
  assert_stage (&stages[1], &(PdStage){ 192, 80, PD_START_PICTURE, .strength = 1, .masked = TRUE });
  g_assert_cmpfloat (stages[1].weight, ==, 2 * stages[0].weight);
}

static void
test_too_large (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (GError) error = NULL;
  PdStage stages[PD_MAX_LEVELS];

  g_object_set (request, "mode", PD_REQUEST_MODE_UPSCALE, "width", 20000, "height", 300, "scale", 4,
                NULL);
  g_assert_cmpuint (pd_stages_plan (request, &model, NULL, 0, stages, &error), ==, 0);
  pd_fixture_expect (&error, PD_ERROR_BAD_REQUEST, "80000 65536 scale");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stages/plan", test_plan);
  g_test_add_func ("/stages/levels", test_levels);
  g_test_add_func ("/stages/one-step", test_one_step);
  g_test_add_func ("/stages/parts", test_parts);
  g_test_add_func ("/stages/too-large", test_too_large);
  return g_test_run ();
}
