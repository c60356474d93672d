// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_UNIFORM_H
#define PD_ABI_UNIFORM_H

#include "types.h"

PD_CONSTANT (UNIFORM_DIGITS, 16); /* what a workgroup id or a chunk's number may count to */

#endif
