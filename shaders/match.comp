// SPDX-License-Identifier: GPL-3.0-or-later
// y = (x - own mean) / own deviation · target's deviation + target's mean, for every channel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/match.h"
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
// [image][channel]{mean, variance}
layout (std430, binding = 2) readonly buffer Own { vec2 own[]; };
layout (std430, binding = 3) readonly buffer Target { vec2 target[]; };

void
main ()
{
  Strip strip = strip_of (push.walk);

  if (strip.first >= strip.end)
    return;

  uint image = push.walk.image + strip.image;
  uint from_own = (image / push.own_images * push.walk.quads + strip.quad) * 4;
  uint from_target = (image / push.target_images * push.walk.quads + strip.quad) * 4;
  vec4 mean, scale, shift;

  for (uint c = 0; c < 4; c++)
    {
      vec2 has = own[from_own + c], gets = target[from_target + c];

      mean[c] = has.x;
      scale[c] = sqrt ((gets.y + push.eps) / (has.y + push.eps));
      shift[c] = gets.x;
    }
  for (uint p = strip.first; p < strip.end; p++)
    put (y[at (push.y, strip.image, strip.row, p) + strip.quad],
         (values (x[at (push.x, strip.image, strip.row, p) + strip.quad]) - mean) * scale + shift);
}
