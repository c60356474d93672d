// SPDX-License-Identifier: GPL-3.0-or-later
// Layouts for attention-uniform.comp, of one image. An invocation takes 8 channels (a part) of a head of a
// token, or the bias of a key.
//   queries: [head][tile][channel][lane], scaled by log₂ e / √channels; lanes past the last are zero
//   panels:  [panel of LANES channels][key][channel]: of one head, the values as a matrix of a product
//   blocks:  [head][block]{ keys [key][channel]; values [key][channel]; bias [key] }
//   state:   [head][tile][part]{ maximum; sum of weights; 8 sums of values }[lane]
// Heads are padded to whole parts, keys to whole blocks: with zeros and a bias of -1e30.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#include "abi/attention-uniform-pack.h"

layout (local_size_x_id = 0) in; // subgroup size
layout (constant_id = 0) const uint LANES = 16;
layout (constant_id = 1) const uint KIND = PACK_QUERIES;
layout (constant_id = 2) const uint HEAD = 40; // channels
layout (constant_id = 3) const uint PARTS = 5;
layout (constant_id = 4) const uint KEYS = 16; // of a part

layout (std430, binding = 0) readonly buffer From { vec4 from[]; };
layout (std430, binding = 0) readonly buffer FromFloats { float from_floats[]; };
layout (std430, binding = 1) writeonly buffer To { vec4 to[]; };
layout (std430, binding = 1) writeonly buffer ToFloats { float to_floats[]; };

const uint DEPTH = PARTS * 8;
const uint BLOCK = PARTS * KEYS;
const uint BLOCK_FLOATS = BLOCK * (2 * DEPTH + 1);

// Of the tensor, in vec4.
uint
token_start (uint token)
{
  return push.start + token / push.width * push.row + token % push.width * push.pixel;
}

void
main ()
{
  uint token = gl_GlobalInvocationID.x, part = gl_WorkGroupID.y, head = gl_WorkGroupID.z;
  bool valid = token < push.tokens;
  uint at = token_start (valid ? token : 0) * 4 + head * HEAD + part * 8;
  float x[8];

  if (KIND == PACK_BIAS || KIND == PACK_NO_BIAS)
    {
      float bias = 0;

      if (KIND == PACK_BIAS)
        bias = from_floats[push.start * 4 + (valid ? token : 0)];
      if (token < push.tiles * BLOCK)
        to_floats[(head * push.tiles + token / BLOCK) * BLOCK_FLOATS + 2 * BLOCK * DEPTH + token % BLOCK] =
            valid ? max (bias * push.scale, -1e30) : -1e30;
      return;
    }
  if (KIND == PACK_RESULT)
    {
      uint state = (((head * push.tiles + token / LANES) * PARTS + part) * ATTENTION_STATE) * LANES + token % LANES;
      float scale = 1.0 / from_floats[state + LANES];

      [[unroll]] for (uint i = 0; i < 8; i++) x[i] = from_floats[state + (2 + i) * LANES] * scale;
      if (!valid)
        return;
      if (HEAD % 8 == 0)
        {
          to[at / 4] = vec4 (x[0], x[1], x[2], x[3]);
          to[at / 4 + 1] = vec4 (x[4], x[5], x[6], x[7]);
        }
      else
        [[unroll]] for (uint i = 0; i < 8; i++)
          if (part * 8 + i < HEAD)
            to_floats[at + i] = x[i];
      if (part == PARTS - 1 && head == gl_NumWorkGroups.z - 1)
        for (uint c = gl_NumWorkGroups.z * HEAD; c % 16 != 0; c++) // surplus channels
          to_floats[token_start (token) * 4 + c] = 0;
      return;
    }

  if (HEAD % 8 == 0)
    {
      vec4 a = from[at / 4], b = from[at / 4 + 1];

      x = float[8] (a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w);
    }
  else
    [[unroll]] for (uint i = 0; i < 8; i++)
      x[i] = part * 8 + i < HEAD ? from_floats[at + min (i, HEAD - 1 - part * 8)] : 0.0;
  [[unroll]] for (uint i = 0; i < 8; i++) x[i] = valid ? x[i] * push.scale : 0.0;

  if (KIND == PACK_PANELS)
    {
      uint channel = part * 8;
      uint key = (channel / LANES * push.tiles + token) * LANES + channel % LANES;

      if (token < push.tiles)
        [[unroll]] for (uint i = 0; i < 8; i++) to_floats[key + i] = x[i];
    }
  else if (KIND == PACK_QUERIES)
    {
      uint tile = ((head * push.tiles + token / LANES) * DEPTH + part * 8) * LANES + token % LANES;

      [[unroll]] for (uint i = 0; i < 8; i++) to_floats[tile + i * LANES] = x[i];
    }
  else if (push.first + token < push.end)
    {
      uint place = push.first + token;
      uint key = (head * push.tiles + place / BLOCK) * BLOCK_FLOATS + push.offset + place % BLOCK * DEPTH + part * 8;

      [[unroll]] for (uint i = 0; i < 8; i++) to_floats[key + i] = x[i];
    }
}
