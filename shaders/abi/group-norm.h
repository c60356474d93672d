// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_GROUP_NORM_H
#define PD_ABI_GROUP_NORM_H

#include "walk.h"

PD_PUSH (PdGroupNormPush)
{
  PdStrides x;
  PdStrides y;
  PdWalkPush walk;
}
PD_PUSH_END

#endif
