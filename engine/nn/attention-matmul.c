// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/nn/attention.h"
#include "engine/nn/matmul-uniform.h"
#include "engine/nn/region.h"

enum
{
  PART = 8, /* channels that an invocation of shaders/attention-uniform-pack.comp takes */
  PACK_QUERIES = 0,
  PACK_PANELS = 5,
};

/* Floats of scores that are kept at once: they should stay in the cache. */
static const gsize SCORES = 2 << 20;

/* Push constants of shaders/attention-uniform-pack.comp. */
typedef struct
{
  guint32 tokens, width, start, row, pixel, tiles, offset, first, end;
  float scale;
} PackPush;

/* Push constants of shaders/softmax.comp. */
typedef struct
{
  guint32 start, row, quads, keys, bias_start, first_query;
  float bias_scale;
} SoftmaxPush;

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

/* @tensor (one row of keys) as a matrix of a product: of keys columns (PACK_QUERIES), or of as many
 * columns as it has channels (PACK_PANELS). */
static void
pack (const Emitter *self, guint kind, PdTensor *tensor, PdStorage *panels, float scale)
{
  guint slots = pd_align_channels (self->keys);
  PdDispatch dispatch = { .label = "attention",
                          .shader = "attention-uniform-pack",
                          .constants = { self->lanes, kind, self->head, self->head / PART, 1 },
                          .n_constants = 5,
                          .groups = { slots / self->lanes, self->head / PART, 1 },
                          .work = pd_memory_work (2 * panels->size) };
  PackPush push = { .tokens = self->keys,
                    .tiles = kind == PACK_PANELS ? slots : slots / self->lanes,
                    .scale = scale };
  PdRegion region = { .images = 1, .rows = 1, .width = tensor->w };
  PdPlace place = pd_region_bind (self->graph, &dispatch, tensor, region, PD_ACCESS_READ);

  push.width = tensor->w;
  push.start = place.start;
  push.row = place.row;
  push.pixel = place.pixel;
  dispatch.access[dispatch.n_access++] =
      pd_graph_bind (self->graph, 1, panels, 0, (gsize) slots * self->head * sizeof (float), 1,
                     PD_ACCESS_WRITE, NULL);
  pd_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (self->graph, &dispatch);
}

/* @scores: rows of queries from @first on. */
static void
softmax (const Emitter *self, PdTensor *scores, guint image, guint first)
{
  PdTensor *bias = self->attention->key_bias;
  PdDispatch dispatch = { .label = "attention",
                          .shader = "softmax",
                          .constants = { self->lanes, bias != NULL, self->attention->causal },
                          .n_constants = 3,
                          .groups = { scores->w, 1, 1 },
                          .work = pd_memory_work (3 * pd_tensor_bytes (scores)) };
  SoftmaxPush push = {
    .quads = scores->ld / 4, .keys = self->keys, .first_query = first, .bias_scale = (float) M_LOG2E
  };
  PdRegion region = { .images = 1, .rows = 1, .width = scores->w };
  PdPlace place =
      pd_region_bind (self->graph, &dispatch, scores, region, PD_ACCESS_READ | PD_ACCESS_WRITE);

  push.start = place.start;
  push.row = place.pixel;
  if (bias != NULL)
    {
      PdRegion row = { image, 1, bias->border, 1, bias->border, bias->w };

      place = pd_region_bind (self->graph, &dispatch, bias, row, PD_ACCESS_READ);
      push.bias_start = 4 * place.start;
    }
  else
    {
      dispatch.access[1] = dispatch.access[0];
      dispatch.access[1].mode = PD_ACCESS_READ;
      dispatch.access[dispatch.n_access++].binding = 1;
    }
  pd_push (&dispatch, &push, sizeof push);
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
