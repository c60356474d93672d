// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_ACTIVATION_H
#define PD_ABI_ACTIVATION_H

#include "types.h"

// clang-format off
PD_ENUM
  PD_VALUE (PD_ACTIVATION_NONE, 0)
  PD_VALUE (PD_ACTIVATION_SILU, 1)
  PD_VALUE (PD_ACTIVATION_GELU, 2)       /* exact: x Φ(x) */
  PD_VALUE (PD_ACTIVATION_QUICK_GELU, 3) /* x σ(1.702 x) */
  PD_VALUE (PD_ACTIVATION_RELU, 4)
PD_ENUM_END (PdActivation)
// clang-format on

#endif
