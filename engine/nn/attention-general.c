// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/attention.h"

#include <inttypes.h>
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/nn/slice.h"
#include "shaders/abi/attention.h"

enum
{
  MAX_SUM_QUADS = 24, /* of an invocation, in registers */
};

/* Floating-point operations of a dispatch: see matmul-general.c. */
static const double WORK_CPU = 0.25e9;
static const double WORK_GPU = 20e9;

/* Invocations of a workgroup and queries of an invocation, from what reads keys and values least
 * often to what needs least shared memory. */
static const struct
{
  guint threads, rows;
} shapes[] = { { 128, 4 }, { 128, 2 }, { 64, 4 }, { 64, 2 }, { 64, 1 }, { 32, 1 } };

/* Index into shapes of the first that the device can run, or -1. */
static int
choose_shape (const PdDeviceInfo *info, guint head)
{
  guint quads = (head + 3) / 4, chunk = MIN (quads, ATTENTION_MAX_CHUNK);
  guint chunks = (quads + chunk - 1) / chunk;
  guint chunk_quads = (chunk + ATTENTION_THREAD_COLUMNS - 1) / ATTENTION_THREAD_COLUMNS;

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      guint queries = shapes[i].threads / ATTENTION_THREAD_COLUMNS * shapes[i].rows;
      guint bytes = 16 * (queries * (quads | 1) +
                          ATTENTION_KEYS * (chunk_quads * ATTENTION_THREAD_COLUMNS + 1)) +
                    20 * queries * (ATTENTION_THREAD_COLUMNS + 1);

      if (bytes <= info->max_shared_memory &&
          (shapes[i].rows * chunks * chunk_quads <= MAX_SUM_QUADS || shapes[i].rows == 1))
        return (int) i;
    }
  return -1;
}

/* Binds all of @tensor's images of @slice. */
static PdStrides
bind_images (const PdBackend *backend, PdDispatch *dispatch, const PdTensor *tensor, PdSlice slice)
{
  PdSlice images = pd_slice_images (tensor, slice.image, slice.images);

  return pd_slice_bind (pd_slice_stored (images, tensor), backend, dispatch, tensor,
                        PD_ACCESS_READ);
}

static void
dispatch_slice (PdGraph *graph, const PdAttention *attention, PdTensor *y, int shape, PdSlice slice)
{
  guint head = attention->q->c / attention->heads;
  const PdBackend *backend = pd_graph_backend (graph);
  guint tile = shapes[shape].threads / ATTENTION_THREAD_COLUMNS * shapes[shape].rows;
  guint queries = slice.rows * slice.width, keys = attention->k->h * attention->k->w;
  gboolean f16 = y->type == PD_TYPE_F16;
  PdDispatch dispatch = {
    .label = "attention",
    .shader = f16 ? "attention-f16" : "attention",
    .constants = { shapes[shape].threads, shapes[shape].rows, head },
    .n_constants = 3,
    .groups = { (guint) pd_divide_up (queries, tile), attention->heads, slice.images },
    .work = 4.0 * queries * keys * attention->q->c * slice.images,
  };
  PdAttentionPush push = {
    .queries = queries,
    .q_width = slice.width,
    .first_query = slice.row * y->w + slice.x,
    .keys = keys,
    .k_width = attention->k->w,
    .channels = y->c,
    .y_quads = pd_align_channels (y->c) / 4,
    .flags =
        (attention->causal ? ATTENTION_CAUSAL : 0) | (attention->key_bias ? ATTENTION_KEY_BIAS : 0),
    .scale = (float) (M_LOG2E / sqrt (head)),
  };

  push.q = pd_slice_bind (pd_slice_stored (slice, attention->q), backend, &dispatch, attention->q,
                          PD_ACCESS_READ);
  push.k = bind_images (backend, &dispatch, attention->k, slice);
  push.v = bind_images (backend, &dispatch, attention->v, slice);
  if (attention->key_bias != NULL)
    {
      PdStrides strides = bind_images (backend, &dispatch, attention->key_bias, slice);

      push.key_bias_start = 4 * strides.start;
      push.key_bias_pitch = 4 * strides.image;
    }
  else
    pd_dispatch_bind_unused (&dispatch);
  push.y = pd_slice_bind (slice, backend, &dispatch, y, PD_ACCESS_WRITE);
  pd_dispatch_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (graph, &dispatch);
}

/* Bytes of the keys or values of an image. */
static gsize
key_bytes (const PdAttention *attention)
{
  return MAX (pd_tensor_image_pitch (attention->k), pd_tensor_image_pitch (attention->v)) *
         pd_type_size (attention->k->type);
}

static gboolean
check (PdGraph *graph, const PdAttention *attention, int *shape)
{
  const PdDeviceInfo *info = pd_device_info (pd_graph_backend (graph)->device);
  guint head = attention->q->c / attention->heads;
  gsize bytes = key_bytes (attention);

  *shape = choose_shape (info, head);
  if (*shape < 0)
    {
      pd_graph_fail (graph,
                     g_error_new (PD_ERROR, PD_ERROR_NO_DEVICE,
                                  _ ("Attention heads of %u channels need more than the %u bytes "
                                     "of shared memory that %s has"),
                                  head, info->max_shared_memory, info->name));
      return FALSE;
    }
  if (bytes + info->min_storage_buffer_offset_alignment > info->max_storage_buffer_range)
    {
      pd_graph_fail (
          graph,
          g_error_new (PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
                       _ ("Attention over %u keys takes %zu MiB, but %s binds at most %" PRIu64
                          " MiB at once; choose a smaller size"),
                       attention->k->h * attention->k->w, bytes >> 20, info->name,
                       info->max_storage_buffer_range >> 20));
      return FALSE;
    }
  return TRUE;
}

/* With an odd number of 16-bit channels, heads share words that two workgroups would write: such
 * heads, which no known model has, take 32 bits. */
static PdTensor *
through_f32 (PdGraph *graph, const PdAttention *attention)
{
  PdAttention f32 = *attention;

  f32.q = pd_convert (graph, attention->q, PD_TYPE_F32, FALSE);
  f32.k = pd_convert (graph, attention->k, PD_TYPE_F32, FALSE);
  f32.v = pd_convert (graph, attention->v, PD_TYPE_F32, FALSE);
  return pd_convert (graph, pd_attention_general (graph, &f32), PD_TYPE_F16, FALSE);
}

PdTensor *
pd_attention_general (PdGraph *graph, const PdAttention *attention)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdDeviceInfo *info = pd_device_info (backend->device);
  PdTensor *q = attention->q, *k = attention->k, *y;
  PdSliceLimits limits = { .images = q->n, .rows = q->h, .width = q->w };
  g_autoptr (GArray) slices = NULL;
  gboolean together;
  int shape;

  if (q->type == PD_TYPE_F16 && (q->c / attention->heads) % 2 != 0)
    return through_f32 (graph, attention);

  y = pd_graph_tensor_typed (graph, q->type, q->n, q->h, q->w, q->c, 0);
  if (!check (graph, attention, &shape))
    return y;
  limits.extra_rows = q->border > 0 ? 2 : 0;
  if (q->border == 0)
    {
      limits.width *= limits.rows;
      limits.rows = 1;
    }
  limits.max_pixels =
      (gsize) MAX ((info->is_cpu ? WORK_CPU : WORK_GPU) / (4.0 * k->h * k->w * q->c), 64);
  limits.row_bytes =
      (gsize) (limits.width + 2 * q->border) * MAX (q->ld, y->ld) * pd_type_size (q->type);
  slices = pd_slice_cut (backend, &limits);
  together = q->n * key_bytes (attention) + info->min_storage_buffer_offset_alignment <=
             info->max_storage_buffer_range;
  for (guint i = 0; i < slices->len; i++)
    {
      PdSlice slice = g_array_index (slices, PdSlice, i);
      guint end = slice.image + slice.images;

      slice.images = together ? slice.images : 1;
      for (; slice.image < end; slice.image += slice.images)
        dispatch_slice (graph, attention, y, shape, slice);
    }
  return y;
}
