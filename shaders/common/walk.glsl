// SPDX-License-Identifier: GPL-3.0-or-later
// How the kernels of small ops walk the pixels of a result (engine/nn/walk.h): an invocation takes one
// quad of channels of a strip of neighbouring pixels of one row; invocations next to each other take
// neighbouring quads.
//
// A result with a border is walked with it; what lies outside h × w becomes zero.
#include "abi/walk.h"

struct Strip
{
  uint image; // of the slice
  uint row;
  uint quad;
  uint first; // pixels first … end - 1
  uint end;
};

Strip
strip_of (PdWalkPush walk)
{
  uint index = gl_GlobalInvocationID.x / walk.quads;
  uint image = gl_WorkGroupID.y / walk.rows;
  uint first = index * walk.strip;

  return Strip (image, gl_WorkGroupID.y - image * walk.rows,
                gl_GlobalInvocationID.x - index * walk.quads, first,
                min (first + walk.strip, walk.width));
}

bool
inside (PdWalkPush walk, Strip strip, uint x)
{
  return walk.row + strip.row < walk.h && walk.column + x < walk.w;
}
