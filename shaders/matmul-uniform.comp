// SPDX-License-Identifier: GPL-3.0-or-later
// Products for lavapipe: y (m, o) = activation (Σ_k a (m, k) · b (o, k) + vectors + added) + added.
// A workgroup makes a tile of TX × TY = 16 pixels by W columns; each local z sums one chunk of K in
// straight code short enough for the instruction cache, then all share the addition and storing of
// the chunks' sums. Further chunks follow in other dispatches, with y as what is added.
//
// A chunk lies contiguously in a: its offset is in the table, so that a 3 × 3 convolution over an
// input with border is a product as any other. Row strides are push constants: one pipeline serves
// all widths. See uniform.glsl for the style.
//
// F16: b holds halves.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#include "abi/matmul-uniform.h"
#include "uniform.glsl"
#include "common/activation.glsl"

layout (local_size_x = W, local_size_y = 1, local_size_z_id = 0) in;
layout (constant_id = 0) const uint CHUNKS = 4;   // of a workgroup
layout (constant_id = 1) const uint DEPTH = 80;   // of a chunk
layout (constant_id = 2) const uint LOG_TX = 4;
layout (constant_id = 3) const uint VECTORS = 0;  // that are added: 0, 1, 2, or VECTORS_AFFINE
layout (constant_id = 4) const uint ADDED = ADDED_NOWHERE;
layout (constant_id = 5) const uint ACTIVATION = 0;
layout (constant_id = 6) const uint EIGHTS = 1;   // units of 8 floats that are added up and stored at once
layout (constant_id = 7) const uint ROWS_FIRST = 0; // workgroup x counts rows of tiles, z columns

layout (std430, binding = 0) writeonly buffer Y { u64vec4 y[]; };

const uint TX = 1u << LOG_TX, TY = MATMUL_TILE / TX;
const uint UNITS = MATMUL_TILE * W / 8 / EIGHTS;
const uint ROW_UNITS = W / 8 / EIGHTS;
// The constant part of every shared address overlaps the bits of the variable part: so LLVM has to
// see an addition, and knows that it does not wrap around.
const uint SHARED_START = MATMUL_TILE * W + W;
shared float sums[CHUNKS * MATMUL_TILE * W + SHARED_START];

// The id x, 0 … 15, as a uniform value. A new @copy is a new look-up: a value that is used in several
// basic blocks would be looked up for all lanes. zero is 0, which only we know.
#define DIGIT(x, copy) (push.table[(x) + (copy) * zero] & 15u)

// Workgroups run in the order x, y, z: few tiles, for which all columns follow while they are cached.
#define TILE_X(copy) DIGIT (ROWS_FIRST != 0 ? gl_WorkGroupID.z : gl_WorkGroupID.x, copy)
#define TILE_Y(copy) DIGIT (ROWS_FIRST != 0 ? gl_WorkGroupID.x : gl_WorkGroupID.z, copy)
#define PANEL(copy) DIGIT (gl_WorkGroupID.y, copy)

// Units from the first tile's first column to those of the unit (row, part) of this workgroup's tile.
#define PLACE(copy, row, part) \
  (TILE_X (copy) * (TX * y_pixel) + TILE_Y (copy) * (TY * y_row) + \
   PANEL (copy) * (W / 8) + ((row) & (TX - 1)) * y_pixel + ((row) >> LOG_TX) * y_row + (part))

float
load_unit (uint64_t at)
{
  return EIGHTS * 8 == W ? load_w (at) : load_8 (at);
}

void
main ()
{
  uint64_t a = push.a, b = push.b;
  uint a_pixel = push.a_pixel, a_row = push.a_row, b_panel = push.b_panel;
  uint y_pixel = push.y_pixel, zero = y_pixel >> 31;
  float sum[MATMUL_TILE];

  a += TILE_X (0) * (TX * a_pixel) + TILE_Y (0) * (TY * a_row) +
       ((push.table[gl_LocalInvocationID.z] & 0xfffffff0u) << 2);
#ifdef F16
  b += PANEL (0) * b_panel + DIGIT (gl_LocalInvocationID.z, 1) * (DEPTH * W * 2);
#else
  b += PANEL (0) * b_panel + DIGIT (gl_LocalInvocationID.z, 1) * (DEPTH * W * 4);
#endif
  uint chunk = DIGIT (gl_LocalInvocationID.z, 2) * (MATMUL_TILE * W);

  [[unroll]] for (uint i = 0; i < MATMUL_TILE; i++) sum[i] = 0;
#ifdef F16
  [[unroll]] for (uint k = 0; k < DEPTH; k += 2)
    {
      vec2 column = unpackHalf2x16 (load_words (b + uint64_t (k * W * 2)));

      [[unroll]] for (uint j = 0; j < 2; j++)
        [[unroll]] for (uint i = 0; i < MATMUL_TILE; i++)
          sum[i] += Float (a + uint64_t ((i & (TX - 1)) * a_pixel + (i >> LOG_TX) * a_row) + (k + j) * 4).v * column[j];
    }
#else
  [[unroll]] for (uint k = 0; k < DEPTH; k++)
    {
      float column = load_w (b + uint64_t (k * W * 4));

      [[unroll]] for (uint i = 0; i < MATMUL_TILE; i++)
        sum[i] += Float (a + uint64_t ((i & (TX - 1)) * a_pixel + (i >> LOG_TX) * a_row) + k * 4).v * column;
    }
#endif
  [[unroll]] for (uint i = 0; i < MATMUL_TILE; i++) STORE_SHARED (sums, chunk + (SHARED_START + i * W), sum[i])
  barrier ();

  const uint ROUNDS = (UNITS + CHUNKS - 1) / CHUNKS;
  uint y_row = push.y_row, y_start = push.y_start;
  uint64_t vector = push.vector, vector_2 = push.vector_2, added = push.added;

  float s = 0, stored, t;

  [[unroll]] for (uint round = 0; round < ROUNDS; round++)
    {
      const uint copy = 3 + round * (EIGHTS + 1);
      const bool uneven = UNITS % CHUNKS != 0 && round == ROUNDS - 1;
      uint unit = DIGIT (gl_LocalInvocationID.z, copy) + round * CHUNKS;

      stored = s;
      s = 0;
      if (uneven)
        unit = min (unit, UNITS - 1);
      uint row = unit / ROW_UNITS, part = unit % ROW_UNITS;
      uint from = row * W + part * 8;

      [[unroll]] for (uint c = 0; c < CHUNKS; c++)
        {
          if (EIGHTS * 8 == W)
            LOAD_SHARED (t, sums, from + (SHARED_START + c * MATMUL_TILE * W))
          else
            LOAD_SHARED_8 (t, sums, from + (SHARED_START + c * MATMUL_TILE * W))
          s += t;
        }
      if (VECTORS == 1 || VECTORS == 2)
        s += load_unit (vector + uint64_t (PANEL (copy) * (W * 4) + part * 32));
      if (VECTORS == 2)
        s += load_unit (vector_2 + uint64_t (PANEL (copy) * (W * 4) + part * 32));
      if (ADDED == ADDED_BEFORE)
        s += load_unit (added + uint64_t (PLACE (copy, row, part)) * 32);
      if (VECTORS == VECTORS_AFFINE)
        s = s * load_unit (vector + uint64_t (PANEL (copy) * (W * 4) + part * 32)) +
            load_unit (vector_2 + uint64_t (PANEL (copy) * (W * 4) + part * 32));
      s = activate (ACTIVATION, vec4 (s)).x;
      if (ADDED == ADDED_AFTER)
        s += load_unit (added + uint64_t (PLACE (copy, row, part)) * 32);

      [[unroll]] for (uint i = 0; i < EIGHTS; i++)
        {
          unit = DIGIT (gl_LocalInvocationID.z, copy + 1 + i) + round * CHUNKS;
          // An invocation without a unit stores its last one again: there are at most 16 of them,
          // which is never more than units, so that each has one.
          if (uneven)
            {
              s = mix (s, stored, unit >= UNITS);
              unit = mix (unit, unit - CHUNKS, unit >= UNITS);
            }
          uint at = (PLACE (copy + 1 + i, unit / ROW_UNITS, unit % ROW_UNITS) + y_start) & 0x3ffffffu;

          y[at + i] = pack_8 (s, 8 * i);
        }
    }
}
