// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_PEAK_H
#define PD_ABI_PEAK_H

#include "types.h"

PD_PUSH (PdPeakPush)
{
  float a;
  float b;
}
PD_PUSH_END

#endif
