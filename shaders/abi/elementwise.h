// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_ELEMENTWISE_H
#define PD_ABI_ELEMENTWISE_H

#include "walk.h"

PD_PUSH (PdElementwisePush)
{
  PdStrides a;
  PdStrides b;
  PdStrides y;
  PdWalkPush walk;
  float scale_a;
  float scale_b;
}
PD_PUSH_END

#endif
