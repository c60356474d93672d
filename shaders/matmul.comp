// SPDX-License-Identifier: GPL-3.0-or-later
// Products for GPUs: y (m, o) = activation (Σ_k a (m, k) · b (o, k) + bias + image bias) + residual,
// where m runs over the pixels of a slice and k over (tap, channel): a linear layer with one tap, a
// 3 × 3 convolution over an input with border with nine, a phase of one of a doubled picture with four, whose address is the pixel's plus the tap's.
// A workgroup makes a tile of ROWS × COLUMNS sums from tiles of A and B in shared memory, DEPTH deep;
// DEPTH divides the channels, so that a tile of A lies in one tap. The next tiles are on their way
// from memory while these are multiplied.
//
// F16, B_F16: storage of a, residual, y / of b. COOPERATIVE (with both): 16 × 16 × 16 products of
// halves by the subgroup, sums in 32 bits.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifdef COOPERATIVE
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_cooperative_matrix : require
#endif
#include "abi/matmul.h"
#include "common/tensor.glsl"
#include "common/activation.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif
#ifdef B_F16
#define B_QUAD uvec4 // two k of four columns, k and k + 1 in one word
const uint B_DEPTH = 2;
#else
#define B_QUAD vec4
const uint B_DEPTH = 1;
#endif

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint ROWS = 64;
layout (constant_id = 2) const uint COLUMNS = 64;
layout (constant_id = 3) const uint DEPTH = 16;
layout (constant_id = 4) const uint SUM_ROWS = 8;    // of an invocation; of a subgroup if cooperative
layout (constant_id = 5) const uint SUM_COLUMNS = 4; // of an invocation; of a subgroup if cooperative
layout (constant_id = 6) const uint PANEL = 16;

layout (std430, binding = 0) readonly buffer A { QUAD a[]; };
layout (std430, binding = 1) readonly buffer B { B_QUAD b[]; };
layout (std430, binding = 2) readonly buffer Bias { vec4 bias[]; };
layout (std430, binding = 3) readonly buffer ImageBias { QUAD image_bias[]; };
layout (std430, binding = 4) readonly buffer Residual { QUAD residual[]; };
layout (std430, binding = 5) writeonly buffer Y { QUAD y[]; };

const uint THREADS = gl_WorkGroupSize.x;
const uint A_QUADS = ROWS * DEPTH / 4;
const uint A_LOADS = (A_QUADS + THREADS - 1) / THREADS;
const uint B_QUADS = DEPTH / B_DEPTH * COLUMNS / 4;
const uint B_LOADS = (B_QUADS + THREADS - 1) / THREADS;

uvec3
image_row_column (uint pixel)
{
  uint line = pixel / push.width;
  uint image = line / push.rows;

  return uvec3 (image, line - image * push.rows, pixel - line * push.width);
}

void
finish (uint pixel, uint quad, vec4 sum)
{
  if (pixel >= push.pixels || quad >= push.y_quads)
    return;

  uvec3 p = image_row_column (pixel);

  if ((push.flags & MATMUL_BIAS) != 0)
    sum += bias[push.bias_start + quad];
  if ((push.flags & MATMUL_IMAGE_BIAS) != 0)
    sum += values (image_bias[push.image_bias_start + p.x * push.image_bias_pitch + quad]);
  if ((push.flags & MATMUL_AFFINE) != 0)
    sum = sum * bias[push.bias_start + quad] + bias[push.image_bias_start + push.bias_start + quad];
  sum = activate (push.activation, sum);
  if ((push.flags & MATMUL_RESIDUAL) != 0)
    sum += values (residual[at (push.residual, p.x, p.y, p.z) + quad]);
  put (y[at (push.y, p.x, p.y, p.z) + quad], sum);
}

// Tile elements of this invocation on their way from memory.
QUAD a_next[A_LOADS];
B_QUAD b_next[B_LOADS];
uint a_from[A_LOADS];

void
begin_a ()
{
  [[unroll]] for (uint i = 0; i < A_LOADS; i++)
    {
      uint index = gl_LocalInvocationID.x + i * THREADS;
      uint pixel = gl_WorkGroupID.y * ROWS + index / (DEPTH / 4);
      uvec3 p = image_row_column (min (pixel, push.pixels - 1));

      a_from[i] = at (push.a, p.x, p.y, p.z) + index % (DEPTH / 4);
    }
}

// k: of the first row of the tile; tap_start: quads from the pixel to the tap and its channel.
void
load (uint k, uint tap_start)
{
  uint depth = push.channels * push.taps / B_DEPTH;

  [[unroll]] for (uint i = 0; i < A_LOADS; i++)
    if (A_QUADS % THREADS == 0 || gl_LocalInvocationID.x + i * THREADS < A_QUADS)
      a_next[i] = a[a_from[i] + tap_start];
  [[unroll]] for (uint i = 0; i < B_LOADS; i++)
    {
      uint index = gl_LocalInvocationID.x + i * THREADS;
      uint row = index / (COLUMNS / 4);
      uint column = gl_WorkGroupID.x * COLUMNS + index % (COLUMNS / 4) * 4;

      b_next[i] = B_QUAD (0);
      if (column < push.b_columns && (B_QUADS % THREADS == 0 || index < B_QUADS))
        b_next[i] = b[push.b_start + (column / PANEL * depth + k / B_DEPTH + row) * (PANEL / 4) +
                      column % PANEL / 4];
    }
}

#ifdef COOPERATIVE

// Two halves per word, k and k + 1: A by pixels, B by columns. The pad spreads rows over the banks
// and keeps them at multiples of 16 bytes.
const uint PITCH = DEPTH / 2 + 4;
const uint BLOCK_ROWS = SUM_ROWS / 16;
const uint BLOCK_COLUMNS = SUM_COLUMNS / 16;

shared uint a_tile[ROWS * PITCH];
shared uint b_tile[COLUMNS * PITCH];
shared vec4 sums[ROWS * COLUMNS / 4];

void
store ()
{
  [[unroll]] for (uint i = 0; i < A_LOADS; i++)
    {
      uint index = gl_LocalInvocationID.x + i * THREADS;
      uint to = index / (DEPTH / 4) * PITCH + index % (DEPTH / 4) * 2;

      if (A_QUADS % THREADS == 0 || index < A_QUADS)
        {
          a_tile[to] = a_next[i].x;
          a_tile[to + 1] = a_next[i].y;
        }
    }
  [[unroll]] for (uint i = 0; i < B_LOADS; i++)
    {
      uint index = gl_LocalInvocationID.x + i * THREADS;
      uint to = index % (COLUMNS / 4) * 4 * PITCH + index / (COLUMNS / 4);

      if (B_QUADS % THREADS == 0 || index < B_QUADS)
        [[unroll]] for (uint c = 0; c < 4; c++)
          b_tile[to + c * PITCH] = b_next[i][c];
    }
}

coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator> sum[BLOCK_ROWS * BLOCK_COLUMNS];

void
begin_sums ()
{
  [[unroll]] for (uint i = 0; i < BLOCK_ROWS * BLOCK_COLUMNS; i++)
    sum[i] = coopmat<float, gl_ScopeSubgroup, 16, 16, gl_MatrixUseAccumulator> (0.0);
}

void
multiply ()
{
  uint row = gl_SubgroupID / (COLUMNS / SUM_COLUMNS) * SUM_ROWS;
  uint column = gl_SubgroupID % (COLUMNS / SUM_COLUMNS) * SUM_COLUMNS;

  [[unroll]] for (uint k = 0; k < DEPTH; k += 16)
    {
      coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseB> right[BLOCK_COLUMNS];

      [[unroll]] for (uint j = 0; j < BLOCK_COLUMNS; j++)
        coopMatLoad (right[j], b_tile, (column + j * 16) * PITCH + k / 2, PITCH,
                     gl_CooperativeMatrixLayoutColumnMajor);
      [[unroll]] for (uint i = 0; i < BLOCK_ROWS; i++)
        {
          coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA> left;

          coopMatLoad (left, a_tile, (row + i * 16) * PITCH + k / 2, PITCH,
                       gl_CooperativeMatrixLayoutRowMajor);
          [[unroll]] for (uint j = 0; j < BLOCK_COLUMNS; j++)
            sum[i * BLOCK_COLUMNS + j] =
                coopMatMulAdd (left, right[j], sum[i * BLOCK_COLUMNS + j]);
        }
    }
}

void
finish_all ()
{
  uint row = gl_SubgroupID / (COLUMNS / SUM_COLUMNS) * SUM_ROWS;
  uint column = gl_SubgroupID % (COLUMNS / SUM_COLUMNS) * SUM_COLUMNS;

  [[unroll]] for (uint i = 0; i < BLOCK_ROWS; i++)
    [[unroll]] for (uint j = 0; j < BLOCK_COLUMNS; j++)
      coopMatStore (sum[i * BLOCK_COLUMNS + j], sums,
                    ((row + i * 16) * COLUMNS + column + j * 16) / 4, COLUMNS / 4,
                    gl_CooperativeMatrixLayoutRowMajor);
  barrier ();
  for (uint i = gl_LocalInvocationID.x; i < ROWS * COLUMNS / 4; i += THREADS)
    finish (gl_WorkGroupID.y * ROWS + i / (COLUMNS / 4),
            gl_WorkGroupID.x * (COLUMNS / 4) + i % (COLUMNS / 4), sums[i]);
}

#else

// A by pixels, B by k, in quads. The pad spreads the rows of A over the banks.
const uint PITCH = DEPTH / 4 + 1;
const uint THREAD_COLUMNS = COLUMNS / SUM_COLUMNS;
const uint THREAD_ROWS = ROWS / SUM_ROWS;
const uint SUM_QUADS = SUM_COLUMNS / 4;

shared vec4 a_tile[ROWS * PITCH];
shared vec4 b_tile[DEPTH * COLUMNS / 4];

void
store ()
{
  [[unroll]] for (uint i = 0; i < A_LOADS; i++)
    {
      uint index = gl_LocalInvocationID.x + i * THREADS;

      if (A_QUADS % THREADS == 0 || index < A_QUADS)
        a_tile[index / (DEPTH / 4) * PITCH + index % (DEPTH / 4)] = values (a_next[i]);
    }
  [[unroll]] for (uint i = 0; i < B_LOADS; i++)
    {
      uint index = gl_LocalInvocationID.x + i * THREADS;

      if (B_QUADS % THREADS == 0 || index < B_QUADS)
        {
#ifdef B_F16
          uint to = index / (COLUMNS / 4) * (COLUMNS / 2) + index % (COLUMNS / 4);
          vec4 low = values (b_next[i].xy), high = values (b_next[i].zw);

          b_tile[to] = vec4 (low.xz, high.xz);
          b_tile[to + COLUMNS / 4] = vec4 (low.yw, high.yw);
#else
          b_tile[index] = b_next[i];
#endif
        }
    }
}

vec4 sum[SUM_ROWS * SUM_QUADS];

void
begin_sums ()
{
  [[unroll]] for (uint i = 0; i < SUM_ROWS * SUM_QUADS; i++)
    sum[i] = vec4 (0.0);
}

void
multiply ()
{
  uint row = gl_LocalInvocationID.x / THREAD_COLUMNS;
  uint quad = gl_LocalInvocationID.x % THREAD_COLUMNS;

  for (uint k = 0; k < DEPTH; k += 4)
    {
      vec4 left[SUM_ROWS];

      [[unroll]] for (uint i = 0; i < SUM_ROWS; i++)
        left[i] = a_tile[(row + i * THREAD_ROWS) * PITCH + k / 4];
      [[unroll]] for (uint e = 0; e < 4; e++)
        [[unroll]] for (uint j = 0; j < SUM_QUADS; j++)
          {
            vec4 right = b_tile[(k + e) * (COLUMNS / 4) + quad + j * THREAD_COLUMNS];

            [[unroll]] for (uint i = 0; i < SUM_ROWS; i++)
              sum[i * SUM_QUADS + j] = fma (vec4 (left[i][e]), right, sum[i * SUM_QUADS + j]);
          }
    }
}

void
finish_all ()
{
  uint row = gl_LocalInvocationID.x / THREAD_COLUMNS;
  uint quad = gl_LocalInvocationID.x % THREAD_COLUMNS;

  [[unroll]] for (uint i = 0; i < SUM_ROWS; i++)
    [[unroll]] for (uint j = 0; j < SUM_QUADS; j++)
      finish (gl_WorkGroupID.y * ROWS + row + i * THREAD_ROWS,
              gl_WorkGroupID.x * (COLUMNS / 4) + quad + j * THREAD_COLUMNS,
              sum[i * SUM_QUADS + j]);
}

#endif

void
main ()
{
  uint depth = push.channels * push.taps;
  uint tap_columns = push.taps == 4 ? 2 : 3;
  uint channel = 0, column = 0, tap_start = 0;

  begin_a ();
  begin_sums ();
  load (0, 0);
  for (uint k = 0; k < depth; k += DEPTH)
    {
      barrier ();
      store ();
      barrier ();
      channel += DEPTH;
      if (channel == push.channels)
        {
          channel = 0;
          column++;
          tap_start += push.tap_pixel;
          if (column == tap_columns)
            {
              column = 0;
              tap_start += push.tap_row - tap_columns * push.tap_pixel;
            }
        }
      if (k + DEPTH < depth)
        load (k + DEPTH, tap_start + channel / 4);
      multiply ();
    }
  finish_all ();
}
