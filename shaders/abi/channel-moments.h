// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_CHANNEL_MOMENTS_H
#define PD_ABI_CHANNEL_MOMENTS_H

#include "strides.h"

PD_PUSH (PdChannelMomentsPush)
{
  PdStrides x;
  uint width; /* of the slice */
  uint pixels;
  uint before; /* pixels of the image in slices before this one, whose moments are there */
  uint quads;  /* of a pixel, surplus included */
  uint image;  /* the slice's first */
}
PD_PUSH_END

#endif
