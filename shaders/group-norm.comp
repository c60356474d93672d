// SPDX-License-Identifier: GPL-3.0-or-later
// Group norm, last part: y = activation ((x - origin - mean) · scale + bias).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/group-norm-layout.h"
#include "abi/group-norm.h"
#include "common/tensor.glsl"
#include "common/activation.glsl"
#include "common/walk.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint ACTIVATION = 0;
layout (constant_id = 2) const uint BORDER = 0;
layout (constant_id = 3) const uint JOINT = 0; // one table for all images

layout (std430, binding = 0) readonly buffer X { QUAD x[]; };
layout (std430, binding = 1) writeonly buffer Y { QUAD y[]; };
layout (std430, binding = 2) readonly buffer Table { vec4 table[]; };
layout (std430, binding = 3) readonly buffer Bias { vec4 bias[]; };

void
main ()
{
  Strip strip = strip_of (push.walk);

  if (strip.first >= strip.end)
    return;

  uint image = JOINT == 0 ? push.walk.image + strip.image : 0;
  uint entry = (image * push.walk.quads + strip.quad) * TABLE_QUADS;
  vec4 origin = table[entry], mean = table[entry + 1], scale = table[entry + 2];
  vec4 shift = bias[strip.quad];

  for (uint p = strip.first; p < strip.end; p++)
    {
      vec4 value = vec4 (0.0);

      if (BORDER == 0 || inside (push.walk, strip, p))
        {
          value = values (x[at (push.x, strip.image, strip.row, p) + strip.quad]);
          value = activate (ACTIVATION, (value - origin - mean) * scale + shift);
        }
      put (y[at (push.y, strip.image, strip.row, p) + strip.quad], value);
    }
}
