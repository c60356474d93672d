// SPDX-License-Identifier: GPL-3.0-or-later
// The peak rate of a device: multiply-adds on registers and nothing else, by which bench divides
// every other figure. One invocation does ITERATIONS * 96 multiply-adds on 12 independent
// sums, enough to cover the latency of the units.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "abi/peak.h"

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint ITERATIONS = 1000;

layout (std430, binding = 0) writeonly buffer Sums
{
  float sums[]; // one per invocation, so that nothing is optimised away
};

void
main ()
{
  float sum[12];
  float a = push.a + float (gl_LocalInvocationID.x) * 1e-9;
  float b = push.b;

  for (int i = 0; i < 12; i++)
    sum[i] = float (i);
  for (uint k = 0; k < ITERATIONS; k++)
    {
      [[unroll]] for (int u = 0; u < 8; u++)
        {
          [[unroll]] for (int i = 0; i < 12; i++)
            sum[i] = fma (sum[i], a, b);
        }
    }
  float total = 0;
  for (int i = 0; i < 12; i++)
    total += sum[i];
  sums[gl_GlobalInvocationID.x] = total;
}
