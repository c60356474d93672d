// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/nn/ops.h"
#include "engine/nn/region.h"

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
                                       _ ("%s of tensors that differ in size or type: %u × %u × %u "
                                          "and %u × %u × %u (images × height × width)"),
                                       op, a->n, a->h, a->w, b->n, b->h, b->w));
}

/* activation (a · scale_a + b · scale_b); @b may be NULL. */
static PdTensor *
elementwise (PdGraph *graph,
             const char *label,
             PdTensor *a,
             float scale_a,
             PdTensor *b,
             float scale_b,
             PdActivation activation,
             PdType type,
             gboolean border)
{
  PdTensor *y = pd_graph_tensor_typed (graph, type, a->n, a->h, a->w, a->c, border);
  float scales[2] = { scale_a, scale_b };
  const char *shader = by_type (a->type, by_type (type, "elementwise", "convert-to-f16"),
                                by_type (type, "convert-to-f32", "elementwise-f16"));

  pd_walk (graph, &(PdWalk){ .label = label,
                             .shader = shader,
                             .constants = { activation, b != NULL ? 2 : 1, border },
                             .n_constants = 3,
                             .inputs = { a, b != NULL ? b : a },
                             .n_inputs = 2,
                             .result = y,
                             .arguments = scales,
                             .arguments_size = sizeof scales });
  y->border_zero = border;
  return y;
}

PdTensor *
pd_activate (PdGraph *graph, PdTensor *x, PdActivation activation)
{
  return elementwise (graph, "activation", x, 1, NULL, 0, activation, x->type, FALSE);
}

PdTensor *
pd_add (PdGraph *graph, PdTensor *a, float scale_a, PdTensor *b, float scale_b)
{
  if (b != NULL)
    {
      check_same_shape (graph, _ ("Sum"), a, b);
      if (a->c != b->c)
        pd_graph_fail (graph, g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST,
                                           _ ("Sum of tensors of %u and %u channels"), a->c, b->c));
    }
  return elementwise (graph, "add", a, scale_a, b, scale_b, PD_ACTIVATION_NONE, a->type, FALSE);
}

PdTensor *
pd_convert (PdGraph *graph, PdTensor *x, PdType type, gboolean border)
{
  return elementwise (graph, "convert", x, 1, NULL, 0, PD_ACTIVATION_NONE, type, border);
}

PdTensor *
pd_to_type (PdGraph *graph, PdTensor *x, PdType type)
{
  return x->type != type ? pd_convert (graph, x, type, FALSE) : x;
}

PdTensor *
pd_geglu (PdGraph *graph, PdTensor *x)
{
  guint32 channels = x->c / 2;
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, x->h, x->w, channels, 0);

  if (x->c % 2 != 0)
    pd_graph_fail (graph, g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST,
                                       _ ("GEGLU of %u channels, which have no halves"), x->c));
  pd_walk (graph, &(PdWalk){ .label = "geglu",
                             .shader = by_type (x->type, "geglu", "geglu-f16"),
                             .constants = { channels % 4 == 0 },
                             .n_constants = 1,
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = y,
                             .arguments = &channels,
                             .arguments_size = sizeof channels });
  return y;
}

PdTensor *
pd_concat (PdGraph *graph, PdTensor *a, PdTensor *b)
{
  guint32 channels[2] = { a->c, b->c };
  PdTensor *y = pd_graph_tensor_typed (graph, a->type, a->n, a->h, a->w, a->c + b->c, 0);

  check_same_shape (graph, _ ("Concatenation"), a, b);
  pd_walk (graph, &(PdWalk){ .label = "concat",
                             .shader = by_type (a->type, "concat", "concat-f16"),
                             .constants = { a->c % 4 == 0 },
                             .n_constants = 1,
                             .inputs = { a, b },
                             .n_inputs = 2,
                             .result = y,
                             .arguments = channels,
                             .arguments_size = sizeof channels });
  return y;
}

PdTensor *
pd_upsample (PdGraph *graph, PdTensor *x, guint h, guint w, gboolean border)
{
  guint32 size[2] = { x->h, x->w };
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, h, w, x->c, border);

  pd_walk (graph, &(PdWalk){ .label = "upsample",
                             .shader = by_type (x->type, "upsample", "upsample-f16"),
                             .constants = { border },
                             .n_constants = 1,
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = y,
                             .scaled = TRUE,
                             .arguments = size,
                             .arguments_size = sizeof size });
  y->border_zero = border;
  return y;
}

PdTensor *
pd_zero_border (PdGraph *graph, PdTensor *x)
{
  const PdBackend *backend = pd_graph_backend (graph);
  guint workgroup = pd_small_workgroup (backend);
  gsize pixel_bytes = x->ld * pd_type_size (x->type);
  guint width = x->w + 2, height = x->h + 2;
  PdRegionLimits limits = {
    .images = x->n, .rows = height, .width = width, .row_bytes = width * pixel_bytes
  };
  g_autoptr (GArray) regions = NULL;

  if (x->border == 0)
    return x;
  regions = pd_regions (backend, &limits);
  for (guint i = 0; i < regions->len; i++)
    {
      const PdRegion *region = &g_array_index (regions, PdRegion, i);
      PdDispatch dispatch = { .label = "zero border",
                              .shader = "zero-border",
                              .constants = { workgroup },
                              .n_constants = 1 };
      PdPlace place = pd_region_bind (graph, &dispatch, x, *region, PD_ACCESS_WRITE);
      guint scale = (guint) (16 / (4 * pd_type_size (x->type)));
      guint32 top = region->row == 0, bottom = region->row + region->rows == height;
      guint32 units = pd_align_channels (x->c) / 4 / scale;
      guint32 arguments[] = { units, width, region->rows, top, bottom };
      guint pixels = (top + bottom) * width + 2 * (region->rows - top - bottom);

      place = (PdPlace){ place.start / scale, place.image / scale, place.row / scale,
                         place.pixel / scale };
      pd_push (&dispatch, &place, sizeof place);
      pd_push (&dispatch, arguments, sizeof arguments);
      dispatch.groups[0] = (pixels * units + workgroup - 1) / workgroup;
      dispatch.groups[1] = region->images;
      dispatch.groups[2] = 1;
      dispatch.work = pd_memory_work (pixels * region->images * units * 16);
      pd_graph_dispatch (graph, &dispatch);
    }
  x->border_zero = TRUE;
  return x;
}
