// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/recolor.h"

#include <math.h>

/* Mean and deviation of a sample: over one pixel less. FALSE if there are too few. */
static gboolean
measure (const PdRecolorFrom *self, guint channel, double *mean, double *deviation)
{
  const float *values = self->values + channel * self->pixels;
  double count = 0, sum = 0, squares = 0;

  for (gsize i = 0; i < self->pixels; i++)
    {
      double weight = self->weights != NULL ? self->weights[i] : 1;

      count += weight;
      sum += weight * values[i];
    }
  if (count <= 1)
    return FALSE;
  *mean = sum / count;
  for (gsize i = 0; i < self->pixels; i++)
    {
      double weight = self->weights != NULL ? self->weights[i] : 1;

      squares += weight * pow (values[i] - *mean, 2);
    }
  *deviation = sqrt (squares / (count - 1));
  return TRUE;
}

void
pd_recolor (
    guint channels, const PdRecolorFrom *from, const PdRecolorFrom *to, double share, float *latent)
{
  for (guint channel = 0; channel < channels; channel++)
    {
      float *values = latent + channel * from->pixels;
      double has[2], gets[2];

      if (!measure (from, channel, &has[0], &has[1]) || has[1] <= 0 ||
          !measure (to, channel, &gets[0], &gets[1]))
        continue;
      for (gsize i = 0; i < from->pixels; i++)
        {
          double matched = (values[i] - has[0]) / has[1] * gets[1] + gets[0];

          values[i] = (float) (share * matched + (1 - share) * values[i]);
        }
    }
}
