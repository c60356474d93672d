// SPDX-License-Identifier: GPL-3.0-or-later
#ifndef PD_ABI_ATTENTION_UNIFORM_PACK_H
#define PD_ABI_ATTENTION_UNIFORM_PACK_H

#include "attention-layout.h"

// clang-format off
PD_ENUM
  PD_VALUE (PACK_QUERIES, 0)
  PD_VALUE (PACK_KEYS_OR_VALUES, 1)
  PD_VALUE (PACK_BIAS, 2)    /* from a row of floats */
  PD_VALUE (PACK_NO_BIAS, 3)
  PD_VALUE (PACK_RESULT, 4)  /* from the state to [token][head][channel] */
  PD_VALUE (PACK_PANELS, 5)
PD_ENUM_END (PackKind)
// clang-format on

PD_PUSH (PdPackPush)
{
  uint tokens;
  uint width;             /* of a row of tokens */
  uint start, row, pixel; /* of the tensor, quads */
  uint tiles;             /* or blocks, of a head; PACK_PANELS: keys of a panel */
  uint offset;            /* floats to keys or values in a block */
  uint first, end;        /* places of keys or values: that of the first token, and past the last */
  float scale;
}
PD_PUSH_END

#endif
