// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"
#include "engine/run/crop.h"
#include "engine/tiles/progressive.h"

/* A run as a list of stages: one canvas after another is made from noise or from a picture,
 * denoised and decoded. Planned once; run, estimate and verification walk the same list. */

/* What a stage's canvas begins as. */
typedef enum
{
  PD_START_NOISE,    /* the prompt is all there is */
  PD_START_PICTURE,  /* the input, noised to the strength */
  PD_START_ENLARGED, /* the picture before, or the input, in the stage's size; kept near that */
} PdStart;

typedef struct
{
  guint width, height; /* of the picture that it gives, pixels */
  PdStart start;
  guint steps;     /* of the solver's whole schedule */
  double strength; /* the share of them that is run, the last ones: 1 starts from noise */
  gboolean masked; /* what the mask does not show stays */
  double weight;   /* its time beside that of the others */
} PdStage;

/* What stages depend on of a model. */
typedef struct
{
  guint native;          /* side of the pictures it was made for, pixels */
  guint scale;           /* pixels per latent pixel, along each side */
  double level_strength; /* see PdPipelineConfig */
  gboolean few_steps;    /* it was distilled to make a picture in a few steps */
} PdStageModel;

/* The stages of @request. @crops: the parts that are worked on of a picture with a mask, a stage
 * each; NULL: all of it. Returns: their number; without parts the last one gives the result.
 * Errors: PD_ERROR_BAD_REQUEST (a picture that would be too large). */
guint pd_stages_plan (const PdRequest *request,
                      const PdStageModel *model,
                      const PdCrop *crops,
                      guint n_crops,
                      PdStage stages[PD_MAX_LEVELS],
                      GError **error);
