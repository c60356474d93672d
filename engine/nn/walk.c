// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/walk.h"

#include <string.h>

enum
{
  /* Pixels that one invocation of a small op takes. On a CPU a workgroup costs as much as some
   * hundred quads. */
  STRIP_CPU = 16,
  STRIP_GPU = 4,
};

/* Binds what @slice of the result is made from. */
static PdStrides
bind_input (const PdBackend *backend,
            PdDispatch *dispatch,
            const PdWalk *walk,
            PdTensor *input,
            PdSlice slice)
{
  const PdTensor *y = walk->result;
  gint64 row = (gint64) slice.row - y->border, column = (gint64) slice.x - y->border;
  gint64 first = MAX (row, 0);
  gint64 last = MIN (row + slice.rows, (gint64) y->h) - 1;
  PdStrides strides;

  if (y->border == 0 && !walk->scaled)
    return pd_slice_bind (pd_slice_stored (slice, input), backend, dispatch, input, PD_ACCESS_READ);
  /* A slice of border alone still needs a binding. */
  first = MIN (first, (gint64) y->h - 1);
  last = MAX (last, first);
  if (walk->scaled)
    {
      first = first * input->h / y->h;
      last = ((last + 1) * input->h + y->h - 1) / y->h - 1;
      row = column = 0;
    }
  slice.row = (guint) first + input->border;
  slice.rows = (guint) (last - first) + 1;
  slice.x = input->border;
  slice.width = input->w;
  strides = pd_slice_bind (slice, backend, dispatch, input, PD_ACCESS_READ);
  strides.start += (guint32) ((row - first) * strides.row + column * strides.pixel);
  return strides;
}

static void
dispatch_slice (PdGraph *graph, const PdWalk *walk, PdSlice slice, guint strip)
{
  const PdBackend *backend = pd_graph_backend (graph);
  PdTensor *y = walk->result;
  guint workgroup = pd_dispatch_workgroup (backend);
  guint quads = pd_align_channels (y->c) / 4;
  gsize invocations = pd_divide_up (slice.width, strip) * quads;
  PdDispatch dispatch = { .label = walk->label,
                          .shader = walk->shader,
                          .constants = { workgroup },
                          .n_constants = 1 + walk->n_constants,
                          .groups = { (guint) pd_divide_up (invocations, workgroup),
                                      slice.images * slice.rows, 1 } };
  PdStrides strides[G_N_ELEMENTS (walk->inputs) + 1];
  const gsize walk_at = (walk->n_inputs + 1) * sizeof *strides;
  const PdWalkPush push = { .image = slice.image,
                            .rows = slice.rows,
                            .width = slice.width,
                            .quads = quads,
                            .strip = strip,
                            .row = slice.row - y->border,
                            .column = slice.x - y->border,
                            .h = y->h,
                            .w = y->w };
  gsize bytes = 0;

  g_assert ((const guint8 *) walk->walk == (const guint8 *) walk->push + walk_at);
  memcpy (dispatch.constants + 1, walk->constants, sizeof walk->constants);
  for (guint i = 0; i < walk->n_inputs; i++)
    strides[i] = bind_input (backend, &dispatch, walk, walk->inputs[i], slice);
  strides[walk->n_inputs] = pd_slice_bind (slice, backend, &dispatch, y, PD_ACCESS_WRITE);
  for (guint i = 0; i < dispatch.n_access; i++)
    bytes += dispatch.access[i].range;
  for (guint i = 0; i < walk->n_extra; i++)
    pd_dispatch_bind_all (&dispatch, walk->extra[i], PD_ACCESS_READ);
  pd_dispatch_push (&dispatch, walk->push, walk->push_size);
  memcpy (dispatch.push, strides, walk_at);
  memcpy (dispatch.push + walk_at, &push, sizeof push);
  dispatch.work = pd_dispatch_memory_work (bytes);
  pd_graph_dispatch (graph, &dispatch);
}

void
pd_walk (PdGraph *graph, const PdWalk *walk)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdDeviceInfo *info = pd_device_info (backend->device);
  const PdTensor *y = walk->result;
  guint strip = info->is_cpu ? STRIP_CPU : STRIP_GPU;
  gsize strips = (gsize) info->max_workgroup_count[0] * pd_dispatch_workgroup (backend) /
                 (pd_align_channels (y->c) / 4);
  gsize pixel_bytes = y->ld * pd_type_size (y->type);
  gboolean flat = y->border == 0 && !walk->scaled;
  PdSliceLimits limits = { .images = y->n,
                           .rows = y->h + 2 * y->border,
                           .width = y->w + 2 * y->border,
                           .max_width = strips * strip };
  g_autoptr (GArray) slices = NULL;

  for (guint i = 0; i < walk->n_inputs; i++)
    {
      const PdTensor *x = walk->inputs[i];
      gsize bytes = x->ld * pd_type_size (x->type);

      flat = flat && x->border == 0;
      if (walk->scaled)
        limits.row_bytes =
            MAX (limits.row_bytes, (x->w + 2 * x->border) * bytes * (x->h / y->h + 1));
      else
        pixel_bytes = MAX (pixel_bytes, bytes);
    }
  if (flat)
    {
      limits.width *= limits.rows;
      limits.rows = 1;
      if (!walk->per_image)
        {
          limits.width *= limits.images;
          limits.images = 1;
        }
    }
  else
    limits.extra_rows = 2;
  limits.row_bytes = MAX (limits.row_bytes, (limits.width + (flat ? 0 : 2)) * pixel_bytes);
  slices = pd_slice_cut (backend, &limits);
  for (guint i = 0; i < slices->len; i++)
    dispatch_slice (graph, walk, g_array_index (slices, PdSlice, i), strip);
}
