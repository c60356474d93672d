// SPDX-License-Identifier: GPL-3.0-or-later
// Layer norm: LANES invocations share a pixel, PIXELS pixels a workgroup. One lane suits a CPU, which
// gains nothing from neighbouring addresses; 32 suit a GPU.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/layer-norm.h"
#include "common/tensor.glsl"
#include "common/moments.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif

layout (local_size_x_id = 0) in; // LANES · PIXELS
layout (constant_id = 1) const uint LANES = 1; // a power of 2

layout (std430, binding = 0) readonly buffer X { QUAD x[]; };
layout (std430, binding = 1) readonly buffer Weight { vec4 weight[]; };
layout (std430, binding = 2) readonly buffer Bias { vec4 bias[]; };
layout (std430, binding = 3) writeonly buffer Y { QUAD y[]; };

shared float counts[gl_WorkGroupSize.x];
shared float means[gl_WorkGroupSize.x];
shared float m2s[gl_WorkGroupSize.x];

void
main ()
{
  uint local = gl_LocalInvocationID.x;
  uint lane = local % LANES;
  uint pixel = gl_WorkGroupID.x * (gl_WorkGroupSize.x / LANES) + local / LANES;
  uint image = gl_WorkGroupID.y / push.rows;
  uint row = gl_WorkGroupID.y - image * push.rows;
  bool valid = pixel < push.width;
  uint from = at (push.x, image, row, valid ? pixel : 0);
  uint whole = push.channels / 4;
  // Values count from the pixel's first one: of values near 33, whose mean is not known better than
  // 2e-6, the deviations are.
  float origin = values (x[from]).x;
  uint quad = lane;
  Moments4 sums = Moments4 (0.0, vec4 (0.0), vec4 (0.0));

  for (; quad + 3 * LANES < whole; quad += 4 * LANES)
    sums = merged (sums, moments_of (values (x[from + quad]) - origin,
                                     values (x[from + quad + LANES]) - origin,
                                     values (x[from + quad + 2 * LANES]) - origin,
                                     values (x[from + quad + 3 * LANES]) - origin));
  for (; quad < whole; quad += LANES)
    sums = merged (sums, Moments4 (1.0, values (x[from + quad]) - origin, vec4 (0.0)));

  Moments sum = merged (merged (Moments (sums.count, sums.mean.x, sums.m2.x),
                                Moments (sums.count, sums.mean.y, sums.m2.y)),
                        merged (Moments (sums.count, sums.mean.z, sums.m2.z),
                                Moments (sums.count, sums.mean.w, sums.m2.w)));

  if (quad == whole)
    for (uint channel = whole * 4; channel < push.channels; channel++)
      sum = merged (sum, Moments (1.0, values (x[from + whole])[channel & 3] - origin, 0.0));

  if (LANES > 1)
    {
      counts[local] = sum.count;
      means[local] = sum.mean;
      m2s[local] = sum.m2;
      for (uint other = LANES / 2; other > 0; other /= 2)
        {
          barrier ();
          if (lane < other)
            {
              sum = merged (sum, Moments (counts[local + other], means[local + other],
                                          m2s[local + other]));
              counts[local] = sum.count;
              means[local] = sum.mean;
              m2s[local] = sum.m2;
            }
        }
      barrier ();
      sum = Moments (counts[local - lane], means[local - lane], m2s[local - lane]);
    }
  if (!valid)
    return;

  float scale = 1.0 / sqrt (sum.m2 / sum.count + push.eps);
  uint to = at (push.y, image, row, pixel);

  for (quad = lane; quad < push.quads; quad += LANES)
    {
      vec4 value = values (x[from + quad]) - origin - sum.mean;

      put (y[to + quad], value * (scale * weight[quad]) + bias[quad]);
    }
}
