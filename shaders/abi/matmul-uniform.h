// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_MATMUL_UNIFORM_H
#define PD_ABI_MATMUL_UNIFORM_H

#include "uniform.h"

PD_CONSTANT (MATMUL_TILE, 16); /* pixels */
PD_CONSTANT (MATMUL_UNIT, 8);  /* floats that are stored at once */

/* Where the tensor "added" is added. */
PD_CONSTANT (ADDED_NOWHERE, 0);
PD_CONSTANT (ADDED_BEFORE, 1); /* the activation */
PD_CONSTANT (ADDED_AFTER, 2);

/* Vectors that are added: 0, 1, 2; or a factor and a shift, at the end. */
PD_CONSTANT (VECTORS_AFFINE, 3);

PD_PUSH (PdMatmulUniformPush)
{
  uint64_t a, b, vector, vector_2, added; /* addresses, which the graph fills in */
  uint a_pixel, a_row, b_panel;           /* bytes */
  uint y_pixel, y_row, y_start;           /* units, for added too except y_start */
  uint table[UNIFORM_DIGITS];             /* i | floats from a to chunk i, a multiple of 16 */
}
PD_PUSH_END

#endif
