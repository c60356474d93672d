// SPDX-License-Identifier: GPL-3.0-or-later
// Nearest neighbour: source = floor (target · in / out).
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
layout (constant_id = 1) const uint BORDER = 0;

layout (std430, binding = 0) readonly buffer X { QUAD x[]; };
layout (std430, binding = 1) writeonly buffer Y { QUAD y[]; };

void
main ()
{
  Strip strip = strip_of (push.walk);
  uint row = (push.walk.row + strip.row) * push.h / push.walk.h;
  // The source column advances by step and a carry; before the first column lies border.
  uint first = uint (max (int (push.walk.column + strip.first), 0));
  uint column = first * push.w / push.walk.w;
  uint rest = first * push.w - column * push.walk.w;
  uint step = push.w / push.walk.w;
  uint step_rest = push.w - step * push.walk.w;

  for (uint p = strip.first; p < strip.end; p++)
    {
      vec4 value = vec4 (0.0);

      if (BORDER == 0 || inside (push.walk, strip, p))
        {
          value = values (x[at (push.x, strip.image, row, column) + strip.quad]);
          column += step;
          rest += step_rest;
          if (rest >= push.walk.w)
            {
              rest -= push.walk.w;
              column++;
            }
        }
      put (y[at (push.y, strip.image, strip.row, p) + strip.quad], value);
    }
}
