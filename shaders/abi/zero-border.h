// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_ZERO_BORDER_H
#define PD_ABI_ZERO_BORDER_H

#include "strides.h"

PD_PUSH (PdZeroBorderPush)
{
  PdStrides y; /* in units of 16 bytes */
  uint units;  /* of a pixel */
  uint width;  /* with border */
  uint rows;   /* of the slice */
  uint top;    /* 1: the slice's first row is border */
  uint bottom; /* 1: the slice's last row is border */
}
PD_PUSH_END

#endif
