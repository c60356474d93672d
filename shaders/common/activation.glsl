// SPDX-License-Identifier: GPL-3.0-or-later
#include "abi/activation.h"

// x Φ(x). Φ(-|x|) = erfc(|x| / √2) / 2 by Abramowitz and Stegun 7.1.26 (absolute error below
// 1.5e-7); the other side follows from Φ(x) = 1 - Φ(-x).
vec4
gelu (vec4 x)
{
  vec4 a = abs (x);
  vec4 t = 1.0 / (1.0 + 0.23164190 * a);
  vec4 tail = t * (0.127414796 + t * (-0.142248368 + t * (0.7107068705 +
              t * (-0.7265760135 + t * 0.5307027145)))) * exp (-0.5 * a * a);

  return x * mix (tail, 1.0 - tail, greaterThan (x, vec4 (0.0)));
}

vec4
activate (uint activation, vec4 x)
{
  if (activation == PD_ACTIVATION_SILU)
    return x / (1.0 + exp (-x));
  if (activation == PD_ACTIVATION_GELU)
    return gelu (x);
  if (activation == PD_ACTIVATION_QUICK_GELU)
    return x / (1.0 + exp (-1.702 * x));
  if (activation == PD_ACTIVATION_RELU)
    return max (x, 0.0);
  return x;
}
