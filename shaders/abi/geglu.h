// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_GEGLU_H
#define PD_ABI_GEGLU_H

#include "walk.h"

PD_PUSH (PdGegluPush)
{
  PdStrides x;
  PdStrides y;
  PdWalkPush walk;
  uint channels; /* of the result */
}
PD_PUSH_END

#endif
