// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_MATMUL_H
#define PD_ABI_MATMUL_H

#include "strides.h"

PD_CONSTANT (MATMUL_BIAS, 1);
PD_CONSTANT (MATMUL_IMAGE_BIAS, 2);
PD_CONSTANT (MATMUL_RESIDUAL, 4);
PD_CONSTANT (MATMUL_AFFINE, 8); /* bias: factors, and shifts image_bias_start later; no other one */

PD_PUSH (PdMatmulPush)
{
  PdStrides a; /* to the first tap of the first pixel; pitches between output pixels */
  PdStrides y;
  PdStrides residual;
  uint tap_row; /* quads */
  uint tap_pixel;
  uint channels; /* a multiple of the tile's depth */
  uint taps;
  uint pixels; /* of the slice */
  uint rows;   /* of one image of the slice */
  uint width;
  uint b_start;   /* vectors of 16 bytes */
  uint b_columns; /* that b holds from there */
  uint y_quads;   /* of a pixel to be written */
  uint bias_start;
  uint image_bias_start;
  uint image_bias_pitch;
  uint flags;      /* MATMUL_BIAS … */
  uint activation; /* PdActivation */
}
PD_PUSH_END

#endif
