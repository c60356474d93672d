// SPDX-License-Identifier: GPL-3.0-or-later
// Group norm, second part: the moments of a group from those of its channels and slices, always in
// the same order. One workgroup per group and image. SHARED: corrected by what is given.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "common/moments.glsl"

layout (local_size_x_id = 0) in; // a power of 2

layout (push_constant) uniform Push
{
  uint quads;    // of a pixel, surplus included
  uint channels; // of a group
  uint slices;
  float eps;
} push;

layout (std430, binding = 0) readonly buffer Parts { float parts[]; };
layout (std430, binding = 1) readonly buffer Weight { float weight[]; };
// [image][quad]{origin, mean, scale}
layout (std430, binding = 2) writeonly buffer Table { float table[]; };
#ifdef SHARED
// [image][group]{added to the mean, factor of the variance}
layout (std430, binding = 3) readonly buffer Given { vec2 given[]; };
// [image][group]{mean, variance}: as they are without
layout (std430, binding = 4) writeonly buffer Own { vec2 own[]; };
#endif

shared float counts[gl_WorkGroupSize.x];
shared float means[gl_WorkGroupSize.x];
shared float m2s[gl_WorkGroupSize.x];

// Of a channel in a slice of this workgroup's image.
uint
part (uint slice, uint channel)
{
  return ((gl_WorkGroupID.y * push.slices + slice) * push.quads + (channel >> 2)) * 16 +
         (channel & 3);
}

void
main ()
{
  uint lane = gl_LocalInvocationID.x;
  uint group = gl_WorkGroupID.x;
  float origin = parts[part (0, group * push.channels)];
  Moments sum = Moments (0.0, 0.0, 0.0);

  for (uint i = lane; i < push.slices * push.channels; i += gl_WorkGroupSize.x)
    {
      uint slice = i / push.channels;
      uint channel = group * push.channels + i - slice * push.channels;
      uint from = part (slice, channel);

      sum = merged (sum, Moments (parts[from + 12], parts[from] - origin + parts[from + 4],
                                  parts[from + 8]));
    }
  counts[lane] = sum.count;
  means[lane] = sum.mean;
  m2s[lane] = sum.m2;
  for (uint other = gl_WorkGroupSize.x / 2; other > 0; other /= 2)
    {
      barrier ();
      if (lane < other)
        {
          sum = merged (sum, Moments (counts[lane + other], means[lane + other], m2s[lane + other]));
          counts[lane] = sum.count;
          means[lane] = sum.mean;
          m2s[lane] = sum.m2;
        }
    }
  barrier ();

  float mean = means[0], variance = m2s[0] / counts[0];

#ifdef SHARED
  uint at = gl_WorkGroupID.y * gl_NumWorkGroups.x + group;

  if (lane == 0)
    own[at] = vec2 (origin + mean, variance);
  mean += given[at].x;
  variance *= given[at].y;
#endif

  float deviation = sqrt (variance + push.eps);
  bool last = group == gl_NumWorkGroups.x - 1;
  uint end = last ? push.quads * 4 : (group + 1) * push.channels;

  for (uint channel = group * push.channels + lane; channel < end; channel += gl_WorkGroupSize.x)
    {
      bool surplus = channel >= (group + 1) * push.channels;
      uint to = (gl_WorkGroupID.y * push.quads + (channel >> 2)) * 12 + (channel & 3);

      table[to] = surplus ? 0.0 : origin;
      table[to + 4] = surplus ? 0.0 : mean;
      table[to + 8] = surplus ? 0.0 : weight[channel] / deviation;
    }
}
