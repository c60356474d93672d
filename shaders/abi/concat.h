// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_CONCAT_H
#define PD_ABI_CONCAT_H

#include "walk.h"

PD_PUSH (PdConcatPush)
{
  PdStrides a;
  PdStrides b;
  PdStrides y;
  PdWalkPush walk;
  uint a_channels;
  uint b_channels;
}
PD_PUSH_END

#endif
