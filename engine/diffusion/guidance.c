// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/diffusion/guidance.h"

#include <math.h>

void
pd_guidance_combine (gsize n, const float *uncond, const float *cond, double scale, float *out)
{
  const float s = (float) scale;

  for (gsize i = 0; i < n; i++)
    out[i] = uncond[i] + s * (cond[i] - uncond[i]);
}

static double
deviation (gsize n, const float *x)
{
  double mean = 0.0, sum = 0.0;

  for (gsize i = 0; i < n; i++)
    mean += x[i];
  mean /= (double) n;
  for (gsize i = 0; i < n; i++)
    sum += (x[i] - mean) * (x[i] - mean);
  return sqrt (sum / (double) n);
}

void
pd_guidance_rescale (gsize n, const float *cond, double rescale, float *guided)
{
  if (n == 0 || rescale == 0.0)
    return;

  const double from = deviation (n, guided);
  if (from == 0.0)
    return;

  const float factor = (float) (rescale * deviation (n, cond) / from + (1.0 - rescale));
  for (gsize i = 0; i < n; i++)
    guided[i] *= factor;
}
