// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/sum.h"

void
pd_sum_add (PdSum *self, double weight, const float *array)
{
  if (weight == 0.0)
    return;
  g_assert (self->n < G_N_ELEMENTS (self->weight));
  self->weight[self->n] = weight;
  self->array[self->n++] = array;
}

void
pd_sum_write (const PdSum *self, gsize n_elements, float *out)
{
  for (gsize e = 0; e < n_elements; e++)
    {
      double value = 0.0;

      for (guint j = 0; j < self->n; j++)
        value += self->weight[j] * self->array[j][e];
      out[e] = (float) value;
    }
}
