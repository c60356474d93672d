// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_ATTENTION_H
#define PD_ABI_ATTENTION_H

#include "strides.h"

PD_CONSTANT (ATTENTION_THREAD_COLUMNS, 8);
PD_CONSTANT (ATTENTION_KEYS, 32);      /* of a tile */
PD_CONSTANT (ATTENTION_MAX_CHUNK, 16); /* quads of a head that pass through shared memory at once */

PD_CONSTANT (ATTENTION_CAUSAL, 1);
PD_CONSTANT (ATTENTION_KEY_BIAS, 2);

PD_PUSH (PdAttentionPush)
{
  PdStrides q;
  PdStrides k;
  PdStrides v;
  PdStrides y;
  uint queries; /* of the slice */
  uint q_width;
  uint first_query; /* of the slice, in its image */
  uint keys;
  uint k_width;
  uint channels; /* of y */
  uint y_quads;  /* of a pixel of y, surplus included */
  uint key_bias_start;
  uint key_bias_pitch; /* floats from image to image */
  uint flags;          /* ATTENTION_CAUSAL … */
  float scale;         /* log2 (e) / √ (channels of a head) */
}
PD_PUSH_END

#endif
