// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/matmul.h"

#include <math.h>

#include "engine/nn/graph.h"
#include "engine/nn/slice.h"
#include "shaders/abi/matmul.h"

/* Tile of a workgroup and of an invocation (of a subgroup, for the cooperative kernel): what fits
 * 16 KiB of shared memory (32 KiB) and keeps its sums in registers. */
typedef struct
{
  guint rows, columns, sum_rows, sum_columns;
} Tile;

/* From the largest, which reads least, to the smallest, of which there are most. */
static const Tile tiles[] = {
  { 128, 64, 8, 4 },
  { 64, 64, 8, 4 },
  { 32, 32, 4, 4 },
};
/* For the few rows of a time embedding: every weight is read once. */
static const Tile narrow_tile = { 8, 64, 2, 4 };
static const Tile cooperative_tiles[] = {
  { 64, 64, 32, 32 },
  { 32, 32, 16, 16 },
};

enum
{
  /* Workgroups that should keep a GPU busy: a guess, measured on none. */
  BUSY_GROUPS = 64,
  /* The narrow kernel's channels come in multiples of PD_CHANNEL_ALIGN. */
  DEPTH = PD_CHANNEL_ALIGN,
};

/* Floating-point operations of a dispatch, to stay below 0.3 s: these kernels make 2.0 to 2.5
 * GFLOP/s per CPU second on lavapipe (measured, busy machine). The figure for GPUs is a guess. */
static const double WORK_CPU = 0.25e9;
static const double WORK_GPU = 20e9;

static guint
tile_threads (const Tile *tile, gboolean cooperative, const PdDeviceInfo *info)
{
  guint count = tile->rows / tile->sum_rows * (tile->columns / tile->sum_columns);

  return cooperative ? count * info->subgroup_size : count;
}

static const Tile *
choose_tile (const PdDeviceInfo *info, gboolean cooperative, guint pixels, guint columns)
{
  const Tile *table = cooperative ? cooperative_tiles : tiles;
  guint n = cooperative ? G_N_ELEMENTS (cooperative_tiles) : G_N_ELEMENTS (tiles);

  if (!cooperative && pixels <= narrow_tile.rows)
    return &narrow_tile;
  for (guint i = 0; i + 1 < n; i++)
    {
      const Tile *tile = &table[i];
      guint groups =
          (guint) pd_divide_up (pixels, tile->rows) * (guint) pd_divide_up (columns, tile->columns);
      guint threads = tile_threads (tile, cooperative, info);

      if (threads <= info->max_workgroup_invocations && threads <= info->max_workgroup_size[0] &&
          (info->is_cpu ? pixels >= tile->rows : groups >= BUSY_GROUPS))
        return tile;
    }
  return &table[n - 1];
}

/* Columns first … first + count - 1 of the product, and channels of the result that come of them.
 */
typedef struct
{
  guint first, count, channels;
} Columns;

static PdTensor *
as_type (PdGraph *graph, PdTensor *tensor, PdType type)
{
  return tensor == NULL || tensor->type == type
             ? tensor
             : pd_convert (graph, tensor, type, tensor->border_zero);
}

/* The rows of A that @slice of the result is made from. */
static PdSlice
input_slice (const PdMatmul *matmul, PdSlice slice)
{
  const PdTensor *a = matmul->a;

  if (matmul->b->taps == 1)
    return pd_slice_stored (slice, a);
  slice.row = slice.row * matmul->stride + pd_matmul_inset_y (matmul);
  slice.rows = (slice.rows - 1) * matmul->stride + pd_matmul_tap_columns (matmul);
  slice.x = slice.x * matmul->stride + pd_matmul_inset_x (matmul);
  slice.width = (slice.width - 1) * matmul->stride + pd_matmul_tap_columns (matmul);
  return slice;
}

/* Binds what @slice makes of @y. */
static PdStrides
bind_result (const PdMatmul *matmul,
             PdSlice slice,
             const PdBackend *backend,
             PdDispatch *dispatch,
             const PdTensor *y)
{
  PdStrides strides;

  if (matmul->into == NULL)
    return pd_slice_bind (pd_slice_stored (slice, y), backend, dispatch, y, PD_ACCESS_WRITE);
  slice.row *= 2;
  slice.rows *= 2;
  slice.x *= 2;
  slice.width *= 2;
  strides = pd_slice_bind (pd_slice_stored (slice, y), backend, dispatch, y, PD_ACCESS_WRITE);
  strides.start += matmul->phase / 2 * strides.row + matmul->phase % 2 * strides.pixel;
  strides.row *= 2;
  strides.pixel *= 2;
  return strides;
}

/* Activations may be stored in more than the weights, never in less. */
static const char *
shader_name (const PdTensor *a, const PdMatrix *b, gboolean cooperative)
{
  if (cooperative)
    return "matmul-cooperative";
  if (a->type == PD_TYPE_F16)
    return "matmul-f16";
  return b->format == PD_FORMAT_F16 ? "matmul-f32-f16" : "matmul";
}

static void
dispatch_slice (PdGraph *graph, const PdMatmul *matmul, PdTensor *y, PdSlice slice, Columns columns)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdDeviceInfo *info = pd_device_info (backend->device);
  const PdEpilogue *epilogue = &matmul->epilogue;
  const PdMatrix *b = matmul->b;
  guint pixels = slice.images * slice.rows * slice.width;
  gboolean cooperative = backend->kernels == PD_KERNELS_COOPERATIVE && pixels > narrow_tile.rows;
  const Tile *tile = choose_tile (info, cooperative, pixels, columns.count);
  guint in = pd_align_channels (b->in);
  guint depth = cooperative && in % 32 == 0 ? 32 : DEPTH;
  gsize column_bytes = pd_format_bytes (b->format, pd_matrix_depth (b));
  PdBytes weights = { &b->storage, columns.first * column_bytes, columns.count * column_bytes };
  PdDispatch dispatch = {
    .label = matmul->label,
    .shader = shader_name (matmul->a, b, cooperative),
    .constants = { tile_threads (tile, cooperative, info), tile->rows, tile->columns, depth,
                   tile->sum_rows, tile->sum_columns, b->panel },
    .n_constants = 7,
    .groups = { (guint) pd_divide_up (columns.channels, tile->columns),
                (guint) pd_divide_up (pixels, tile->rows), 1 },
    .work = 2.0 * pixels * columns.count * pd_matrix_depth (b),
  };
  PdMatmulPush push = {
    .channels = in,
    .taps = b->taps,
    .pixels = pixels,
    .rows = slice.rows,
    .width = slice.width,
    .b_columns = columns.count,
    .y_quads = columns.channels / 4,
    .bias_start = columns.first / 4,
    .flags = (matmul->bias ? MATMUL_BIAS : 0) | (epilogue->image_bias ? MATMUL_IMAGE_BIAS : 0) |
             (epilogue->residual ? MATMUL_RESIDUAL : 0) | (epilogue->affine ? MATMUL_AFFINE : 0),
    .activation = epilogue->activation,
  };

  push.a =
      pd_slice_bind (input_slice (matmul, slice), backend, &dispatch, matmul->a, PD_ACCESS_READ);
  push.tap_row = push.a.row;
  push.tap_pixel = push.a.pixel;
  push.a.row *= matmul->stride;
  push.a.pixel *= matmul->stride;
  push.b_start = (guint32) (pd_dispatch_bind (&dispatch, backend, &weights, PD_ACCESS_READ) / 16);
  if (epilogue->affine != NULL)
    {
      pd_dispatch_bind_all (&dispatch, epilogue->affine, PD_ACCESS_READ);
      push.image_bias_start = pd_align_channels (b->out) / 4;
    }
  else if (matmul->bias != NULL)
    pd_dispatch_bind_all (&dispatch, &matmul->bias->storage, PD_ACCESS_READ);
  else
    pd_dispatch_bind_unused (&dispatch);
  if (epilogue->image_bias != NULL)
    {
      PdStrides strides = pd_slice_bind (
          (PdSlice){ .image = slice.image, .images = slice.images, .rows = 1, .width = 1 }, backend,
          &dispatch, epilogue->image_bias, PD_ACCESS_READ);

      push.image_bias_start = strides.start + columns.first / 4;
      push.image_bias_pitch = strides.image;
    }
  else
    pd_dispatch_bind_unused (&dispatch);
  if (epilogue->residual != NULL)
    {
      push.residual = pd_slice_bind (pd_slice_stored (slice, epilogue->residual), backend,
                                     &dispatch, epilogue->residual, PD_ACCESS_READ);
      push.residual.start += columns.first / 4;
    }
  else
    pd_dispatch_bind_unused (&dispatch);
  push.y = bind_result (matmul, slice, backend, &dispatch, y);
  push.y.start += columns.first / 4;
  pd_dispatch_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (graph, &dispatch);
}

/* Without borders and taps, all pixels of an image are one row; all images too if none has a bias
 * of its own. */
static void
flatten (const PdMatmul *matmul, const PdTensor *y, PdSliceLimits *limits)
{
  const PdEpilogue *epilogue = &matmul->epilogue;

  if (matmul->b->taps > 1 || matmul->stride > 1 || matmul->a->border > 0 || y->border > 0 ||
      (epilogue->residual != NULL && epilogue->residual->border > 0))
    return;
  limits->width *= limits->rows;
  limits->rows = 1;
  limits->extra_rows = 0;
  if (epilogue->image_bias == NULL)
    {
      limits->width *= limits->images;
      limits->images = 1;
    }
}

PdTensor *
pd_matmul_general (PdGraph *graph, const PdMatmul *given)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdDeviceInfo *info = pd_device_info (backend->device);
  PdMatmul matmul = *given;
  PdEpilogue *epilogue = &matmul.epilogue;
  const PdMatrix *b = matmul.b;
  guint total = pd_matrix_columns (b);
  gsize column_bytes = pd_format_bytes (b->format, pd_matrix_depth (b));
  gsize range = info->max_storage_buffer_range - info->min_storage_buffer_offset_alignment;
  guint step = (guint) MIN (MAX (range / column_bytes / b->panel, 1) * b->panel, total);
  PdSliceLimits limits = { 0 };
  g_autoptr (GArray) slices = NULL;
  PdTensor *y;

  matmul.a = as_type (graph, matmul.a, backend->activations);
  epilogue->image_bias = as_type (graph, epilogue->image_bias, backend->activations);
  epilogue->residual = as_type (graph, epilogue->residual, backend->activations);
  y = matmul.into != NULL
          ? matmul.into
          : pd_graph_tensor (graph, matmul.a->n, matmul.h, matmul.w, b->out, epilogue->border);

  limits = (PdSliceLimits){ .images = y->n, .rows = matmul.h, .width = matmul.w };
  limits.extra_rows = 4;
  limits.max_pixels = (gsize) MAX (
      floor ((info->is_cpu ? WORK_CPU : WORK_GPU) / (2.0 * pd_matrix_depth (b) * step)), 64);
  limits.max_pixels =
      MIN (limits.max_pixels, (gsize) info->max_workgroup_count[1] * narrow_tile.rows);
  flatten (&matmul, y, &limits);
  limits.row_bytes = (gsize) (limits.width + 2) * pd_type_size (y->type) *
                     MAX (matmul.a->ld * matmul.stride * matmul.stride,
                          MAX (y->ld * (matmul.into != NULL ? 4 : 1),
                               epilogue->residual ? epilogue->residual->ld : 0));
  slices = pd_slice_cut (backend, &limits);

  for (guint first = 0; first < total; first += step)
    {
      guint count = MIN (step, total - first);
      /* The last columns take the surplus channels along: what no weight is read for is zero. */
      guint end = first + count == total ? pd_align_channels (b->out) : first + count;

      for (guint i = 0; i < slices->len && first < end; i++)
        dispatch_slice (graph, &matmul, y, g_array_index (slices, PdSlice, i),
                        (Columns){ first, count, end - first });
    }
  if (y->border > 0)
    pd_zero_border (graph, y);
  return y;
}
