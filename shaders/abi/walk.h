// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_WALK_H
#define PD_ABI_WALK_H

#include "strides.h"

/* The part of its result that a dispatch of a small op walks (common/walk.glsl). */
PD_STRUCT (PdWalkPush)
{
  uint image; /* the slice's first */
  uint rows;  /* of one image of the slice */
  uint width; /* pixels of a row */
  uint quads; /* of a pixel */
  uint strip; /* pixels of a strip */
  uint row;   /* of the result without border, of the slice's first row and column: wraps below 0 */
  uint column;
  uint h; /* of the result without border */
  uint w;
};

#endif
