// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_LAYER_NORM_H
#define PD_ABI_LAYER_NORM_H

#include "strides.h"

PD_PUSH (PdLayerNormPush)
{
  PdStrides x;
  PdStrides y;
  uint rows; /* of one image of the slice */
  uint width;
  uint quads; /* of a pixel, surplus included */
  uint channels;
  float eps;
}
PD_PUSH_END

#endif
