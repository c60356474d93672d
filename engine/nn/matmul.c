// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/matmul.h"

static PdTensor *
run_matmul (PdGraph *graph, const PdMatmul *matmul)
{
  const PdMatrix *b = matmul->b;

  /* The model asks for all nine taps. */
  guint taps = b->taps == PD_PHASE_TAPS ? PD_CONV_TAPS : b->taps;

  pd_graph_count (graph, matmul->label,
                  2.0 * matmul->a->n * matmul->h * matmul->w * taps * b->in * b->out);
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

/* @x with a zero border. */
static PdTensor *
bordered (PdGraph *graph, PdTensor *x)
{
  if (x->border == 0)
    return pd_convert (graph, x, x->type, TRUE);
  return x->border_zero ? x : pd_zero_border (graph, x);
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

  x = bordered (graph, x);
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

PdTensor *
pd_conv2d_doubled (PdGraph *graph,
                   PdTensor *x,
                   const PdMatrix *const phases[PD_N_PHASES],
                   const PdVector *bias)
{
  PdTensor *y = pd_graph_tensor (graph, x->n, 2 * x->h, 2 * x->w, phases[0]->out, 0);

  x = bordered (graph, x);
  for (guint phase = 0; phase < PD_N_PHASES; phase++)
    run_matmul (graph, &(PdMatmul){ .label = "convolution",
                                    .a = x,
                                    .b = phases[phase],
                                    .bias = bias,
                                    .h = x->h,
                                    .w = x->w,
                                    .stride = 1,
                                    .pad = 1,
                                    .phase = phase,
                                    .into = y });
  return y;
}
