// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/error.h"
#include "engine/nn/ops.h"
#include "engine/nn/region.h"

enum
{
  /* Pixels of a slice of which an invocation takes the moments of one quad: enough work for each,
   * at most SLICES of them to be combined. */
  SLICE_CPU = 64,
  SLICE_GPU = 16,
  SLICES = 256,
  COMBINE_WORKGROUP = 64,
  LAYER_LANES_GPU = 32,
};

/* Floats per quad of the moments (origin, mean, m2, count) and of the table (origin, mean, scale).
 */
enum
{
  MOMENTS_FLOATS = 16,
  TABLE_FLOATS = 12,
};

static guint
divide_up (guint a, guint b)
{
  return (a + b - 1) / b;
}

/* Writes the moments of the channels of slices of pixels; @slices: how many there are per image. */
static PdStorage *
channel_moments (PdGraph *graph, PdTensor *x, guint *slices)
{
  const PdBackend *backend = pd_graph_backend (graph);
  guint workgroup = pd_small_workgroup (backend), quads = pd_align_channels (x->c) / 4;
  guint slice = MAX (pd_device_info (backend->device)->is_cpu ? SLICE_CPU : SLICE_GPU,
                     divide_up (x->h * x->w, SLICES));
  gboolean flat = x->border == 0;
  PdRegionLimits limits = {
    .images = x->n,
    .rows = flat ? 1 : x->h,
    .width = flat ? x->h * x->w : x->w,
    .row_bytes = pd_tensor_row_pitch (x) * pd_type_size (x->type) * (flat ? x->h : 1),
    .extra_rows = flat ? 0 : 2,
  };
  g_autoptr (GArray) regions = pd_regions (backend, &limits);
  PdStorage *moments;
  guint first = 0;

  *slices = 0;
  for (guint i = 0; i < regions->len; i++)
    {
      const PdRegion *region = &g_array_index (regions, PdRegion, i);

      if (region->image == 0)
        *slices += divide_up (region->rows * region->width, slice);
    }
  moments = pd_graph_scratch (graph, (gsize) x->n * *slices * quads * MOMENTS_FLOATS * 4);
  for (guint i = 0; i < regions->len; i++)
    {
      PdRegion region = g_array_index (regions, PdRegion, i);
      guint count = divide_up (region.rows * region.width, slice);
      guint32 arguments[] = {
        region.rows, region.width, quads, slice, *slices, first, region.image
      };
      PdDispatch dispatch = {
        .label = "group norm",
        .shader = x->type == PD_TYPE_F16 ? "group-norm-moments-f16" : "group-norm-moments",
        .constants = { workgroup },
        .n_constants = 1,
        .groups = { divide_up (count * quads, workgroup), region.images, 1 }
      };
      PdPlace place;

      region.row += x->border;
      region.x += x->border;
      place = pd_region_bind (graph, &dispatch, x, region, PD_ACCESS_READ);
      if (flat)
        place.row = region.width * place.pixel;
      pd_storage_bind (graph, &dispatch, moments, PD_ACCESS_WRITE);
      pd_push (&dispatch, &place, sizeof place);
      pd_push (&dispatch, arguments, sizeof arguments);
      dispatch.work = pd_memory_work (dispatch.access[0].range);
      pd_graph_dispatch (graph, &dispatch);
      first = (first + count) % *slices;
    }
  return moments;
}

gsize
pd_group_norm_table_bytes (guint c)
{
  return (gsize) pd_align_channels (c) / 4 * TABLE_FLOATS * sizeof (float);
}

void
pd_group_norm_measure (PdGraph *graph,
                       PdTensor *x,
                       const PdVector *weight,
                       guint groups,
                       float eps,
                       gboolean joint,
                       PdStorage *table)
{
  guint quads = pd_align_channels (x->c) / 4, slices;
  PdStorage *moments;
  PdDispatch combine = { .label = "group norm",
                         .shader = "group-norm-combine",
                         .constants = { COMBINE_WORKGROUP },
                         .n_constants = 1,
                         .groups = { groups, joint ? 1 : x->n, 1 } };

  if (groups == 0 || x->c % groups != 0)
    {
      pd_graph_fail (graph,
                     g_error_new (PD_ERROR, PD_ERROR_BAD_REQUEST,
                                  _ ("Group norm of %u channels in %u groups"), x->c, groups));
      return;
    }
  moments = channel_moments (graph, x, &slices);
  /* Image after image, so that the slices of all images are those of one. */
  if (joint)
    slices *= x->n;
  pd_storage_bind (graph, &combine, moments, PD_ACCESS_READ);
  pd_storage_bind (graph, &combine, &weight->storage, PD_ACCESS_READ);
  pd_storage_bind (graph, &combine, table, PD_ACCESS_WRITE);
  pd_push (&combine, (guint32[]){ quads, x->c / groups, slices }, 12);
  pd_push (&combine, &eps, sizeof eps);
  combine.work = pd_memory_work (moments->size);
  pd_graph_dispatch (graph, &combine);
}

PdTensor *
pd_group_norm_apply (PdGraph *graph,
                     PdTensor *x,
                     PdStorage *table,
                     const PdVector *bias,
                     PdActivation activation,
                     gboolean joint,
                     gboolean border)
{
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, x->h, x->w, x->c, border);

  pd_walk (graph, &(PdWalk){ .label = "group norm",
                             .shader = x->type == PD_TYPE_F16 ? "group-norm-f16" : "group-norm",
                             .constants = { activation, border, joint },
                             .n_constants = 3,
                             .inputs = { x },
                             .n_inputs = 1,
                             .result = y,
                             .per_image = !joint,
                             .extra = { table, &bias->storage },
                             .n_extra = 2 });
  y->border_zero = border;
  return y;
}

PdTensor *
pd_group_norm (PdGraph *graph,
               PdTensor *x,
               const PdVector *weight,
               const PdVector *bias,
               guint groups,
               float eps,
               PdActivation activation,
               gboolean border)
{
  PdStorage *table = pd_graph_scratch (graph, x->n * pd_group_norm_table_bytes (x->c));

  pd_group_norm_measure (graph, x, weight, groups, eps, FALSE, table);
  return pd_group_norm_apply (graph, x, table, bias, activation, FALSE, border);
}

PdTensor *
pd_layer_norm (PdGraph *graph, PdTensor *x, const PdVector *weight, const PdVector *bias, float eps)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdDeviceInfo *info = pd_device_info (backend->device);
  PdTensor *y = pd_graph_tensor_typed (graph, x->type, x->n, x->h, x->w, x->c, 0);
  guint workgroup = pd_small_workgroup (backend);
  guint lanes = info->is_cpu ? 1 : LAYER_LANES_GPU, pixels = workgroup / lanes;
  gboolean flat = x->border == 0;
  PdRegionLimits limits = {
    .images = flat ? 1 : x->n,
    .rows = flat ? 1 : x->h,
    .width = flat ? x->n * x->h * x->w : x->w,
    .max_width = (gsize) info->max_workgroup_count[0] * pixels,
  };
  g_autoptr (GArray) regions = NULL;

  limits.extra_rows = flat ? 0 : 2;
  limits.row_bytes =
      (gsize) (limits.width + 2 * x->border) * MAX (x->ld, y->ld) * pd_type_size (x->type);
  regions = pd_regions (backend, &limits);
  for (guint i = 0; i < regions->len; i++)
    {
      PdRegion region = g_array_index (regions, PdRegion, i);
      guint32 arguments[] = { region.rows, region.width, pd_align_channels (x->c) / 4, x->c };
      PdDispatch dispatch = { .label = "layer norm",
                              .shader = x->type == PD_TYPE_F16 ? "layer-norm-f16" : "layer-norm",
                              .constants = { workgroup, lanes },
                              .n_constants = 2,
                              .groups = { divide_up (region.width, pixels),
                                          region.images * region.rows, 1 } };
      PdPlace places[2];
      PdRegion from = region;

      from.row += x->border;
      from.x += x->border;
      places[0] = pd_region_bind (graph, &dispatch, x, from, PD_ACCESS_READ);
      pd_storage_bind (graph, &dispatch, &weight->storage, PD_ACCESS_READ);
      pd_storage_bind (graph, &dispatch, &bias->storage, PD_ACCESS_READ);
      places[1] = pd_region_bind (graph, &dispatch, y, region, PD_ACCESS_WRITE);
      pd_push (&dispatch, places, sizeof places);
      pd_push (&dispatch, arguments, sizeof arguments);
      pd_push (&dispatch, &eps, sizeof eps);
      dispatch.work = pd_memory_work (dispatch.access[0].range + dispatch.access[3].range);
      pd_graph_dispatch (graph, &dispatch);
    }
  return y;
}
