// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_GROUP_NORM_AFFINE_H
#define PD_ABI_GROUP_NORM_AFFINE_H

#include "group-norm-layout.h"

PD_PUSH (PdAffinePush) { uint quads; /* of a pixel, surplus included */ }
PD_PUSH_END

#endif
