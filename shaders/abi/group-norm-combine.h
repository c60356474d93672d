// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_GROUP_NORM_COMBINE_H
#define PD_ABI_GROUP_NORM_COMBINE_H

#include "group-norm-layout.h"

PD_PUSH (PdCombinePush)
{
  uint quads;    /* of a pixel, surplus included */
  uint channels; /* of a group */
  uint chunks;
  float eps;
}
PD_PUSH_END

#endif
