// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/prompts.h"

void
pd_prompts_mix (const PdPrompts *self, const PdRect *rect, float *shares)
{
  const gsize n = (gsize) rect->h * rect->w;

  for (guint part = 0; part < self->n; part++)
    self->weights (part, rect, shares + (part + 1) * n, self->user_data);
  for (gsize i = 0; i < n; i++)
    {
      float sum = 0;

      for (guint part = 1; part <= self->n; part++)
        sum += shares[part * n + i];
      shares[i] = sum < 1 ? 1 - sum : 0;
      for (guint part = 1; sum > 1 && part <= self->n; part++)
        shares[part * n + i] /= sum;
    }
}

gboolean
pd_prompts_count (const float *shares, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (shares[i] > 0)
      return TRUE;
  return FALSE;
}
