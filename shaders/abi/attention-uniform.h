// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_ATTENTION_UNIFORM_H
#define PD_ABI_ATTENTION_UNIFORM_H

#include "attention-layout.h"

PD_CONSTANT (ATTENTION_MAX_PARTS, 20); /* of a head */

PD_PUSH (PdAttentionUniformPush)
{
  uint64_t q, keys, old_state; /* addresses of the first tile and head; the graph fills them in */
  uint keys_head;              /* bytes from head to head */
  uint tiles;                  /* of W queries of a head */
  uint first;                  /* 1: there is no state yet */
  int causal;                  /* first query minus first key */
  uint state_start;            /* units of 8 floats */
  uint table[ATTENTION_MAX_PARTS]; /* i */
}
PD_PUSH_END

#endif
