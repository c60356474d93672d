// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/product.h"

PdTensor *
pd_attention_uniform (PdGraph *graph, const PdAttention *attention)
{
  return pd_attention_general (graph, attention);
}
