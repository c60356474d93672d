// SPDX-License-Identifier: GPL-3.0-or-later
// Channels of a, then those of b.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/concat.h"
#include "common/tensor.glsl"
#include "common/walk.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint ALIGNED = 1; // a_channels is a multiple of 4

layout (std430, binding = 0) readonly buffer A { QUAD a[]; };
layout (std430, binding = 1) readonly buffer B { QUAD b[]; };
layout (std430, binding = 2) writeonly buffer Y { QUAD y[]; };

void
main ()
{
  Strip strip = strip_of (push.walk);
  uint channel = strip.quad * 4;

  for (uint x = strip.first; x < strip.end; x++)
    {
      uint from_a = at (push.a, strip.image, strip.row, x);
      uint from_b = at (push.b, strip.image, strip.row, x);
      vec4 value = vec4 (0.0);

      if (ALIGNED != 0)
        {
          if (channel < push.a_channels)
            value = values (a[from_a + strip.quad]);
          else if (channel - push.a_channels < push.b_channels)
            value = values (b[from_b + strip.quad - push.a_channels / 4]);
        }
      else
        for (uint i = 0; i < 4; i++)
          {
            uint c = channel + i;

            if (c < push.a_channels)
              value[i] = values (a[from_a + (c >> 2)])[c & 3];
            else if (c - push.a_channels < push.b_channels)
              {
                c -= push.a_channels;
                value[i] = values (b[from_b + (c >> 2)])[c & 3];
              }
          }
      put (y[at (push.y, strip.image, strip.row, x) + strip.quad], value);
    }
}
