// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/nn/region.h"

enum
{
  WORKGROUP = 64,
  /* Pixels that one invocation of a small op takes. On a CPU a workgroup costs as much as some
   * hundred quads. */
  STRIP_CPU = 16,
  STRIP_GPU = 4,
};

/* Floating-point operations that take as long as moving a byte: small ops take about 0.6 CPU-ns per
 * byte on lavapipe (norms, GEGLU, concat; busy machine), and 40 GFLOP/s is what its uniform
 * products are meant to make. Not measured on a GPU. */
static const double WORK_PER_BYTE = 25;

static void
add_region (GArray *regions, guint image, guint images, guint row, guint rows, guint x, guint width)
{
  PdRegion region = { image, images, row, rows, x, width };

  g_array_append_val (regions, region);
}

GArray *
pd_regions (const PdBackend *backend, const PdRegionLimits *limits)
{
  const PdDeviceInfo *info = pd_device_info (backend->device);
  GArray *regions = g_array_new (FALSE, FALSE, sizeof (PdRegion));
  gsize range = info->max_storage_buffer_range - info->min_storage_buffer_offset_alignment;
  gsize max_pixels = limits->max_pixels > 0 ? limits->max_pixels : G_MAXSIZE;
  gsize max_width = MIN (limits->max_width > 0 ? limits->max_width : G_MAXSIZE, max_pixels);
  gsize bound_rows = range / limits->row_bytes;
  gsize rows = MIN (info->max_workgroup_count[1], max_pixels / limits->width);

  rows = MIN (rows, bound_rows - MIN (bound_rows, limits->extra_rows));
  if (limits->width > max_width)
    rows = 0;

  if (rows >= limits->rows)
    {
      guint images = (guint) MIN (rows / limits->rows,
                                  MAX (bound_rows / (limits->rows + limits->extra_rows), 1));

      for (guint n = 0; n < limits->images; n += images)
        add_region (regions, n, MIN (images, limits->images - n), 0, limits->rows, 0,
                    limits->width);
    }
  else if (rows > 0)
    {
      for (guint n = 0; n < limits->images; n++)
        for (guint y = 0; y < limits->rows; y += (guint) rows)
          add_region (regions, n, 1, y, (guint) MIN (rows, limits->rows - y), 0, limits->width);
    }
  else
    {
      gsize width = MAX (range / (1 + limits->extra_rows) / (limits->row_bytes / limits->width), 1);

      width = MIN (width, max_width);
      for (guint n = 0; n < limits->images; n++)
        for (guint y = 0; y < limits->rows; y++)
          for (guint x = 0; x < limits->width; x += (guint) width)
            add_region (regions, n, 1, y, 1, x, (guint) MIN (width, limits->width - x));
    }
  return regions;
}

PdPlace
pd_region_bind (
    PdGraph *graph, PdDispatch *dispatch, PdTensor *tensor, PdRegion region, PdAccessMode mode)
{
  gsize element = pd_type_size (tensor->type);
  gsize image = pd_tensor_image_pitch (tensor), row = pd_tensor_row_pitch (tensor);
  gsize first = region.image * image + region.row * row + (gsize) region.x * tensor->ld;
  gsize count = (region.images - 1) * image + (region.rows - 1) * row +
                (gsize) (region.width - 1) * tensor->ld + pd_align_channels (tensor->c);
  PdPlace place = { .image = (guint32) (image / 4),
                    .row = (guint32) (row / 4),
                    .pixel = tensor->ld / 4 };

  dispatch->access[dispatch->n_access] = pd_graph_bind (
      graph, (int) dispatch->n_access, tensor->storage, tensor->offset + first * element,
      count * element, 4 * element, mode, &place.start);
  dispatch->n_access++;
  return place;
}

void
pd_storage_bind (PdGraph *graph, PdDispatch *dispatch, const PdStorage *storage, PdAccessMode mode)
{
  dispatch->access[dispatch->n_access] = pd_graph_bind (
      graph, (int) dispatch->n_access, (PdStorage *) storage, 0, storage->size, 1, mode, NULL);
  dispatch->n_access++;
}

void
pd_push (PdDispatch *dispatch, gconstpointer values, gsize size)
{
  g_assert (dispatch->push_size + size <= sizeof dispatch->push);
  memcpy (dispatch->push + dispatch->push_size, values, size);
  dispatch->push_size += (guint) size;
}

guint
pd_small_workgroup (const PdBackend *backend)
{
  return MIN (WORKGROUP, pd_device_info (backend->device)->max_workgroup_size[0]);
}

double
pd_memory_work (gsize bytes)
{
  return WORK_PER_BYTE * (double) bytes + 1;
}

/* struct Walk of shaders/common/walk.glsl. */
typedef struct
{
  guint32 image, rows, width, quads, strip, row, column, h, w;
} WalkPush;

/* Binds what @region of the result is made from. */
static PdPlace
bind_input (
    PdGraph *graph, PdDispatch *dispatch, const PdWalk *walk, PdTensor *input, PdRegion region)
{
  const PdTensor *y = walk->result;
  gint64 row = (gint64) region.row - y->border, column = (gint64) region.x - y->border;
  gint64 first = MAX (row, 0);
  gint64 last = MIN (row + region.rows, (gint64) y->h) - 1;
  PdPlace place;

  if (y->border == 0 && !walk->scaled)
    {
      region.row += input->border;
      region.x += input->border;
      return pd_region_bind (graph, dispatch, input, region, PD_ACCESS_READ);
    }
  /* A region of border alone still needs a binding. */
  first = MIN (first, (gint64) y->h - 1);
  last = MAX (last, first);
  if (walk->scaled)
    {
      first = first * input->h / y->h;
      last = ((last + 1) * input->h + y->h - 1) / y->h - 1;
      row = column = 0;
    }
  region.row = (guint) first + input->border;
  region.rows = (guint) (last - first) + 1;
  region.x = input->border;
  region.width = input->w;
  place = pd_region_bind (graph, dispatch, input, region, PD_ACCESS_READ);
  place.start += (guint32) ((row - first) * place.row + column * place.pixel);
  return place;
}

static void
dispatch_region (PdGraph *graph, const PdWalk *walk, PdRegion region, guint strip)
{
  PdTensor *y = walk->result;
  guint workgroup = pd_small_workgroup (pd_graph_backend (graph));
  PdDispatch dispatch = { .label = walk->label, .shader = walk->shader };
  WalkPush push = { .image = region.image,
                    .rows = region.rows,
                    .width = region.width,
                    .quads = pd_align_channels (y->c) / 4,
                    .strip = strip,
                    .row = region.row - y->border,
                    .column = region.x - y->border,
                    .h = y->h,
                    .w = y->w };
  guint invocations = (region.width + strip - 1) / strip * push.quads;
  gsize bytes = 0;
  PdPlace place;

  dispatch.constants[0] = workgroup;
  memcpy (dispatch.constants + 1, walk->constants, sizeof walk->constants);
  dispatch.n_constants = 1 + walk->n_constants;

  for (guint i = 0; i < walk->n_inputs; i++)
    {
      place = bind_input (graph, &dispatch, walk, walk->inputs[i], region);
      pd_push (&dispatch, &place, sizeof place);
      bytes += dispatch.access[i].range;
    }
  place = pd_region_bind (graph, &dispatch, y, region, PD_ACCESS_WRITE);
  pd_push (&dispatch, &place, sizeof place);
  bytes += dispatch.access[walk->n_inputs].range;
  for (guint i = 0; i < walk->n_extra; i++)
    pd_storage_bind (graph, &dispatch, walk->extra[i], PD_ACCESS_READ);

  pd_push (&dispatch, &push, sizeof push);
  if (walk->arguments_size > 0)
    pd_push (&dispatch, walk->arguments, walk->arguments_size);
  dispatch.groups[0] = (invocations + workgroup - 1) / workgroup;
  dispatch.groups[1] = region.images * region.rows;
  dispatch.groups[2] = 1;
  dispatch.work = pd_memory_work (bytes);
  pd_graph_dispatch (graph, &dispatch);
}

void
pd_walk (PdGraph *graph, const PdWalk *walk)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdDeviceInfo *info = pd_device_info (backend->device);
  const PdTensor *y = walk->result;
  guint strip = info->is_cpu ? STRIP_CPU : STRIP_GPU;
  gsize strips = (gsize) info->max_workgroup_count[0] * pd_small_workgroup (backend) /
                 (pd_align_channels (y->c) / 4);
  gsize pixel_bytes = y->ld * pd_type_size (y->type);
  gboolean flat = y->border == 0 && !walk->scaled;
  PdRegionLimits limits = { .images = y->n,
                            .rows = y->h + 2 * y->border,
                            .width = y->w + 2 * y->border,
                            .max_width = strips * strip };
  g_autoptr (GArray) regions = NULL;

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
  regions = pd_regions (backend, &limits);
  for (guint i = 0; i < regions->len; i++)
    dispatch_region (graph, walk, g_array_index (regions, PdRegion, i), strip);
}
