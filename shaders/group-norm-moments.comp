// SPDX-License-Identifier: GPL-3.0-or-later
// Group norm, first part: mean and squared deviations of every channel over chunks of the pixels.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "abi/group-norm-moments.h"
#include "common/tensor.glsl"
#include "common/moments.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif

layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer X { QUAD x[]; };
// [image][chunk][quad]{origin, mean, m2, count}: mean counts from origin, a value of the chunk, so that
// it is as precise as the deviations are.
layout (std430, binding = 1) writeonly buffer Parts { vec4 parts[]; };

void
main ()
{
  uint chunk = gl_GlobalInvocationID.x / push.quads;
  uint quad = gl_GlobalInvocationID.x - chunk * push.quads;
  uint pixel = chunk * push.chunk;
  uint end = min (pixel + push.chunk, push.rows * push.width);

  if (pixel >= end)
    return;

  uint row = pixel / push.width;
  uint column = pixel - row * push.width;
  uint from = at (push.x, gl_WorkGroupID.y, row, column) + quad;
  uint wrap = push.x.row - push.width * push.x.pixel;
  vec4 origin = values (x[from]);
  Moments4 sum = Moments4 (0.0, vec4 (0.0), vec4 (0.0));

  for (; pixel + 4 <= end; pixel += 4)
    {
      vec4 value[4];

      [[unroll]] for (uint i = 0; i < 4; i++)
        {
          value[i] = values (x[from]) - origin;
          column++;
          from += push.x.pixel + (column == push.width ? wrap : 0);
          column = column == push.width ? 0 : column;
        }
      sum = merged (sum, moments_of (value[0], value[1], value[2], value[3]));
    }
  for (; pixel < end; pixel++)
    {
      sum = merged (sum, Moments4 (1.0, values (x[from]) - origin, vec4 (0.0)));
      column++;
      from += push.x.pixel + (column == push.width ? wrap : 0);
      column = column == push.width ? 0 : column;
    }

  uint to = (((push.image + gl_WorkGroupID.y) * push.chunks + push.first + chunk) * push.quads +
             quad) * MOMENTS_QUADS;

  parts[to] = origin;
  parts[to + 1] = sum.mean;
  parts[to + 2] = push.share * sum.m2;
  parts[to + 3] = vec4 (push.share * sum.count);
}
