// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/ops.h"

#include "engine/nn/walk.h"
#include "shaders/abi/elementwise.h"
#include "shaders/abi/scale.h"

/* Ops on which pixels a tensor has, whatever is in them. */

void
pd_copy (PdGraph *graph, PdTensor *source, PdTensor *target)
{
  const PdElementwisePush push = { .scale_a = 1 };

  g_return_if_fail (source->n == target->n && source->h == target->h && source->w == target->w);
  g_return_if_fail (source->type == target->type && source->ld == target->ld);
  pd_walk (graph,
           &(PdWalk){ .label = "copy",
                      .shader = source->type == PD_TYPE_F16 ? "elementwise-f16" : "elementwise",
                      .constants = { PD_ACTIVATION_NONE, 1, target->border },
                      .n_constants = 3,
                      .inputs = { source, source },
                      .n_inputs = 2,
                      .result = target,
                      .push = &push,
                      .push_size = sizeof push,
                      .walk = &push.walk });
}

void
pd_pick (PdGraph *graph, PdTensor *x, PdTensor *picks, PdTensor *target)
{
  const PdScalePush push = { .h = x->h, .w = x->w };

  g_return_if_fail (x->n == target->n && x->type == target->type && x->ld == target->ld);
  g_return_if_fail (target->h == 1 && picks->c == target->w && picks->type == PD_TYPE_F32);
  pd_walk (graph, &(PdWalk){ .label = "pick",
                             .shader = x->type == PD_TYPE_F16 ? "pick-f16" : "pick",
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = target,
                             .scaled = TRUE,
                             .extra = { picks->storage },
                             .n_extra = 1,
                             .push = &push,
                             .push_size = sizeof push,
                             .walk = &push.walk });
}

PdTensor *
pd_concat_tokens (PdGraph *graph, PdTensor *a, PdTensor *b)
{
  guint own = a->h * a->w, more = b->h * b->w;
  PdTensor *y = pd_graph_tensor_typed (graph, a->type, a->n, 1, own + more, a->c, 0);

  g_return_val_if_fail (a->n % b->n == 0, y);
  for (guint image = 0; image < a->n; image++)
    {
      pd_copy (graph, pd_tensor_image (graph, a, image),
               pd_tensor_tokens (graph, y, image, 0, a->h, a->w));
      pd_copy (graph, pd_tensor_image (graph, b, image / (a->n / b->n)),
               pd_tensor_tokens (graph, y, image, own, b->h, b->w));
    }
  return y;
}
