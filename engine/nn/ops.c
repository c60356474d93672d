// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/nn/product.h"

static PdTensor *
run_product (PdGraph *graph, const PdProduct *product)
{
  if (pd_graph_backend (graph)->kernels == PD_KERNELS_UNIFORM)
    return pd_product_uniform (graph, product);
  return pd_product_general (graph, product);
}

PdTensor *
pd_linear (PdGraph *graph,
           PdTensor *x,
           const PdMatrix *weight,
           const PdVector *bias,
           const PdEpilogue *epilogue)
{
  return run_product (graph, &(PdProduct){ .label = "linear",
                                           .a = x,
                                           .b = weight,
                                           .bias = bias,
                                           .h = x->h,
                                           .w = x->w,
                                           .stride = 1,
                                           .epilogue = epilogue ? *epilogue : (PdEpilogue){ 0 } });
}

PdTensor *
pd_conv2d (PdGraph *graph,
           PdTensor *x,
           const PdMatrix *weight,
           const PdVector *bias,
           PdConv kind,
           const PdEpilogue *epilogue)
{
  guint pad = kind == PD_CONV_HALF_RIGHT ? 0 : 1;
  guint stride = kind == PD_CONV_SAME ? 1 : 2;

  if (x->border == 0)
    x = pd_convert (graph, x, x->type, TRUE);
  else if (!x->border_zero)
    pd_zero_border (graph, x);
  return run_product (graph, &(PdProduct){ .label = "convolution",
                                           .a = x,
                                           .b = weight,
                                           .bias = bias,
                                           .h = (x->h + pad - 2) / stride + 1,
                                           .w = (x->w + pad - 2) / stride + 1,
                                           .stride = stride,
                                           .pad = pad,
                                           .epilogue = epilogue ? *epilogue : (PdEpilogue){ 0 } });
}

PdTensor *
pd_attention (PdGraph *graph,
              PdTensor *q,
              PdTensor *k,
              PdTensor *v,
              guint heads,
              PdTensor *key_bias,
              gboolean causal)
{
  PdAttention attention = { q, k, v, heads, key_bias, causal };

  if (pd_graph_backend (graph)->kernels == PD_KERNELS_UNIFORM)
    return pd_attention_uniform (graph, &attention);
  return pd_attention_general (graph, &attention);
}

PdAttention
pd_attention_joined (PdGraph *graph, const PdAttention *attention)
{
  PdAttention joined = *attention;

  if (attention->more_k != NULL)
    {
      joined.k = pd_concat_tokens (graph, attention->k, attention->more_k);
      joined.v = pd_concat_tokens (graph, attention->v, attention->more_v);
      joined.more_k = joined.more_v = NULL;
    }
  return joined;
}

PdTensor *
pd_attention_more (PdGraph *graph,
                   PdTensor *q,
                   PdTensor *k,
                   PdTensor *v,
                   PdTensor *more_k,
                   PdTensor *more_v,
                   guint heads,
                   PdTensor *key_bias)
{
  PdAttention attention = { q, k, v, heads, key_bias, FALSE, more_k, more_v };

  if (pd_graph_backend (graph)->kernels == PD_KERNELS_UNIFORM)
    return pd_attention_uniform (graph, &attention);
  attention = pd_attention_joined (graph, &attention);
  return pd_attention_general (graph, &attention);
}
