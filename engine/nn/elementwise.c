// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/ops.h"

#include "engine/base/error.h"
#include "engine/nn/walk.h"
#include "shaders/abi/concat.h"
#include "shaders/abi/elementwise.h"
#include "shaders/abi/geglu.h"
#include "shaders/abi/scale.h"
#include "shaders/abi/zero-border.h"

static const char *
by_type (PdType type, const char *f32, const char *f16)
{
  return type == PD_TYPE_F16 ? f16 : f32;
}

static void
check_same_shape (PdGraph *graph, const char *op, const PdTensor *a, const PdTensor *b)
{
  if (a->n != b->n || a->h != b->h || a->w != b->w || a->type != b->type)
    pd_graph_fail (graph, g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST,
                                       "%s of tensors that differ in size or type: %u × %u × %u "
                                       "and %u × %u × %u (images × height × width)",
                                       op, a->n, a->h, a->w, b->n, b->h, b->w));
}

/* activation (a · scale_a + b · scale_b) */
typedef struct
{
  const char *label;
  PdTensor *a, *b; /* b may be NULL */
  float scale_a, scale_b;
  PdActivation activation;
  PdType type;
  gboolean border;
} Elementwise;

static PdTensor *
elementwise (PdGraph *graph, const Elementwise *op)
{
  PdTensor *a = op->a;
  PdTensor *y = pd_graph_tensor_typed (graph, op->type, a->n, a->h, a->w, a->c, op->border);
  const PdElementwisePush push = { .scale_a = op->scale_a, .scale_b = op->scale_b };

  pd_walk (graph, &(PdWalk){ .label = op->label,
                             .shader = by_type (
                                 a->type, by_type (op->type, "elementwise", "convert-to-f16"),
                                 by_type (op->type, "convert-to-f32", "elementwise-f16")),
                             .constants = { op->activation, op->b != NULL ? 2 : 1, op->border },
                             .n_constants = 3,
                             .inputs = { a, op->b != NULL ? op->b : a },
                             .n_inputs = 2,
                             .result = y,
                             .push = &push,
                             .push_size = sizeof push,
                             .walk = &push.walk });
  y->border_zero = op->border;
  return y;
}

PdTensor *
pd_activate (PdGraph *graph, PdTensor *x, PdActivation activation)
{
  return elementwise (
      graph,
      &(Elementwise){
          .label = "activation", .a = x, .scale_a = 1, .activation = activation, .type = x->type });
}

PdTensor *
pd_add (PdGraph *graph, PdTensor *a, float scale_a, PdTensor *b, float scale_b)
{
  if (b != NULL)
    {
      check_same_shape (graph, "Sum", a, b);
      if (a->c != b->c)
        pd_graph_fail (graph, g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST,
                                           "Sum of tensors of %u and %u channels", a->c, b->c));
    }
  return elementwise (graph, &(Elementwise){ .label = "add",
                                             .a = a,
                                             .b = b,
                                             .scale_a = scale_a,
                                             .scale_b = scale_b,
                                             .type = a->type });
}

PdTensor *
pd_convert (PdGraph *graph, PdTensor *x, PdType type, gboolean border)
{
  return elementwise (
      graph,
      &(Elementwise){ .label = "convert", .a = x, .scale_a = 1, .type = type, .border = border });
}

PdTensor *
pd_to_type (PdGraph *graph, PdTensor *x, PdType type)
{
  return x->type != type ? pd_convert (graph, x, type, FALSE) : x;
}

PdTensor *
pd_geglu (PdGraph *graph, PdTensor *x)
{
  const PdGegluPush push = { .channels = x->c / 2 };
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, x->h, x->w, push.channels, 0);

  if (x->c % 2 != 0)
    pd_graph_fail (graph, g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST,
                                       "GEGLU of %u channels, which have no halves", x->c));
  pd_walk (graph, &(PdWalk){ .label = "geglu",
                             .shader = by_type (x->type, "geglu", "geglu-f16"),
                             .constants = { push.channels % 4 == 0 },
                             .n_constants = 1,
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = y,
                             .push = &push,
                             .push_size = sizeof push,
                             .walk = &push.walk });
  return y;
}

PdTensor *
pd_concat (PdGraph *graph, PdTensor *a, PdTensor *b)
{
  const PdConcatPush push = { .a_channels = a->c, .b_channels = b->c };
  PdTensor *y = pd_graph_tensor_typed (graph, a->type, a->n, a->h, a->w, a->c + b->c, 0);

  check_same_shape (graph, "Concatenation", a, b);
  pd_walk (graph, &(PdWalk){ .label = "concat",
                             .shader = by_type (a->type, "concat", "concat-f16"),
                             .constants = { a->c % 4 == 0 },
                             .n_constants = 1,
                             .inputs = { a, b },
                             .n_inputs = 2,
                             .result = y,
                             .push = &push,
                             .push_size = sizeof push,
                             .walk = &push.walk });
  return y;
}

PdTensor *
pd_upsample (PdGraph *graph, PdTensor *x, guint h, guint w, gboolean border)
{
  const PdScalePush push = { .h = x->h, .w = x->w };
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, h, w, x->c, border);

  pd_walk (graph, &(PdWalk){ .label = "upsample",
                             .shader = by_type (x->type, "upsample", "upsample-f16"),
                             .constants = { border },
                             .n_constants = 1,
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = y,
                             .scaled = TRUE,
                             .push = &push,
                             .push_size = sizeof push,
                             .walk = &push.walk });
  y->border_zero = border;
  return y;
}

PdTensor *
pd_zero_border (PdGraph *graph, PdTensor *x)
{
  const PdBackend *backend = pd_graph_backend (graph);
  guint workgroup = pd_dispatch_workgroup (backend);
  gsize element = pd_type_size (x->type);
  guint width = x->w + 2, height = x->h + 2, scale = (guint) (4 / element);
  guint units = pd_align_channels (x->c) / 4 / scale;
  PdSliceLimits limits = {
    .images = x->n, .rows = height, .width = width, .row_bytes = (gsize) width * x->ld * element
  };
  g_autoptr (GArray) slices = NULL;

  if (x->border == 0)
    return x;
  slices = pd_slice_cut (backend, &limits);
  for (guint i = 0; i < slices->len; i++)
    {
      const PdSlice *slice = &g_array_index (slices, PdSlice, i);
      guint top = slice->row == 0, bottom = slice->row + slice->rows == height;
      guint pixels = (top + bottom) * width + 2 * (slice->rows - top - bottom);
      PdDispatch dispatch = {
        .label = "zero border",
        .shader = "zero-border",
        .constants = { workgroup },
        .n_constants = 1,
        .groups = { (guint) pd_divide_up (pixels * units, workgroup), slice->images, 1 },
        .work = pd_dispatch_memory_work (pixels * slice->images * units * 16)
      };
      PdStrides y = pd_slice_bind (*slice, backend, &dispatch, x, PD_ACCESS_WRITE);
      const PdZeroBorderPush push = { .y = { y.start / scale, y.image / scale, y.row / scale,
                                             y.pixel / scale },
                                      .units = units,
                                      .width = width,
                                      .rows = slice->rows,
                                      .top = top,
                                      .bottom = bottom };

      pd_dispatch_push (&dispatch, &push, sizeof push);
      pd_graph_dispatch (graph, &dispatch);
    }
  x->border_zero = TRUE;
  return x;
}
