// SPDX-License-Identifier: GPL-3.0-or-later
#include <inttypes.h>
#include <math.h>
#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/nn/attention.h"
#include "engine/nn/region.h"

enum
{
  /* As in shaders/attention.comp. */
  THREAD_COLUMNS = 8,
  KEYS = 4 * THREAD_COLUMNS,
  MAX_CHUNK = 16,

  MAX_SUM_QUADS = 24, /* of an invocation, in registers */
  FLAG_CAUSAL = 1,
  FLAG_KEY_BIAS = 2,
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

/* Push constants of shaders/attention.comp. */
typedef struct
{
  PdPlace q, k, v, y;
  guint32 queries, q_width, first_query;
  guint32 keys, k_width;
  guint32 channels, y_quads;
  guint32 key_bias_start, key_bias_pitch;
  guint32 flags;
  float scale;
} AttentionPush;

/* Index into shapes of the first that the device can run, or -1. */
static int
choose_shape (const PdDeviceInfo *info, guint head)
{
  guint quads = (head + 3) / 4, chunk = MIN (quads, MAX_CHUNK);
  guint chunks = (quads + chunk - 1) / chunk;
  guint chunk_quads = (chunk + THREAD_COLUMNS - 1) / THREAD_COLUMNS;

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      guint queries = shapes[i].threads / THREAD_COLUMNS * shapes[i].rows;
      guint bytes = 16 * (queries * (quads | 1) + KEYS * (chunk_quads * THREAD_COLUMNS + 1)) +
                    20 * queries * (THREAD_COLUMNS + 1);

      if (bytes <= info->max_shared_memory &&
          (shapes[i].rows * chunks * chunk_quads <= MAX_SUM_QUADS || shapes[i].rows == 1))
        return (int) i;
    }
  return -1;
}

/* All of an image, without border. */
static PdRegion
whole_images (const PdTensor *tensor, guint image, guint images)
{
  return (PdRegion){ image, images, tensor->border, tensor->h, tensor->border, tensor->w };
}

static void
dispatch_region (
    PdGraph *graph, const PdAttention *attention, PdTensor *y, int shape, PdRegion region)
{
  guint head = attention->q->c / attention->heads;
  guint tile = shapes[shape].threads / THREAD_COLUMNS * shapes[shape].rows;
  guint queries = region.rows * region.width, keys = attention->k->h * attention->k->w;
  gboolean f16 = y->type == PD_TYPE_F16;
  PdRegion from = region, to = region;
  PdDispatch dispatch = {
    .label = "attention",
    .shader = f16 ? "attention-f16" : "attention",
    .constants = { shapes[shape].threads, shapes[shape].rows, head },
    .n_constants = 3,
    .groups = { (queries + tile - 1) / tile, attention->heads, region.images },
    .work = 4.0 * queries * keys * attention->q->c * region.images,
  };
  AttentionPush push = {
    .queries = queries,
    .q_width = region.width,
    .first_query = region.row * y->w + region.x,
    .keys = keys,
    .k_width = attention->k->w,
    .channels = y->c,
    .y_quads = pd_align_channels (y->c) / 4,
    .flags = (attention->causal ? FLAG_CAUSAL : 0) | (attention->key_bias ? FLAG_KEY_BIAS : 0),
    .scale = (float) (M_LOG2E / sqrt (head)),
  };

  from.row += attention->q->border;
  from.x += attention->q->border;
  push.q = pd_region_bind (graph, &dispatch, attention->q, from, PD_ACCESS_READ);
  push.k =
      pd_region_bind (graph, &dispatch, attention->k,
                      whole_images (attention->k, region.image, region.images), PD_ACCESS_READ);
  push.v =
      pd_region_bind (graph, &dispatch, attention->v,
                      whole_images (attention->v, region.image, region.images), PD_ACCESS_READ);
  if (attention->key_bias != NULL)
    {
      PdPlace place = pd_region_bind (
          graph, &dispatch, attention->key_bias,
          whole_images (attention->key_bias, region.image, region.images), PD_ACCESS_READ);

      push.key_bias_start = 4 * place.start;
      push.key_bias_pitch = 4 * place.image;
    }
  else
    {
      dispatch.access[3] = dispatch.access[0];
      dispatch.access[dispatch.n_access++].binding = 3;
    }
  push.y = pd_region_bind (graph, &dispatch, y, to, PD_ACCESS_WRITE);
  pd_push (&dispatch, &push, sizeof push);
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
  PdAttention wide = *attention;

  wide.q = pd_convert (graph, attention->q, PD_TYPE_F32, FALSE);
  wide.k = pd_convert (graph, attention->k, PD_TYPE_F32, FALSE);
  wide.v = pd_convert (graph, attention->v, PD_TYPE_F32, FALSE);
  return pd_convert (graph, pd_attention_general (graph, &wide), PD_TYPE_F16, FALSE);
}

PdTensor *
pd_attention_general (PdGraph *graph, const PdAttention *attention)
{
  const PdBackend *backend = pd_graph_backend (graph);
  const PdDeviceInfo *info = pd_device_info (backend->device);
  PdTensor *q = attention->q, *k = attention->k, *y;
  PdRegionLimits limits = { .images = q->n, .rows = q->h, .width = q->w };
  g_autoptr (GArray) regions = NULL;
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
  regions = pd_regions (backend, &limits);
  together = q->n * key_bytes (attention) + info->min_storage_buffer_offset_alignment <=
             info->max_storage_buffer_range;
  for (guint i = 0; i < regions->len; i++)
    {
      PdRegion region = g_array_index (regions, PdRegion, i);
      guint end = region.image + region.images;

      region.images = together ? region.images : 1;
      for (; region.image < end; region.image += region.images)
        dispatch_region (graph, attention, y, shape, region);
    }
  return y;
}
