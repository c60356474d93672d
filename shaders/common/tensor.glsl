// SPDX-License-Identifier: GPL-3.0-or-later
// Tensors as shaders see them (engine/nn/tensor.h): arrays of quads, four channels each, a vec4 or,
// for 16-bit floats, a uvec2 of two halves per word, so that no device needs 16-bit storage.
#include "abi/strides.h"

uint
at (PdStrides strides, uint image, uint y, uint x)
{
  return strides.start + image * strides.image + y * strides.row + x * strides.pixel;
}

vec4
values (vec4 quad)
{
  return quad;
}

vec4
values (uvec2 quad)
{
  return vec4 (unpackHalf2x16 (quad.x), unpackHalf2x16 (quad.y));
}

// The nearest half, ties to even; infinity from 65520 on. packHalf2x16 may round either way, and
// drivers do; some make NaN of infinity. As pd_half_from_float() of engine/base/half.h.
uvec4
half_bits (vec4 value)
{
  uvec4 bits = floatBitsToUint (value);
  uvec4 magnitude = bits & 0x7fffffffu;
  uvec4 normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  // Adding 0.5 leaves the rounded magnitude in the low bits.
  uvec4 subnormal = floatBitsToUint (abs (value) + 0.5) - 0x3f000000u;
  uvec4 special = mix (uvec4 (0x7c00u), uvec4 (0x7e00u),
                       greaterThan (magnitude, uvec4 (0x7f800000u)));

  normal = mix (normal, subnormal, lessThan (magnitude, uvec4 (0x38800000u)));
  normal = mix (normal, special, greaterThanEqual (magnitude, uvec4 (0x477ff000u)));
  return normal | ((bits >> 16) & 0x8000u);
}

uvec2
halves (vec4 value)
{
  uvec4 bits = half_bits (value);

  return uvec2 (bits.x | (bits.y << 16), bits.z | (bits.w << 16));
}

void
put (out vec4 quad, vec4 value)
{
  quad = value;
}

void
put (out uvec2 quad, vec4 value)
{
  quad = halves (value);
}

// Channels first … first + 3 of the pixel at quad `start` of a buffer, `first` being any number;
// channels from `count` on are zero.
#define GATHER_ONE(buffer, start, channel, count) \
  ((channel) < (count) ? values (buffer[(start) + ((channel) >> 2)])[(channel) & 3] : 0.0)
#define GATHER(buffer, start, first, count) \
  vec4 (GATHER_ONE (buffer, start, first, count), GATHER_ONE (buffer, start, (first) + 1, count), \
        GATHER_ONE (buffer, start, (first) + 2, count), \
        GATHER_ONE (buffer, start, (first) + 3, count))
