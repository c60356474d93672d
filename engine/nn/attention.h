// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/ops.h"

/* The kernel variants of pd_attention. Those that take no further keys get none. */

PdTensor *pd_attention_general (PdGraph *graph, const PdAttention *attention);

/* Whether heads of @channels are small enough for pd_attention_uniform, which takes further keys.
 */
gboolean pd_attention_uniform_takes (guint channels);
PdTensor *pd_attention_uniform (PdGraph *graph, const PdAttention *attention);

/* As two matrix products with the softmax between them, for heads of any multiple of
 * PD_CHANNEL_ALIGN channels. */
PdTensor *pd_attention_matmul (PdGraph *graph, const PdAttention *attention);
