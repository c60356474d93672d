// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/matmul.h"

static PdTensor *
run_matmul (PdGraph *graph, const PdMatmul *matmul)
{
  const PdMatrix *b = matmul->b;

  pd_graph_count (graph, matmul->label,
                  2.0 * matmul->a->n * matmul->h * matmul->w * b->taps * b->in * b->out);
  if (pd_graph_backend (graph)->kernels == PD_KERNELS_UNIFORM)
    return pd_matmul_uniform (graph, matmul);
  return pd_matmul_general (graph, matmul);
}

PdTensor *
pd_linear (PdGraph *graph,
           PdTensor *x,
           const PdMatrix *weight,
           const PdVector *bias,
           const PdEpilogue *epilogue)
{
  return run_matmul (graph, &(PdMatmul){ .label = "linear",
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
  return run_matmul (graph, &(PdMatmul){ .label = "convolution",
                                         .a = x,
                                         .b = weight,
                                         .bias = bias,
                                         .h = (x->h + pad - 2) / stride + 1,
                                         .w = (x->w + pad - 2) / stride + 1,
                                         .stride = stride,
                                         .pad = pad,
                                         .epilogue = epilogue ? *epilogue : (PdEpilogue){ 0 } });
}
