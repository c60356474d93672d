// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_MATCH_H
#define PD_ABI_MATCH_H

#include "walk.h"

PD_PUSH (PdMatchPush)
{
  PdStrides x;
  PdStrides y;
  PdWalkPush walk;
  uint own_images; /* that each of the moments stands for */
  uint target_images;
  float eps;
}
PD_PUSH_END

#endif
