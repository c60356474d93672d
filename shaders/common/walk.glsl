// SPDX-License-Identifier: GPL-3.0-or-later
// How the kernels of small ops walk the pixels of a result (engine/nn/region.h): an invocation takes one
// quad of channels of a strip of neighbouring pixels of one row; invocations next to each other take
// neighbouring quads.
//
// A result with a border is walked with it; what lies outside h × w becomes zero.
struct Walk
{
  uint image; // the region's first
  uint rows;  // of one image of the region
  uint width; // pixels of a row
  uint quads; // of a pixel
  uint strip; // pixels of a strip
  uint row;   // of the result without border, of the region's first row and column: wraps below 0
  uint column;
  uint h; // of the result without border
  uint w;
};

struct Strip
{
  uint image; // of the region
  uint row;
  uint quad;
  uint first; // pixels first … end - 1
  uint end;
};

Strip
strip_of (Walk walk)
{
  uint index = gl_GlobalInvocationID.x / walk.quads;
  uint image = gl_WorkGroupID.y / walk.rows;
  uint first = index * walk.strip;

  return Strip (image, gl_WorkGroupID.y - image * walk.rows,
                gl_GlobalInvocationID.x - index * walk.quads, first,
                min (first + walk.strip, walk.width));
}

bool
inside (Walk walk, Strip strip, uint x)
{
  return walk.row + strip.row < walk.h && walk.column + x < walk.w;
}
