// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_GROUP_NORM_MOMENTS_H
#define PD_ABI_GROUP_NORM_MOMENTS_H

#include "group-norm-layout.h"
#include "strides.h"

PD_PUSH (PdMomentsPush)
{
  PdStrides x;
  uint rows; /* of one image of the slice */
  uint width;
  uint quads;
  uint chunk;  /* pixels whose moments one invocation takes; the slice's last one may have fewer */
  uint chunks; /* of an image, over all dispatches */
  uint first;  /* of them the slice's first */
  uint image;  /* the slice's first */
  float share; /* what one of its pixels counts; negative: of a frame that does not count */
}
PD_PUSH_END

#endif
