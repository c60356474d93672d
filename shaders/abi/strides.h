// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_STRIDES_H
#define PD_ABI_STRIDES_H

#include "types.h"

/* A tensor behind a binding, in quads (four channels each): from the binding's start to the first
 * pixel of a slice, and from image to image, row to row, pixel to pixel. */
PD_STRUCT (PdStrides)
{
  uint start;
  uint image;
  uint row;
  uint pixel;
};

#endif
