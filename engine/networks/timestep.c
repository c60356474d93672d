// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/networks/timestep.h"

void
pd_timestep_embedding (
    double timestep, guint channels, gboolean flip_sin_to_cos, double freq_shift, float *out)
{
  guint half = channels / 2;
  guint sine = flip_sin_to_cos ? half : 0, cosine = flip_sin_to_cos ? 0 : half;

  if (channels % 2 == 1)
    out[channels - 1] = 0;
  for (guint i = 0; i < half; i++)
    {
      /* Rounded to f32 where the code that models are trained with rounds: near 1000 it moves an
       * angle by up to 3e-5. */
      float exponent = (float) -log (10000.0) * (float) i / (float) (half - freq_shift);
      float angle = (float) timestep * (float) exp (exponent);

      out[sine + i] = (float) sin (angle);
      out[cosine + i] = (float) cos (angle);
    }
}
