// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* A weighted sum of arrays, up to 6 terms; those with weight 0 are left out. Every update of a
 * solver is one of the latent, the predicted clean latent, noise and history: weights are computed
 * and summed in double, the result is stored as f32. */
typedef struct
{
  guint n;
  double weight[6];
  const float *array[6];
} PdSum;

void pd_sum_add (PdSum *self, double weight, const float *array);

/* @out may be one of the arrays. */
void pd_sum_write (const PdSum *self, gsize n_elements, float *out);
