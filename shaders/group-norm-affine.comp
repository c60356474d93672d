// SPDX-License-Identifier: GPL-3.0-or-later
// Group norm by a table, for the epilogue of a product: (sum + product bias - origin - mean) · scale +
// norm bias = sum · factor + shift.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/group-norm-affine.h"

layout (local_size_x_id = 0) in;

layout (std430, binding = 0) readonly buffer Table { vec4 table[]; };
layout (std430, binding = 1) readonly buffer NormBias { vec4 norm_bias[]; };
layout (std430, binding = 2) readonly buffer ProductBias { vec4 product_bias[]; };
layout (std430, binding = 3) writeonly buffer Affine { vec4 affine[]; }; // factors, then shifts

void
main ()
{
  uint quad = gl_GlobalInvocationID.x;

  if (quad >= push.quads)
    return;

  vec4 origin = table[quad * TABLE_QUADS], mean = table[quad * TABLE_QUADS + 1];
  vec4 scale = table[quad * TABLE_QUADS + 2];

  affine[quad] = scale;
  affine[push.quads + quad] = (product_bias[quad] - origin - mean) * scale + norm_bias[quad];
}
