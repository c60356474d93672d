// SPDX-License-Identifier: GPL-3.0-or-later
// Mean over boxes: pixel (y, x) of the result stands for the rows floor (y · h / H) … ceil ((y + 1) · h /
// H) - 1 of the h × w source, columns likewise, so boxes differ by a pixel where sizes do not divide.
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

layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer X { QUAD x[]; };
layout (std430, binding = 1) writeonly buffer Y { QUAD y[]; };

void
main ()
{
  Strip strip = strip_of (push.walk);
  uint row = push.walk.row + strip.row;
  uint top = row * push.h / push.walk.h;
  uint bottom = ((row + 1) * push.h + push.walk.h - 1) / push.walk.h;

  for (uint p = strip.first; p < strip.end; p++)
    {
      uint column = push.walk.column + p;
      uint left = column * push.w / push.walk.w;
      uint right = ((column + 1) * push.w + push.walk.w - 1) / push.walk.w;
      vec4 sum = vec4 (0.0);

      for (uint i = top; i < bottom; i++)
        for (uint j = left; j < right; j++)
          sum += values (x[at (push.x, strip.image, i, j) + strip.quad]);
      put (y[at (push.y, strip.image, strip.row, p) + strip.quad],
           sum / float ((bottom - top) * (right - left)));
    }
}
