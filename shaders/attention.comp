// SPDX-License-Identifier: GPL-3.0-or-later
// softmax (q kᵀ / √d + key bias) v for one head and a tile of queries, in one pass over tiles of keys
// with a running maximum (Dao et al., "FlashAttention", 2022; Milakov and Gimelshein, 2018).
//
// Invocations form a grid: 8 columns by THREAD_ROWS rows. For the scores a column takes keys column,
// column + 8, …; for the sum over values it takes quads of the head. K and V pass through shared
// memory in chunks of at most 16 quads of the head, so that the head may have any size.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "abi/attention.h"
#include "common/tensor.glsl"

#ifdef F16
#define QUAD uvec2
#else
#define QUAD vec4
#endif

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint ROWS = 4; // queries of an invocation
layout (constant_id = 2) const uint HEAD = 40; // channels of a head

const uint THREAD_ROWS = gl_WorkGroupSize.x / ATTENTION_THREAD_COLUMNS;
const uint QUERIES = ROWS * THREAD_ROWS;
const uint QUADS = (HEAD + 3) / 4;
const uint CHUNK = QUADS < ATTENTION_MAX_CHUNK ? QUADS : ATTENTION_MAX_CHUNK;
const uint CHUNKS = (QUADS + CHUNK - 1) / CHUNK;
const uint CHUNK_QUADS = (CHUNK + ATTENTION_THREAD_COLUMNS - 1) / ATTENTION_THREAD_COLUMNS; // of an invocation
// Odd pitches spread rows over the banks.
const uint Q_PITCH = QUADS | 1;
const uint KV_PITCH = CHUNK_QUADS * ATTENTION_THREAD_COLUMNS + 1;
const uint P_PITCH = ATTENTION_THREAD_COLUMNS + 1;

const float LOG2_E = 1.44269504;
const float LOWEST = -3.402823e38;

layout (std430, binding = 0) readonly buffer Q { QUAD q[]; };
layout (std430, binding = 1) readonly buffer K { QUAD k[]; };
layout (std430, binding = 2) readonly buffer V { QUAD v[]; };
layout (std430, binding = 3) readonly buffer KeyBias { float key_bias[]; };
layout (std430, binding = 4) writeonly buffer Y { QUAD y[]; };

shared vec4 q_tile[QUERIES * Q_PITCH];
shared vec4 kv_tile[ATTENTION_KEYS * KV_PITCH];
shared vec4 p_tile[QUERIES * P_PITCH]; // of key column, + 8, + 16, + 24
shared float row_values[QUERIES * P_PITCH];

// Quads dq of this head in the pixel at `start`.
#define HEAD_QUAD(buffer, start, dq) \
  (HEAD % 4 == 0 ? values (buffer[(start) + gl_WorkGroupID.y * (HEAD / 4) + (dq)]) \
                 : GATHER (buffer, start, gl_WorkGroupID.y * HEAD + 4 * (dq), \
                           (gl_WorkGroupID.y + 1) * HEAD))

uint
token (PdStrides place, uint index, uint width)
{
  uint row = index / width;

  return at (place, gl_WorkGroupID.z, row, index - row * width);
}

// Two channels of y, or one where they have 32 bits.
#ifdef F16
const uint WORD_CHANNELS = 2;
#else
const uint WORD_CHANNELS = 1;
#endif

void
put_word (uint start, uint channel, vec2 value)
{
#ifdef F16
  y[start + (channel >> 2)][(channel >> 1) & 1] = halves (vec4 (value, 0.0, 0.0)).x;
#else
  y[start + (channel >> 2)][channel & 3] = value.x;
#endif
}

void
main ()
{
  uint local = gl_LocalInvocationID.x;
  uint column = local % ATTENTION_THREAD_COLUMNS;
  uint row = local / ATTENTION_THREAD_COLUMNS;
  uint first = gl_WorkGroupID.x * QUERIES;
  uint visible = push.keys;
  vec4 sum[ROWS * CHUNKS * CHUNK_QUADS];
  float highest[ROWS], weight[ROWS];

  if ((push.flags & ATTENTION_CAUSAL) != 0)
    visible = min (visible, push.first_query + first + QUERIES);

  for (uint i = local; i < QUERIES * QUADS; i += gl_WorkGroupSize.x)
    {
      uint query = i / QUADS, quad = i % QUADS;
      vec4 value = vec4 (0.0);

      if (first + query < push.queries)
        value = HEAD_QUAD (q, token (push.q, first + query, push.q_width), quad) * push.scale;
      q_tile[query * Q_PITCH + quad] = value;
    }
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    {
      highest[i] = LOWEST;
      weight[i] = 0.0;
    }
  [[unroll]] for (uint i = 0; i < ROWS * CHUNKS * CHUNK_QUADS; i++)
    sum[i] = vec4 (0.0);

  for (uint key = 0; key < visible; key += ATTENTION_KEYS)
    {
      vec4 score[ROWS];

      [[unroll]] for (uint i = 0; i < ROWS; i++)
        score[i] = vec4 (0.0);
      [[unroll]] for (uint chunk = 0; chunk < CHUNKS; chunk++)
        {
          uint count = min (CHUNK, QUADS - chunk * CHUNK);

          barrier ();
          for (uint i = local; i < ATTENTION_KEYS * count; i += gl_WorkGroupSize.x)
            {
              uint n = i / count, quad = i - n * count;
              vec4 value = vec4 (0.0);

              if (key + n < push.keys)
                value = HEAD_QUAD (k, token (push.k, key + n, push.k_width), chunk * CHUNK + quad);
              kv_tile[n * KV_PITCH + quad] = value;
            }
          barrier ();
          for (uint quad = 0; quad < count; quad++)
            {
              vec4 right[4];

              [[unroll]] for (uint j = 0; j < 4; j++)
                right[j] = kv_tile[(column + j * ATTENTION_THREAD_COLUMNS) * KV_PITCH + quad];
              [[unroll]] for (uint i = 0; i < ROWS; i++)
                {
                  vec4 left = q_tile[(row + i * THREAD_ROWS) * Q_PITCH + chunk * CHUNK + quad];

                  score[i] += vec4 (dot (left, right[0]), dot (left, right[1]),
                                    dot (left, right[2]), dot (left, right[3]));
                }
            }
        }

      [[unroll]] for (uint j = 0; j < 4; j++)
        {
          uint n = key + column + j * ATTENTION_THREAD_COLUMNS;
          float bias = 0.0;

          if ((push.flags & ATTENTION_KEY_BIAS) != 0 && n < push.keys)
            bias = LOG2_E * key_bias[push.key_bias_start +
                                     gl_WorkGroupID.z * push.key_bias_pitch + n];
          [[unroll]] for (uint i = 0; i < ROWS; i++)
            {
              uint query = push.first_query + first + row + i * THREAD_ROWS;
              bool seen = n < push.keys && ((push.flags & ATTENTION_CAUSAL) == 0 || n <= query);

              score[i][j] = seen ? score[i][j] + bias : uintBitsToFloat (0xff800000u);
            }
        }
      [[unroll]] for (uint i = 0; i < ROWS; i++)
        row_values[(row + i * THREAD_ROWS) * P_PITCH + column] =
            max (max (score[i].x, score[i].y), max (score[i].z, score[i].w));
      barrier ();
      [[unroll]] for (uint i = 0; i < ROWS; i++)
        {
          uint at_row = (row + i * THREAD_ROWS) * P_PITCH;
          float before = highest[i];

          for (uint c = 0; c < ATTENTION_THREAD_COLUMNS; c++)
            highest[i] = max (highest[i], row_values[at_row + c]);

          vec4 p = exp2 (score[i] - highest[i]);
          float fade = exp2 (before - highest[i]);

          p_tile[at_row + column] = p;
          weight[i] = weight[i] * fade + ((p.x + p.y) + (p.z + p.w));
          [[unroll]] for (uint o = 0; o < CHUNKS * CHUNK_QUADS; o++)
            sum[i * CHUNKS * CHUNK_QUADS + o] *= fade;
        }

      [[unroll]] for (uint chunk = 0; chunk < CHUNKS; chunk++)
        {
          uint count = min (CHUNK, QUADS - chunk * CHUNK);

          barrier ();
          for (uint i = local; i < ATTENTION_KEYS * count; i += gl_WorkGroupSize.x)
            {
              uint n = i / count, quad = i - n * count;
              vec4 value = vec4 (0.0);

              if (key + n < push.keys)
                value = HEAD_QUAD (v, token (push.v, key + n, push.k_width), chunk * CHUNK + quad);
              kv_tile[n * KV_PITCH + quad] = value;
            }
          barrier ();
          for (uint n = 0; n < ATTENTION_THREAD_COLUMNS; n++)
            {
              vec4 p[ROWS];

              [[unroll]] for (uint i = 0; i < ROWS; i++)
                p[i] = p_tile[(row + i * THREAD_ROWS) * P_PITCH + n];
              [[unroll]] for (uint j = 0; j < 4; j++)
                [[unroll]] for (uint o = 0; o < CHUNK_QUADS; o++)
                  {
                    vec4 right = kv_tile[(n + j * ATTENTION_THREAD_COLUMNS) * KV_PITCH + column +
                                         o * ATTENTION_THREAD_COLUMNS];

                    [[unroll]] for (uint i = 0; i < ROWS; i++)
                      {
                        uint to = (i * CHUNKS + chunk) * CHUNK_QUADS + o;

                        sum[to] = fma (vec4 (p[i][j]), right, sum[to]);
                      }
                  }
            }
        }
    }

  barrier ();
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    row_values[(row + i * THREAD_ROWS) * P_PITCH + column] = weight[i];
  barrier ();
  [[unroll]] for (uint i = 0; i < ROWS; i++)
    {
      uint query = first + row + i * THREAD_ROWS;
      uint start = token (push.y, query, push.q_width);
      float total = 0.0;

      if (query >= push.queries)
        break;
      for (uint c = 0; c < ATTENTION_THREAD_COLUMNS; c++)
        total += row_values[(row + i * THREAD_ROWS) * P_PITCH + c];
      // A query that every key is hidden from gets zeros.
      float part = total == 0.0 ? 0.0 : 1.0 / total;

      [[unroll]] for (uint chunk = 0; chunk < CHUNKS; chunk++)
        [[unroll]] for (uint o = 0; o < CHUNK_QUADS; o++)
          {
            uint in_chunk = column + o * ATTENTION_THREAD_COLUMNS;
            uint quad = chunk * CHUNK + in_chunk;
            vec4 value = sum[(i * CHUNKS + chunk) * CHUNK_QUADS + o] * part;

            if (in_chunk >= CHUNK || quad >= QUADS)
              continue;
            if (HEAD % 4 == 0)
              put (y[start + gl_WorkGroupID.y * (HEAD / 4) + quad], value);
            else
              for (uint c = 0; c < 4 && quad * 4 + c < HEAD; c += WORD_CHANNELS)
                put_word (start, gl_WorkGroupID.y * HEAD + quad * 4 + c,
                          vec2 (value[c], value[c + WORD_CHANNELS - 1]));
          }
      if (gl_WorkGroupID.y == gl_NumWorkGroups.y - 1)
        for (uint c = push.channels + column * WORD_CHANNELS; c < push.y_quads * 4;
             c += ATTENTION_THREAD_COLUMNS * WORD_CHANNELS)
          put_word (start, c, vec2 (0.0));
    }
}
