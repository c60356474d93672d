// SPDX-License-Identifier: GPL-3.0-or-later
// y = activation (a · scale_a + b · scale_b), which also copies, converts (A_F16, Y_F16) and gives or
// takes a border.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/elementwise.h"
#include "common/tensor.glsl"
#include "common/activation.glsl"
#include "common/walk.glsl"

#ifdef A_F16
#define A_QUAD uvec2
#else
#define A_QUAD vec4
#endif
#ifdef Y_F16
#define Y_QUAD uvec2
#else
#define Y_QUAD vec4
#endif

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint ACTIVATION = 0;
layout (constant_id = 2) const uint OPERANDS = 1;
layout (constant_id = 3) const uint BORDER = 0;

layout (std430, binding = 0) readonly buffer A { A_QUAD a[]; };
layout (std430, binding = 1) readonly buffer B { A_QUAD b[]; };
layout (std430, binding = 2) writeonly buffer Y { Y_QUAD y[]; };

void
main ()
{
  Strip strip = strip_of (push.walk);

  for (uint x = strip.first; x < strip.end; x++)
    {
      vec4 value = vec4 (0.0);

      if (BORDER == 0 || inside (push.walk, strip, x))
        {
          value = values (a[at (push.a, strip.image, strip.row, x) + strip.quad]) * push.scale_a;
          if (OPERANDS == 2)
            value += values (b[at (push.b, strip.image, strip.row, x) + strip.quad]) * push.scale_b;
          value = activate (ACTIVATION, value);
        }
      put (y[at (push.y, strip.image, strip.row, x) + strip.quad], value);
    }
}
