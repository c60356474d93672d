// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/attention.h"

/* Own and further keys and values as one tensor each. */
static PdAttention
joined (PdGraph *graph, const PdAttention *attention)
{
  PdAttention result = *attention;

  if (attention->more_k != NULL)
    {
      result.k = pd_concat_tokens (graph, attention->k, attention->more_k);
      result.v = pd_concat_tokens (graph, attention->v, attention->more_v);
      result.more_k = result.more_v = NULL;
    }
  return result;
}

PdTensor *
pd_attention (PdGraph *graph, const PdAttention *attention)
{
  gboolean uniform = pd_graph_backend (graph)->kernels == PD_KERNELS_UNIFORM;
  const PdTensor *q = attention->q, *k = attention->k, *more = attention->more_k;
  guint head = q->c / attention->heads, keys = k->h * k->w + (more != NULL ? more->h * more->w : 0);
  PdAttention whole;

  pd_graph_count (graph, "attention", 4.0 * q->n * q->h * q->w * keys * q->c);
  if (uniform && pd_attention_uniform_takes (head))
    return pd_attention_uniform (graph, attention);
  whole = joined (graph, attention);
  if (uniform && head % PD_CHANNEL_ALIGN == 0)
    return pd_attention_matmul (graph, &whole);
  return pd_attention_general (graph, &whole);
}
