// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_SOFTMAX_H
#define PD_ABI_SOFTMAX_H

#include "types.h"

PD_PUSH (PdSoftmaxPush)
{
  uint start, row; /* quads */
  uint quads;      /* of a row */
  uint keys;
  uint bias_start; /* floats */
  uint first_query;
  float bias_scale;
}
PD_PUSH_END

#endif
