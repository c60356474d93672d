// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/joint-attention.h"

static PdTensor *
without_border (PdGraph *graph, PdTensor *x)
{
  return x->border > 0 ? pd_convert (graph, x, x->type, FALSE) : x;
}

/* A function of PdHook. */
static PdTensor *
attend_all (PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  guint branches = ((PdJointAttention *) hook)->branches, count = q->n / branches;
  PdTensor *y = pd_graph_tensor_typed (graph, q->type, q->n, q->h, q->w, q->c, 0);

  q = without_border (graph, q);
  k = without_border (graph, k);
  v = without_border (graph, v);
  for (guint branch = 0; branch < branches; branch++)
    {
      guint first = branch * count;
      PdTensor *part =
          pd_attention (graph, &(PdAttention){ .q = pd_tensor_join (graph, q, first, count),
                                               .k = pd_tensor_join (graph, k, first, count),
                                               .v = pd_tensor_join (graph, v, first, count),
                                               .heads = site->parts });

      pd_copy (graph, part, pd_tensor_join (graph, y, first, count));
    }
  return y;
}

PdJointAttention
pd_joint_attention (guint branches)
{
  return (PdJointAttention){ .hook = { .attention = attend_all }, .branches = branches };
}
