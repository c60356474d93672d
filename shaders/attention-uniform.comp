// SPDX-License-Identifier: GPL-3.0-or-later
// Attention for lavapipe, flash style: lanes are W queries of a head, all arithmetic is vertical. A
// workgroup takes a block of PARTS · KEYS keys. First each local z multiplies the queries with its
// KEYS keys and leaves exp2 (score - maximum) in shared memory; then each local z sums the values of
// all keys for its 8 channels of the head. The state (maximum, sum of weights, sums of values) goes
// from block to block, dispatch to dispatch. See uniform.glsl for the style and
// attention-uniform-pack.comp for the layouts.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "abi/attention-uniform.h"
#include "abi/uniform.h"
#include "uniform.glsl"

layout (local_size_x = W, local_size_y = 1, local_size_z_id = 0) in;
layout (constant_id = 0) const uint PARTS = 5; // 8 channels each, of the padded head
layout (constant_id = 1) const uint KEYS = 16; // of a part
layout (constant_id = 2) const uint CAUSAL = 0;

layout (std430, binding = 0) writeonly buffer State { u64vec4 state[]; };

const uint DEPTH = PARTS * 8;
const uint BLOCK = PARTS * KEYS;
const float NOTHING = -1e30;
// Behind a first part that stays empty: see SHARED_START of matmul-uniform.comp.
shared float weights[(PARTS + 1) * KEYS * W], maxima[(PARTS + 1) * W], totals[(PARTS + 1) * W];
// Never read: that the sums are stored here keeps their arithmetic next to the loads.
shared float pinned[8 * W];

// See matmul-uniform.comp.
#define DIGIT(x, copy) (push.table[(x) + (copy) * zero] & 31u)
#define TILE(copy) (DIGIT (gl_WorkGroupID.x, copy) + DIGIT (gl_WorkGroupID.y, copy) * UNIFORM_DIGITS)
#define HEAD(copy) DIGIT (gl_WorkGroupID.z, copy)
#define PART(copy) DIGIT (gl_LocalInvocationID.z, copy)
#define STATE_PLACE(copy) (((HEAD (copy) * tiles + TILE (copy)) * PARTS + PART (copy)) * ATTENTION_STATE)

void
main ()
{
  uint64_t q = push.q, keys = push.keys, old = push.old_state;
  uint keys_head = push.keys_head, tiles = push.tiles, state_start = push.state_start;
  uint zero = tiles >> 31;
  bool first = push.first != 0;
  int causal = push.causal;
  float s[KEYS], sum[8], part[8], t;

  q += (HEAD (0) * tiles + TILE (0)) * (DEPTH * W * 4);
  uint64_t k = keys + (HEAD (1) * keys_head + PART (1) * (KEYS * DEPTH * 4));
  uint64_t bias = keys + (HEAD (2) * keys_head + PART (2) * (KEYS * 4));
  uint at = PART (3) * (KEYS * W), at_maximum = PART (4) * W;

  [[unroll]] for (uint i = 0; i < KEYS; i++)
    s[i] = Float (bias + uint64_t ((2 * BLOCK * DEPTH + i) * 4)).v;
  [[unroll]] for (uint d = 0; d < DEPTH; d++)
    {
      t = load_w (q + uint64_t (d * W * 4));
      [[unroll]] for (uint i = 0; i < KEYS; i++)
        s[i] += t * Float (k + uint64_t ((i * DEPTH + d) * 4)).v;
    }
  if (CAUSAL != 0)
    {
      int last = causal + int (TILE (5) * W + LANE) - int (PART (5) * KEYS);

      [[unroll]] for (uint i = 0; i < KEYS; i++) s[i] = mix (s[i], NOTHING, int (i) > last);
    }
  float maximum = s[0], total = 0;
  [[unroll]] for (uint i = 1; i < KEYS; i++) maximum = max (maximum, s[i]);
  [[unroll]] for (uint i = 0; i < KEYS; i++)
    {
      s[i] = exp2 (s[i] - maximum);
      total += s[i];
      STORE_SHARED (weights, at + (KEYS * W + i * W), s[i])
    }
  STORE_SHARED (maxima, at_maximum + W, maximum)
  STORE_SHARED (totals, at_maximum + W, total)
  barrier ();

  uint64_t v = keys + (HEAD (6) * keys_head + PART (6) * 32);
  old += STATE_PLACE (7) * (W * 4);

  // mix, because the conditional operator on loads becomes a branch.
  float old_maximum = mix (load_w (old), NOTHING, first);
  maximum = old_maximum;
  [[unroll]] for (uint p = 0; p < PARTS; p++)
    {
      LOAD_SHARED (t, maxima, W + p * W)
      maximum = max (maximum, t);
    }
  float factor = exp2 (old_maximum - maximum);
  total = mix (load_w (old + W * 4) * factor, 0.0, first);
  [[unroll]] for (uint i = 0; i < 8; i++)
    sum[i] = mix (load_w (old + uint64_t ((2 + i) * W * 4)) * factor, 0.0, first);
  [[unroll]] for (uint p = 0; p < PARTS; p++)
    {
      LOAD_SHARED (t, maxima, W + p * W)
      factor = exp2 (t - maximum);
      LOAD_SHARED (t, totals, W + p * W)
      total += factor * t;
      [[unroll]] for (uint i = 0; i < 8; i++) part[i] = 0;
      // From 0: a loop whose start depends on an outer one is not unrolled.
      [[unroll]] for (uint j = 0; j < KEYS; j++)
        {
          LOAD_SHARED (t, weights, KEYS * W + (p * KEYS + j) * W)
          [[unroll]] for (uint i = 0; i < 8; i++)
            part[i] += t * Float (v + uint64_t ((BLOCK * DEPTH + (p * KEYS + j) * DEPTH + i) * 4)).v;
        }
      [[unroll]] for (uint i = 0; i < 8; i++) sum[i] += factor * part[i];
    }
  [[unroll]] for (uint i = 0; i < 8; i++) STORE_SHARED (pinned, i * W, sum[i])

  uint to = (STATE_PLACE (8) * (W / 8) + state_start) & 0x3ffffffu;

  [[unroll]] for (uint e = 0; e < W / 8; e++)
    {
      state[to + e] = pack_8 (maximum, 8 * e);
      state[to + W / 8 + e] = pack_8 (total, 8 * e);
      [[unroll]] for (uint i = 0; i < 8; i++) state[to + (2 + i) * (W / 8) + e] = pack_8 (sum[i], 8 * e);
    }
}
