// SPDX-License-Identifier: GPL-3.0-or-later
// y = first half of the channels · GELU (second half).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/geglu.h"
#include "common/tensor.glsl"
#include "common/activation.glsl"
#include "common/walk.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint ALIGNED = 1; // channels is a multiple of 4

layout (std430, binding = 0) readonly buffer X { QUAD x[]; };
layout (std430, binding = 1) writeonly buffer Y { QUAD y[]; };

void
main ()
{
  Strip strip = strip_of (push.walk);
  uint channel = strip.quad * 4;

  for (uint p = strip.first; p < strip.end; p++)
    {
      uint from = at (push.x, strip.image, strip.row, p);
      vec4 value = vec4 (0.0);

      if (channel < push.channels)
        {
          if (ALIGNED != 0)
            value = values (x[from + strip.quad]) *
                    gelu (values (x[from + strip.quad + push.channels / 4]));
          else
            value = GATHER (x, from, channel, push.channels) *
                    gelu (GATHER (x, from, channel + push.channels, 2 * push.channels));
        }
      put (y[at (push.y, strip.image, strip.row, p) + strip.quad], value);
    }
}
