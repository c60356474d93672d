// SPDX-License-Identifier: GPL-3.0-or-later
// Zeros to the border of a tensor, in units of 16 bytes, whatever it stores. Invocations run over the
// border's pixels of an image: the top and the bottom row where the slice has them, then left and
// right of the rows between.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "abi/zero-border.h"
#include "common/tensor.glsl"

layout (local_size_x_id = 0) in;

layout (std430, binding = 0) writeonly buffer Y { uvec4 y[]; };

void
main ()
{
  uint pixel = gl_GlobalInvocationID.x / push.units;
  uint unit = gl_GlobalInvocationID.x - pixel * push.units;
  uint full = (push.top + push.bottom) * push.width;
  uint row, x;

  if (pixel < full)
    {
      row = push.top != 0 && pixel < push.width ? 0 : push.rows - 1;
      x = pixel % push.width;
    }
  else
    {
      row = push.top + ((pixel - full) >> 1);
      x = ((pixel - full) & 1u) * (push.width - 1);
      if (row >= push.rows - push.bottom)
        return;
    }
  y[at (push.y, gl_WorkGroupID.y, row, x) + unit] = uvec4 (0);
}
