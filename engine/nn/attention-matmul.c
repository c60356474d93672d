// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/attention.h"

#include <math.h>

#include "engine/nn/matmul-uniform.h"
#include "engine/nn/slice.h"
#include "shaders/abi/attention-uniform-pack.h"
#include "shaders/abi/softmax.h"

/* Floats of scores that are kept at once: they should stay in the cache. */
static const gsize SCORES = 2 << 20;

typedef struct
{
  PdGraph *graph;
  const PdAttention *attention;
  guint lanes, head, keys;
} Emitter;

/* Channels of head @head of pixels first … first + count - 1 of image @image, as one row. */
static PdTensor *
view (PdGraph *graph,
      PdTensor *tensor,
      guint channel,
      guint channels,
      guint image,
      guint first,
      guint count)
{
  PdTensor *part = pd_tensor_channels (graph, tensor, channel, channels);

  part->offset += (image * pd_tensor_image_pitch (tensor) + (gsize) first * tensor->ld) *
                  pd_type_size (tensor->type);
  part->n = part->h = 1;
  part->w = count;
  return part;
}

/* Pixels of a tensor of one row. */
static PdSlice
whole_row (const PdTensor *tensor)
{
  return (PdSlice){ .images = 1, .rows = 1, .width = tensor->w };
}

/* @tensor (one row of keys) as a matrix of a product: of keys columns (PACK_QUERIES), or of as many
 * columns as it has channels (PACK_PANELS). */
static void
pack (const Emitter *self, PackKind kind, PdTensor *tensor, PdStorage *panels, float scale)
{
  guint slots = pd_align_channels (self->keys);
  PdDispatch dispatch = { .label = "attention",
                          .shader = "attention-uniform-pack",
                          .constants = { self->lanes, kind, self->head, self->head / ATTENTION_PART,
                                         1 },
                          .n_constants = 5,
                          .groups = { slots / self->lanes, self->head / ATTENTION_PART, 1 },
                          .work = pd_dispatch_memory_work (2 * panels->size) };
  PdStrides strides = pd_slice_bind (whole_row (tensor), pd_graph_backend (self->graph), &dispatch,
                                     tensor, PD_ACCESS_READ);
  PdPackPush push = { .tokens = self->keys,
                      .width = tensor->w,
                      .start = strides.start,
                      .row = strides.row,
                      .pixel = strides.pixel,
                      .tiles = kind == PACK_PANELS ? slots : slots / self->lanes,
                      .scale = scale };

  pd_dispatch_bind_all (&dispatch, panels, PD_ACCESS_WRITE);
  pd_dispatch_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (self->graph, &dispatch);
}

/* @scores: rows of queries from @first on. */
static void
softmax (const Emitter *self, PdTensor *scores, guint image, guint first)
{
  const PdBackend *backend = pd_graph_backend (self->graph);
  PdTensor *bias = self->attention->key_bias;
  PdDispatch dispatch = { .label = "attention",
                          .shader = "softmax",
                          .constants = { self->lanes, bias != NULL, self->attention->causal },
                          .n_constants = 3,
                          .groups = { scores->w, 1, 1 },
                          .work = pd_dispatch_memory_work (3 * pd_tensor_bytes (scores)) };
  PdStrides strides = pd_slice_bind (whole_row (scores), backend, &dispatch, scores,
                                     PD_ACCESS_READ | PD_ACCESS_WRITE);
  PdSoftmaxPush push = { .start = strides.start,
                         .row = strides.pixel,
                         .quads = scores->ld / 4,
                         .keys = self->keys,
                         .first_query = first,
                         .bias_scale = (float) M_LOG2E };

  if (bias != NULL)
    {
      PdSlice row = pd_slice_stored (pd_slice_images (bias, image, 1), bias);

      push.bias_start = 4 * pd_slice_bind (row, backend, &dispatch, bias, PD_ACCESS_READ).start;
    }
  else
    pd_dispatch_bind_unused (&dispatch);
  pd_dispatch_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (self->graph, &dispatch);
}

static void
emit_head (const Emitter *self,
           PdTensor *q,
           PdTensor *k,
           PdTensor *v,
           PdTensor *y,
           guint image,
           guint index)
{
  guint queries = q->h * q->w, channel = index * self->head;
  guint step = (guint) CLAMP (SCORES / self->keys, 16, queries);
  gsize size = (gsize) pd_align_channels (self->keys) * self->head * sizeof (float);
  PdStorage *key_panels = pd_graph_scratch (self->graph, size);
  PdStorage *value_panels = pd_graph_scratch (self->graph, size);
  PdMatrix scores_of = { .out = self->keys, .in = self->head, .taps = 1, .panel = self->lanes };
  PdMatrix values_of = { .out = self->head, .in = self->keys, .taps = 1, .panel = self->lanes };

  pack (self, PACK_QUERIES, view (self->graph, k, channel, self->head, image, 0, self->keys),
        key_panels, (float) (M_LOG2E / sqrt (self->head)));
  pack (self, PACK_PANELS, view (self->graph, v, channel, self->head, image, 0, self->keys),
        value_panels, 1);
  for (guint first = 0; first < queries; first += step)
    {
      guint count = MIN (step, queries - first);
      PdMatmul matmul = {
        .label = "attention",
        .a = view (self->graph, q, channel, self->head, image, first, count),
        .b = &scores_of,
        .h = 1,
        .w = count,
        .stride = 1,
      };
      PdTensor *scores = pd_matmul_uniform_into (self->graph, &matmul, key_panels, NULL);

      softmax (self, scores, image, first);
      matmul.a = scores;
      matmul.b = &values_of;
      pd_matmul_uniform_into (self->graph, &matmul, value_panels,
                              view (self->graph, y, channel, self->head, image, first, count));
    }
}

static PdTensor *
without_border (PdGraph *graph, PdTensor *tensor)
{
  return tensor->border == 0 ? tensor : pd_convert (graph, tensor, tensor->type, FALSE);
}

PdTensor *
pd_attention_matmul (PdGraph *graph, const PdAttention *attention)
{
  PdTensor *q = without_border (graph, attention->q), *k = without_border (graph, attention->k);
  PdTensor *v = without_border (graph, attention->v);
  PdTensor *y = pd_graph_tensor (graph, q->n, q->h, q->w, q->c, 0);
  Emitter self = { .graph = graph,
                   .attention = attention,
                   .lanes = pd_graph_backend (graph)->panel,
                   .head = q->c / attention->heads,
                   .keys = k->h * k->w };

  for (guint image = 0; image < q->n; image++)
    for (guint head = 0; head < attention->heads; head++)
      emit_head (&self, q, k, v, y, image, head);
  return y;
}
