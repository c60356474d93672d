// SPDX-License-Identifier: GPL-3.0-or-later
// Token p of the result becomes token picks[p] of the source, counted row by row; where that is below 0
// it stays what it is. Halves that are infinite become the largest.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/scale.h"
#include "common/tensor.glsl"
#include "common/walk.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif

const float LARGEST_HALF = 65504.0;

layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer X { QUAD x[]; };
layout (std430, binding = 1) writeonly buffer Y { QUAD y[]; };
layout (std430, binding = 2) readonly buffer Picks { float picks[]; };

void
main ()
{
  Strip strip = strip_of (push.walk);

  for (uint p = strip.first; p < strip.end; p++)
    {
      float pick = picks[push.walk.column + p];
      uint token = uint (max (pick, 0.0));
      uint row = token / push.w;
      vec4 value;

      if (pick < 0.0)
        continue;
      value = values (x[at (push.x, strip.image, row, token - row * push.w) + strip.quad]);
#ifdef F16
      value = clamp (value, -LARGEST_HALF, LARGEST_HALF);
#endif
      put (y[at (push.y, strip.image, strip.row, p) + strip.quad], value);
    }
}
