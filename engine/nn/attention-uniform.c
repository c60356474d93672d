// SPDX-License-Identifier: GPL-3.0-or-later
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/nn/attention.h"
#include "engine/nn/region.h"

enum
{
  /* As in shaders/attention-uniform.comp. */
  PART = 8,   /* channels */
  STATE = 10, /* vectors of a part */
  MAX_PARTS = 20,
  DIGITS = 16, /* what a workgroup id may count to */

  BLOCK_KEYS = 80, /* aimed at: 77 tokens of text fit */
  MAX_PART_KEYS = 24,
};

/* KIND of shaders/attention-uniform-pack.comp. */
typedef enum
{
  PACK_QUERIES,
  PACK_KEYS_OR_VALUES,
  PACK_BIAS,
  PACK_NO_BIAS,
  PACK_RESULT,
} PackKind;

/* Push constants of shaders/attention-uniform.comp; the addresses are filled in by the graph. */
typedef struct
{
  guint64 q, keys, old_state;
  guint32 keys_head, tiles, first;
  gint32 causal;
  guint32 state_start;
  guint32 table[MAX_PARTS];
} AttentionPush;

/* Push constants of shaders/attention-uniform-pack.comp. */
typedef struct
{
  guint32 tokens, width, start, row, pixel, tiles, offset, first, end;
  float scale;
} PackPush;

typedef struct
{
  PdGraph *graph;
  const PdAttention *attention;
  guint lanes, head, parts, keys; /* keys of a part */
  guint own, more;                /* keys of an image */
  guint tiles, blocks;            /* of a head */
  PdStorage *queries, *packed, *state;
} Emitter;

static guint
divide_up (guint a, guint b)
{
  return (a + b - 1) / b;
}

static guint
block_keys (const Emitter *self)
{
  return self->parts * self->keys;
}

static gsize
block_floats (const Emitter *self)
{
  return (gsize) block_keys (self) * (2 * self->parts * PART + 1);
}

static gsize
query_bytes (const Emitter *self)
{
  return (gsize) self->attention->heads * self->tiles * self->parts * PART * self->lanes *
         sizeof (float);
}

static gsize
state_bytes (const Emitter *self)
{
  return query_bytes (self) / PART * STATE;
}

static gsize
packed_bytes (const Emitter *self)
{
  return self->attention->heads * self->blocks * block_floats (self) * sizeof (float);
}

/* Image @image of @tensor to or from @storage; NULL: the bias of keys that have none. Keys or
 * values get the places from @first on; the last of them fill up the last block with zeros. */
static void
pack (const Emitter *self,
      PackKind kind,
      PdTensor *tensor,
      guint image,
      PdStorage *storage,
      gsize size,
      guint offset,
      guint first)
{
  guint heads = self->attention->heads;
  gboolean bias = kind == PACK_BIAS || kind == PACK_NO_BIAS;
  gboolean keys = bias || kind == PACK_KEYS_OR_VALUES;
  guint tokens = bias ? self->own + self->more : tensor->h * tensor->w;
  gboolean last = first + tokens == self->own + self->more;
  guint end = last ? self->blocks * block_keys (self) : first + tokens;
  guint slots = keys ? end - first : self->tiles * self->lanes;
  PdDispatch dispatch = { .label = "attention",
                          .shader = "attention-uniform-pack",
                          .constants = { self->lanes, kind, self->head, self->parts, self->keys },
                          .n_constants = 5,
                          .groups = { divide_up (slots, self->lanes), bias ? 1 : self->parts,
                                      heads },
                          .work = pd_memory_work (2 * size) };
  PackPush push = { .tokens = tokens,
                    .tiles = keys ? self->blocks : self->tiles,
                    .offset = offset,
                    .first = first,
                    .end = end,
                    .scale = 1 };
  PdPlace place;

  if (kind == PACK_QUERIES)
    push.scale = (float) (M_LOG2E / sqrt (self->head));
  if (bias)
    push.scale = (float) M_LOG2E;
  if (kind != PACK_NO_BIAS)
    {
      PdRegion region = { image, 1, tensor->border, tensor->h, tensor->border, tensor->w };

      place = pd_region_bind (self->graph, &dispatch, tensor, region,
                              kind == PACK_RESULT ? PD_ACCESS_WRITE : PD_ACCESS_READ);
      push.width = tensor->w;
      push.start = place.start;
      push.row = place.row;
      push.pixel = place.pixel;
      dispatch.access[0].binding = kind == PACK_RESULT ? 1 : 0;
    }
  else
    {
      dispatch.access[dispatch.n_access++] =
          pd_graph_bind (self->graph, 0, storage, 0, size, 1, PD_ACCESS_READ, NULL);
      push.width = 1;
    }
  dispatch.access[dispatch.n_access++] =
      pd_graph_bind (self->graph, kind == PACK_RESULT ? 0 : 1, storage, 0, size, 1,
                     kind == PACK_RESULT ? PD_ACCESS_READ : PD_ACCESS_WRITE, NULL);
  pd_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (self->graph, &dispatch);
}

/* Keys or values of image @image, then the further ones, @offset floats into each block. */
static void
pack_keys (const Emitter *self, PdTensor *own, PdTensor *more, guint image, guint offset)
{
  gsize size = packed_bytes (self);

  pack (self, PACK_KEYS_OR_VALUES, own, image, self->packed, size, offset, 0);
  if (more != NULL)
    pack (self, PACK_KEYS_OR_VALUES, more, image / (own->n / more->n), self->packed, size, offset,
          self->own);
}

/* Bytes @offset … @end - 1. */
static void
read_at (PdDispatch *dispatch, PdStorage *storage, gsize offset, gsize end, guint address_at)
{
  dispatch->access[dispatch->n_access++] = (PdAccess){ .storage = storage,
                                                       .offset = offset,
                                                       .range = end - offset,
                                                       .mode = PD_ACCESS_READ,
                                                       .binding = -1,
                                                       .address_at = address_at };
}

/* Block @block for the tiles of up to 16 heads from @tile and @head on. */
static void
emit_block (const Emitter *self, guint block, guint tile, guint head)
{
  const PdAttention *attention = self->attention;
  guint tiles = MIN (self->tiles - tile, DIGITS * DIGITS), x = MIN (tiles, DIGITS);
  guint y = tiles / x, heads = MIN (attention->heads - head, DIGITS);
  gsize query_tile = self->parts * PART * self->lanes * sizeof (float);
  gsize state_tile = query_tile / PART * STATE;
  gsize first_tile = (gsize) head * self->tiles + tile;
  gsize end_tile = (gsize) (head + heads - 1) * self->tiles + tile + x * y;
  gsize head_bytes = self->blocks * block_floats (self) * sizeof (float);
  gsize packed = head * head_bytes + block * block_floats (self) * sizeof (float);
  PdDispatch dispatch = {
    .label = "attention",
    .shader = self->lanes == 16 ? "attention-uniform-16" : "attention-uniform-8",
    .constants = { self->parts, self->keys, attention->causal },
    .n_constants = 3,
    .push_size = sizeof (AttentionPush),
    .groups = { x, y, heads },
    .work = 4.0 * x * y * heads * self->lanes * block_keys (self) * self->parts * PART
  };
  AttentionPush push = { .keys_head = (guint32) head_bytes,
                         .tiles = self->tiles,
                         .first = block == 0,
                         .causal =
                             (gint32) (tile * self->lanes) - (gint32) (block * block_keys (self)) };

  for (guint i = 0; i < MAX_PARTS; i++)
    push.table[i] = i;
  read_at (&dispatch, self->queries, first_tile * query_tile, end_tile * query_tile,
           G_STRUCT_OFFSET (AttentionPush, q));
  read_at (&dispatch, self->packed, packed,
           packed + (heads - 1) * head_bytes + block_floats (self) * sizeof (float),
           G_STRUCT_OFFSET (AttentionPush, keys));
  read_at (&dispatch, self->state, first_tile * state_tile, end_tile * state_tile,
           G_STRUCT_OFFSET (AttentionPush, old_state));
  dispatch.access[dispatch.n_access++] = pd_graph_bind (
      self->graph, 0, self->state, first_tile * state_tile, (end_tile - first_tile) * state_tile,
      PART * sizeof (float), PD_ACCESS_WRITE, &push.state_start);
  memcpy (dispatch.push, &push, sizeof push);
  pd_graph_dispatch (self->graph, &dispatch);
  /* Tiles of an incomplete row. */
  if (x * y < tiles)
    emit_block (self, block, tile + x * y, head);
}

static void
emit_image (const Emitter *self, PdTensor *y, guint image)
{
  const PdAttention *attention = self->attention;
  guint values = block_keys (self) * self->parts * PART;

  pack (self, PACK_QUERIES, attention->q, image, self->queries, query_bytes (self), 0, 0);
  pack_keys (self, attention->k, attention->more_k, image, 0);
  pack_keys (self, attention->v, attention->more_v, image, values);
  pack (self, attention->key_bias != NULL ? PACK_BIAS : PACK_NO_BIAS, attention->key_bias, image,
        self->packed, packed_bytes (self), 0, 0);
  for (guint head = 0; head < attention->heads; head += DIGITS)
    for (guint tile = 0; tile < self->tiles; tile += DIGITS * DIGITS)
      for (guint block = 0; block < self->blocks; block++)
        emit_block (self, block, tile, head);
  pack (self, PACK_RESULT, y, image, self->state, state_bytes (self), 0, 0);
}

/* The largest binding that packing makes. */
static gboolean
fits (const Emitter *self)
{
  const PdAttention *attention = self->attention;
  const PdDeviceInfo *info = pd_device_info (pd_graph_backend (self->graph)->device);
  const PdTensor *tensors[] = { attention->q, attention->k, attention->v };
  gsize bytes = MAX (state_bytes (self), packed_bytes (self));

  for (guint i = 0; i < G_N_ELEMENTS (tensors); i++)
    bytes = MAX (bytes, pd_tensor_image_pitch (tensors[i]) * sizeof (float));
  if (bytes + info->min_storage_buffer_offset_alignment <= info->max_storage_buffer_range)
    return TRUE;
  pd_graph_fail (self->graph,
                 g_error_new (PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
                              _ ("Attention of %u queries and %u keys takes "
                                 "%zu MiB, but %s binds at most "
                                 "%" PRIu64 " MiB at once; choose a "
                                 "smaller size"),
                              attention->q->h * attention->q->w, self->own + self->more,
                              bytes >> 20, info->name, info->max_storage_buffer_range >> 20));
  return FALSE;
}

gboolean
pd_attention_uniform_takes (guint channels)
{
  return channels <= MAX_PARTS * PART;
}

PdTensor *
pd_attention_uniform (PdGraph *graph, const PdAttention *attention)
{
  PdTensor *q = attention->q, *k = attention->k, *more_k = attention->more_k, *y;
  guint head = q->c / attention->heads;
  Emitter self = { .graph = graph,
                   .attention = attention,
                   .lanes = pd_graph_backend (graph)->panel,
                   .head = head,
                   .parts = divide_up (head, PART),
                   .own = k->h * k->w,
                   .more = more_k != NULL ? more_k->h * more_k->w : 0 };

  y = pd_graph_tensor (graph, q->n, q->h, q->w, q->c, 0);
  self.keys = MIN (divide_up (BLOCK_KEYS, self.parts), MAX_PART_KEYS);
  self.tiles = divide_up (q->h * q->w, self.lanes);
  self.blocks = divide_up (self.own + self.more, block_keys (&self));
  if (!fits (&self))
    return y;
  self.queries = pd_graph_scratch (graph, query_bytes (&self));
  self.packed = pd_graph_scratch (graph, packed_bytes (&self));
  self.state = pd_graph_scratch (graph, state_bytes (&self));
  for (guint image = 0; image < q->n; image++)
    emit_image (&self, y, image);
  return y;
}
