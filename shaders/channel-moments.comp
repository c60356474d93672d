// SPDX-License-Identifier: GPL-3.0-or-later
// Mean and variance of every channel over the pixels of an image. A workgroup takes four channels of a
// slice of an image, and adds up in an order that is always the same; what slices before it found is
// merged with its own.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/channel-moments.h"
#include "common/tensor.glsl"
#include "common/moments.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif

layout (local_size_x_id = 0) in; // a power of 2

layout (std430, binding = 0) readonly buffer X { QUAD x[]; };
// [image][channel]{mean, variance}, which is that of a sample: over one pixel less
layout (std430, binding = 1) buffer Found { vec2 found[]; };

shared float counts[gl_WorkGroupSize.x];
shared vec4 means[gl_WorkGroupSize.x];
shared vec4 m2s[gl_WorkGroupSize.x];

void
main ()
{
  uint lane = gl_LocalInvocationID.x;
  uint quad = gl_WorkGroupID.x;
  vec4 origin = values (x[at (push.x, gl_WorkGroupID.y, 0, 0) + quad]);
  Moments4 sum = Moments4 (0.0, vec4 (0.0), vec4 (0.0));

  for (uint p = lane; p < push.pixels; p += gl_WorkGroupSize.x)
    {
      uint row = p / push.width;
      uint from = at (push.x, gl_WorkGroupID.y, row, p - row * push.width) + quad;

      sum = merged (sum, Moments4 (1.0, values (x[from]) - origin, vec4 (0.0)));
    }
  counts[lane] = sum.count;
  means[lane] = sum.mean;
  m2s[lane] = sum.m2;
  for (uint other = gl_WorkGroupSize.x / 2; other > 0; other /= 2)
    {
      barrier ();
      if (lane < other && counts[lane + other] > 0.0)
        {
          sum = merged (sum, Moments4 (counts[lane + other], means[lane + other], m2s[lane + other]));
          counts[lane] = sum.count;
          means[lane] = sum.mean;
          m2s[lane] = sum.m2;
        }
    }
  if (lane > 0)
    return;

  uint to = ((push.image + gl_WorkGroupID.y) * push.quads + quad) * 4;

  sum.mean += origin;
  if (push.before > 0)
    {
      Moments4 old = Moments4 (float (push.before), vec4 (0.0), vec4 (0.0));

      for (uint c = 0; c < 4; c++)
        {
          old.mean[c] = found[to + c].x;
          old.m2[c] = found[to + c].y * max (old.count - 1.0, 1.0);
        }
      sum = merged (old, sum);
    }

  vec4 variance = sum.m2 / max (sum.count - 1.0, 1.0);

  for (uint c = 0; c < 4; c++)
    found[to + c] = vec2 (sum.mean[c], variance[c]);
}
