// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_CHANNEL_MOMENTS_H
#define PD_ABI_CHANNEL_MOMENTS_H

#include "strides.h"

PD_PUSH (PdChannelMomentsPush)
{
  PdStrides x;
  uint width; /* of an image */
  uint pixels;
  uint quads; /* of a pixel, surplus included */
  uint image; /* the slice's first */
}
PD_PUSH_END

#endif
