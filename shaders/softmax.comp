// SPDX-License-Identifier: GPL-3.0-or-later
// Softmax of rows of scores in place, with bias per key and causal mask. Scores and biases come in
// units of log 2; surplus channels become zero. A subgroup takes a row.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "abi/softmax.h"

layout (local_size_x_id = 0) in; // subgroup size
layout (constant_id = 0) const uint LANES = 16;
layout (constant_id = 1) const uint BIAS = 0;
layout (constant_id = 2) const uint CAUSAL = 0;

layout (std430, binding = 0) buffer Scores { vec4 scores[]; };
layout (std430, binding = 1) readonly buffer Bias { float bias[]; };

const float NOTHING = -1e30;

vec4
load (uint at, uint quad)
{
  vec4 s = scores[at + quad];

  [[unroll]] for (uint i = 0; i < 4; i++)
    {
      uint key = quad * 4 + i;

      if (BIAS != 0)
        s[i] = max (s[i] + bias[push.bias_start + min (key, push.keys - 1)] * push.bias_scale, NOTHING);
      if (CAUSAL != 0)
        s[i] = key > push.first_query + gl_WorkGroupID.x ? NOTHING : s[i];
      s[i] = key < push.keys ? s[i] : NOTHING;
    }
  return s;
}

void
main ()
{
  uint at = push.start + gl_WorkGroupID.x * push.row, lane = gl_SubgroupInvocationID;
  float maximum = NOTHING, total = 0, all_maximum = NOTHING, all = 0;

  for (uint quad = lane; quad < push.quads; quad += LANES)
    {
      vec4 s = load (at, quad);
      float higher = max (max (max (s.x, s.y), max (s.z, s.w)), maximum);
      vec4 e = exp2 (s - higher);

      total = total * exp2 (maximum - higher) + (e.x + e.y) + (e.z + e.w);
      maximum = higher;
    }
  [[unroll]] for (uint i = 0; i < LANES; i++) all_maximum = max (all_maximum, subgroupShuffle (maximum, i));
  total *= exp2 (maximum - all_maximum);
  [[unroll]] for (uint i = 0; i < LANES; i++) all += subgroupShuffle (total, i);

  float scale = 1.0 / all;

  for (uint quad = lane; quad < push.quads; quad += LANES)
    {
      vec4 s = load (at, quad), e = exp2 (s - all_maximum) * scale;

      [[unroll]] for (uint i = 0; i < 4; i++) e[i] = quad * 4 + i < push.keys ? e[i] : 0.0;
      scores[at + quad] = e;
    }
}
