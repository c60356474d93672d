// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_GROUP_NORM_LAYOUT_H
#define PD_ABI_GROUP_NORM_LAYOUT_H

#include "types.h"

/* Quads per quad of channels of the moments {origin, mean, m2, count}, which
 * group-norm-moments.comp writes, and of the table {origin, mean, scale}, which
 * group-norm-combine.comp makes of them. */
PD_CONSTANT (MOMENTS_QUADS, 4);
PD_CONSTANT (TABLE_QUADS, 3);

#endif
