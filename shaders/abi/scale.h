// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_SCALE_H
#define PD_ABI_SCALE_H

#include "walk.h"

/* upsample.comp and pick.comp */
PD_PUSH (PdScalePush)
{
  PdStrides x; /* from pixel (0, 0) of the image */
  PdStrides y;
  PdWalkPush walk;
  uint h; /* of x */
  uint w;
}
PD_PUSH_END

#endif
