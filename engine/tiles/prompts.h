// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/rect.h"
#include "engine/networks/condition.h"

/* Prompts of parts of a canvas beside the one of the whole. Where several count, the model's
 * predictions for each are mixed by their weights, pixel by pixel (Barbero Jiménez 2023, Mixture of
 * Diffusers; Bar-Tal et al. 2023, MultiDiffusion, with weights for masks). */

/* How much part @part counts in the latent pixels of @rect, which go round where an axis wraps:
 * @weights becomes [rect.h][rect.w], 0 … 1. */
typedef void (*PdPromptWeightsFunc) (guint part,
                                     const PdRect *rect,
                                     float *weights,
                                     gpointer user_data);

typedef struct
{
  guint n;                              /* parts */
  const PdCondition *const *conditions; /* [n], of the shapes of the canvas's own */
  PdPromptWeightsFunc weights;
  gpointer user_data;
} PdPrompts;

/* The share of every prompt, [1 + n][rect.h][rect.w]: first that of the whole canvas, which gets
 * what the parts leave. At every pixel they add up to 1. */
void pd_prompts_mix (const PdPrompts *self, const PdRect *rect, float *shares);

/* Whether any of @n shares is more than 0. */
gboolean pd_prompts_count (const float *shares, gsize n);
