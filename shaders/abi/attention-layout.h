// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_ATTENTION_LAYOUT_H
#define PD_ABI_ATTENTION_LAYOUT_H

#include "types.h"

/* Shared by attention-uniform.comp and attention-uniform-pack.comp. */
PD_CONSTANT (ATTENTION_PART, 8);   /* channels of a head that an invocation takes */
PD_CONSTANT (ATTENTION_STATE, 10); /* vectors of a part: maximum, sum of weights, 8 sums */

#endif
