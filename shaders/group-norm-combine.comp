// SPDX-License-Identifier: GPL-3.0-or-later
// Group norm, second part: the moments of a group from those of its channels and chunks, always in
// the same order. One workgroup per group and image. SHARED: corrected by what is given.
//
// Chunks of a negative count are those of a frame, where zeros are seen from and which is cut off later.
// They do not count. But where all else is flat, the frame's values over a deviation of nearly 0 would
// grow from norm to norm until they are no numbers: FLOOR bounds them.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/group-norm-combine.h"
#include "common/moments.glsl"

layout (local_size_x_id = 0) in; // a power of 2
layout (constant_id = 1) const uint FRAME = 0; // there may be one

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

const float FLOOR = 1e-4; // of the variance, as a share of that with the frame

shared float counts[gl_WorkGroupSize.x];
shared float means[gl_WorkGroupSize.x];
shared float m2s[gl_WorkGroupSize.x];

// Of a channel in a chunk of this workgroup's image.
uint
part (uint chunk, uint channel)
{
  return ((gl_WorkGroupID.y * push.chunks + chunk) * push.quads + (channel >> 2)) * (MOMENTS_QUADS * 4) +
         (channel & 3);
}

// Of all lanes, for all lanes.
Moments
joined (Moments own)
{
  uint lane = gl_LocalInvocationID.x;

  barrier ();
  counts[lane] = own.count;
  means[lane] = own.mean;
  m2s[lane] = own.m2;
  for (uint other = gl_WorkGroupSize.x / 2; other > 0; other /= 2)
    {
      barrier ();
      if (lane < other)
        {
          own = merged (own, Moments (counts[lane + other], means[lane + other], m2s[lane + other]));
          counts[lane] = own.count;
          means[lane] = own.mean;
          m2s[lane] = own.m2;
        }
    }
  barrier ();
  return Moments (counts[0], means[0], m2s[0]);
}

void
main ()
{
  uint lane = gl_LocalInvocationID.x;
  uint group = gl_WorkGroupID.x;
  float origin = parts[part (0, group * push.channels)];
  Moments sum = Moments (0.0, 0.0, 0.0), frame = sum;

  for (uint i = lane; i < push.chunks * push.channels; i += gl_WorkGroupSize.x)
    {
      uint chunk = i / push.channels;
      uint channel = group * push.channels + i - chunk * push.channels;
      uint from = part (chunk, channel);
      Moments own = Moments (parts[from + 12], parts[from] - origin + parts[from + 4],
                             parts[from + 8]);

      if (FRAME != 0 && own.count < 0.0)
        frame = merged (frame, Moments (-own.count, own.mean, -own.m2));
      else
        sum = merged (sum, own);
    }

  Moments all = merged (sum, frame);

  sum = joined (sum);

  float mean = sum.mean, variance = sum.m2 / sum.count;

  if (FRAME != 0)
    {
      all = joined (all);
      variance = max (variance, FLOOR * all.m2 / all.count);
    }

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
      uint to = (gl_WorkGroupID.y * push.quads + (channel >> 2)) * (TABLE_QUADS * 4) + (channel & 3);

      table[to] = surplus ? 0.0 : origin;
      table[to + 4] = surplus ? 0.0 : mean;
      table[to + 8] = surplus ? 0.0 : weight[channel] / deviation;
    }
}
