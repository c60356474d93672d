// SPDX-License-Identifier: GPL-3.0-or-later
// The style of the kernels for lavapipe. It turns a shader into good machine code when
//  - the code is straight: under any surviving branch or loop, loads go lane by lane;
//  - every address is known to be uniform: an expression of constants and push constants. An element
//    of a push constant array counts, whatever its index: DIGITS makes ids uniform;
//  - the loads of a sum follow all reads of push constants (each is a bounds check, a branch) and
//    precede all checked stores.
// Loads through an address are not checked and fold into the arithmetic; W scalars selected by lane
// bits become one vector load. Measured with Mesa 22.3 and LLVM 15.
#ifdef W16
const uint W = 16; // lanes of a subgroup
#else
const uint W = 8;
#endif

#define LANE gl_SubgroupInvocationID
layout (buffer_reference, std430, buffer_reference_align = 4) readonly buffer Float { float v; };
layout (buffer_reference, std430, buffer_reference_align = 16) readonly buffer Floats { vec4 v; };
layout (buffer_reference, std430, buffer_reference_align = 16) readonly buffer Words { uvec4 v; };

float
pick (vec4 x)
{
  vec2 y = mix (x.xy, x.zw, bvec2 ((LANE & 2u) != 0));

  return (LANE & 1u) != 0 ? y.y : y.x;
}

uint
pick (uvec4 x)
{
  uvec2 y = mix (x.xy, x.zw, bvec2 ((LANE & 2u) != 0));

  return (LANE & 1u) != 0 ? y.y : y.x;
}

bvec4
half_lanes ()
{
  return bvec4 ((LANE & 4u) != 0);
}

#ifdef W16
bvec4
upper_lanes ()
{
  return bvec4 ((LANE & 8u) != 0);
}
#endif

// 8 consecutive floats, one per lane (twice with 16 lanes).
float
load_8 (uint64_t at)
{
  return pick (mix (Floats (at).v, Floats (at + 16).v, half_lanes ()));
}

// W consecutive floats, words.
float
load_w (uint64_t at)
{
#ifdef W16
  return pick (mix (mix (Floats (at).v, Floats (at + 32).v, upper_lanes ()),
                    mix (Floats (at + 16).v, Floats (at + 48).v, upper_lanes ()), half_lanes ()));
#else
  return load_8 (at);
#endif
}

uint
load_words (uint64_t at)
{
#ifdef W16
  return pick (mix (mix (Words (at).v, Words (at + 32).v, upper_lanes ()),
                    mix (Words (at + 16).v, Words (at + 48).v, upper_lanes ()), half_lanes ()));
#else
  return pick (mix (Words (at).v, Words (at + 16).v, half_lanes ()));
#endif
}

// The same from W or 8 loaded scalars (of a shared array), and a lane vector to a shared array. One
// vector access each if the compiler sees that the addresses do not wrap around: see SHARED_START.
#ifdef W16
float
join_w (float x[W])
{
  return pick (mix (mix (vec4 (x[0], x[1], x[2], x[3]), vec4 (x[8], x[9], x[10], x[11]), upper_lanes ()),
                    mix (vec4 (x[4], x[5], x[6], x[7]), vec4 (x[12], x[13], x[14], x[15]), upper_lanes ()),
                    half_lanes ()));
}
#endif

float
join_8 (float x[8])
{
  return pick (mix (vec4 (x[0], x[1], x[2], x[3]), vec4 (x[4], x[5], x[6], x[7]), half_lanes ()));
}

#ifndef W16
#define join_w join_8
#endif
#define LOAD_SHARED(value, array, at) \
  { \
    float x_[W]; \
    [[unroll]] for (int l_ = 0; l_ < W; l_++) x_[l_] = array[(at) + l_]; \
    value = join_w (x_); \
  }
#define LOAD_SHARED_8(value, array, at) \
  { \
    float x_[8]; \
    [[unroll]] for (int l_ = 0; l_ < 8; l_++) x_[l_] = array[(at) + l_]; \
    value = join_8 (x_); \
  }
#define STORE_SHARED(array, at, value) \
  { \
    [[unroll]] for (int l_ = 0; l_ < W; l_++) array[(at) + l_] = subgroupShuffle (value, l_); \
  }

// Lanes first … first + 7 (constant) as what a checked store writes with least code.
u64vec4
pack_8 (float value, uint first)
{
  u64vec4 words;

  [[unroll]] for (uint i = 0; i < 4; i++)
    words[i] = packUint2x32 (floatBitsToUint (vec2 (subgroupShuffle (value, first + 2 * i),
                                                    subgroupShuffle (value, first + 2 * i + 1))));
  return words;
}
