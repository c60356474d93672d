// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/stages.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

enum
{
  MAX_SIDE = 65536,
  MAX_STEPS = 1000,
};

/* Of models that do not say. The noise of step 400 of 1000 is the best start for SDXL with the low
 * band held as here (Huang et al. 2025, ScaleDiff). */
static const double LEVEL_STRENGTH = 0.4;

/* Steps of a level for a model of few steps: one or two forwards of a tile add what there is to add
 * (PixelRush, CVPR 2026). */
static const guint FEW_STEPS = 2;

/* What a stage costs beside others: its pixels are coded once, and denoised in every step. */
static double
weight_of (const PdStage *stage)
{
  static const double coding = 3; /* steps that take as long */

  return (double) stage->width * stage->height * (coding + stage->steps * stage->strength);
}

/* What starts from a picture makes at least @calls steps, however few the run has; with a strength
 * of 0 it stays as it is. */
static void
plan_steps (PdStage *stage, guint calls)
{
  if (stage->strength > 0)
    while ((guint) (stage->steps * stage->strength) < calls && stage->steps < MAX_STEPS)
      stage->steps++;
}

static void
plan_level_steps (const PdRequest *request, const PdStageModel *model, PdStage *stage)
{
  const guint wanted = request->level_steps > 0 ? request->level_steps
                       : model->few_steps       ? MIN (FEW_STEPS, request->steps)
                                                : 0;

  stage->steps = wanted > 0 ? wanted : request->steps;
  plan_steps (stage, MAX (wanted, 1));
}

/* A picture in levels: the first from noise or, to be enlarged, from the input. */
static guint
plan_levels (const PdRequest *request,
             const PdStageModel *model,
             const PdLevel *levels,
             guint n,
             guint first_rise,
             PdStage *stages)
{
  double strength = request->level_strength;

  if (strength < 0)
    strength = model->level_strength > 0 ? model->level_strength : LEVEL_STRENGTH;
  for (guint i = 0; i < n; i++)
    {
      guint rise = i + first_rise;

      stages[i] = (PdStage){ .width = levels[i].width,
                             .height = levels[i].height,
                             .start = rise == 0 ? PD_START_NOISE : PD_START_ENLARGED,
                             .steps = request->steps,
                             .strength = rise == 0 ? 1 : pd_level_strength (strength, rise) };
      if (rise > 0)
        plan_level_steps (request, model, &stages[i]);
      stages[i].weight = weight_of (&stages[i]);
    }
  return n;
}

static gboolean
check_size (const PdRequest *request, const PdLevel *last, GError **error)
{
  if (MAX (last->width, last->height) <= MAX_SIDE)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%u × %u pixels, %d times as large, would be %u × %u; at most %d a side can "
                  "be made: choose a smaller scale"),
               request->width, request->height, request->scale, last->width, last->height,
               MAX_SIDE);
  return FALSE;
}

/* How far a picture departs from its input. Following it back to noise is not exact, and the less
 * so the further: less of a style therefore starts from less noise, none of it from none. */
static double
depth_of (const PdRequest *request)
{
  switch (request->mode)
    {
    case PD_REQUEST_MODE_RESTYLE:
      return request->strength;
    case PD_REQUEST_MODE_STYLE:
      return request->strength * sqrt (request->style_strength);
    default:
      return 1;
    }
}

G_STATIC_ASSERT ((int) PD_MAX_CROPS <= (int) PD_MAX_LEVELS);

guint
pd_stages_plan (const PdRequest *request,
                const PdStageModel *model,
                const PdCrop *crops,
                guint n_crops,
                PdStage stages[PD_MAX_LEVELS],
                GError **error)
{
  PdLevel levels[PD_MAX_LEVELS];
  guint n;

  switch (request->mode)
    {
    case PD_REQUEST_MODE_GENERATE:
      n = pd_levels_plan (request->progressive, request->width, request->height, model->native,
                          model->scale, levels);
      return plan_levels (request, model, levels, n, 0, stages);
    case PD_REQUEST_MODE_UPSCALE:
      n = pd_levels_enlarge (request->width, request->height, request->scale, levels);
      return check_size (request, &levels[n - 1], error)
                 ? plan_levels (request, model, levels, n, 1, stages)
                 : 0;
    case PD_REQUEST_MODE_RESTYLE:
    case PD_REQUEST_MODE_STYLE:
    case PD_REQUEST_MODE_INPAINT:
      for (guint i = 0; i < MAX (n_crops, 1); i++)
        {
          stages[i] = (PdStage){
            .width = n_crops > 0 ? crops[i].work.w : request->width,
            .height = n_crops > 0 ? crops[i].work.h : request->height,
            .start = PD_START_PICTURE,
            .steps = request->steps,
            .strength = depth_of (request),
            .masked = n_crops > 0 || request->mode == PD_REQUEST_MODE_INPAINT,
          };
          plan_steps (&stages[i], 1);
          stages[i].weight = weight_of (&stages[i]);
        }
      return MAX (n_crops, 1);
    }
  g_return_val_if_reached (0);
}
