// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/attention.h"

#include <inttypes.h>
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/nn/slice.h"
#include "shaders/abi/attention-uniform.h"
#include "shaders/abi/attention-uniform-pack.h"
#include "shaders/abi/uniform.h"

enum
{
  BLOCK_KEYS = 80, /* aimed at: 77 tokens of text fit */
  MAX_PART_KEYS = 24,
};

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
block_keys (const Emitter *self)
{
  return self->parts * self->keys;
}

static gsize
block_floats (const Emitter *self)
{
  return (gsize) block_keys (self) * (2 * self->parts * ATTENTION_PART + 1);
}

static gsize
query_bytes (const Emitter *self)
{
  return (gsize) self->attention->heads * self->tiles * self->parts * ATTENTION_PART * self->lanes *
         sizeof (float);
}

static gsize
state_bytes (const Emitter *self)
{
  return query_bytes (self) / ATTENTION_PART * ATTENTION_STATE;
}

static gsize
packed_bytes (const Emitter *self)
{
  return self->attention->heads * self->blocks * block_floats (self) * sizeof (float);
}

/* Image @image of @tensor to or from all of @storage. */
typedef struct
{
  PackKind kind;
  PdTensor *tensor; /* NULL: the bias of keys that have none */
  guint image;
  PdStorage *storage;
  guint offset; /* of keys or values: floats into each block */
  guint first; /* of keys or values: the place of the first; the last of them fill up the last block
                  with zeros */
} Pack;

static void
pack (const Emitter *self, const Pack *task)
{
  const PdBackend *backend = pd_graph_backend (self->graph);
  PdTensor *tensor = task->tensor;
  guint all = self->own + self->more;
  gboolean bias = task->kind == PACK_BIAS || task->kind == PACK_NO_BIAS;
  gboolean keys = bias || task->kind == PACK_KEYS_OR_VALUES;
  guint tokens = bias ? all : tensor->h * tensor->w;
  gboolean last = task->first + tokens == all;
  guint end = last ? self->blocks * block_keys (self) : task->first + tokens;
  guint slots = keys ? end - task->first : self->tiles * self->lanes;
  PdDispatch dispatch = { .label = "attention",
                          .shader = "attention-uniform-pack",
                          .constants = { self->lanes, task->kind, self->head, self->parts,
                                         self->keys },
                          .n_constants = 5,
                          .groups = { (guint) pd_divide_up (slots, self->lanes),
                                      bias ? 1 : self->parts, self->attention->heads },
                          .work = pd_dispatch_memory_work (2 * task->storage->size) };
  PdPackPush push = { .tokens = tokens,
                      .width = 1,
                      .tiles = keys ? self->blocks : self->tiles,
                      .offset = task->offset,
                      .first = task->first,
                      .end = end,
                      .scale = 1 };

  if (task->kind == PACK_QUERIES)
    push.scale = (float) (M_LOG2E / sqrt (self->head));
  if (bias)
    push.scale = (float) M_LOG2E;
  if (tensor == NULL || task->kind == PACK_RESULT)
    pd_dispatch_bind_all (&dispatch, task->storage, PD_ACCESS_READ);
  if (tensor != NULL)
    {
      PdSlice slice = pd_slice_stored (pd_slice_images (tensor, task->image, 1), tensor);
      PdStrides strides =
          pd_slice_bind (slice, backend, &dispatch, tensor,
                         task->kind == PACK_RESULT ? PD_ACCESS_WRITE : PD_ACCESS_READ);

      push.width = tensor->w;
      push.start = strides.start;
      push.row = strides.row;
      push.pixel = strides.pixel;
    }
  if (task->kind != PACK_RESULT)
    pd_dispatch_bind_all (&dispatch, task->storage, PD_ACCESS_WRITE);
  pd_dispatch_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (self->graph, &dispatch);
}

/* Keys or values of image @image, then the further ones, @offset floats into each block. */
static void
pack_keys (const Emitter *self, PdTensor *own, PdTensor *more, guint image, guint offset)
{
  Pack task = { .kind = PACK_KEYS_OR_VALUES,
                .tensor = own,
                .image = image,
                .storage = self->packed,
                .offset = offset };

  pack (self, &task);
  if (more == NULL)
    return;
  task.tensor = more;
  task.image = image / (own->n / more->n);
  task.first = self->own;
  pack (self, &task);
}

/* Block @block for the tiles of up to 16 heads from @tile and @head on. */
static void
emit_block (const Emitter *self, guint block, guint tile, guint head)
{
  const PdAttention *attention = self->attention;
  guint tiles = MIN (self->tiles - tile, UNIFORM_DIGITS * UNIFORM_DIGITS),
        x = MIN (tiles, UNIFORM_DIGITS);
  guint y = tiles / x, heads = MIN (attention->heads - head, UNIFORM_DIGITS);
  gsize query_tile = self->parts * ATTENTION_PART * self->lanes * sizeof (float);
  gsize state_tile = query_tile / ATTENTION_PART * ATTENTION_STATE;
  gsize first_tile = (gsize) head * self->tiles + tile;
  gsize end_tile = (gsize) (head + heads - 1) * self->tiles + tile + x * y;
  gsize head_bytes = self->blocks * block_floats (self) * sizeof (float);
  gsize packed = head * head_bytes + block * block_floats (self) * sizeof (float);
  const PdBytes state = { self->state, first_tile * state_tile,
                          (end_tile - first_tile) * state_tile };
  PdDispatch dispatch = {
    .label = "attention",
    .shader = self->lanes == 16 ? "attention-uniform-16" : "attention-uniform-8",
    .constants = { self->parts, self->keys, attention->causal },
    .n_constants = 3,
    .groups = { x, y, heads },
    .work = 4.0 * x * y * heads * self->lanes * block_keys (self) * self->parts * ATTENTION_PART
  };
  PdAttentionUniformPush push = { .keys_head = (guint32) head_bytes,
                                  .tiles = self->tiles,
                                  .first = block == 0,
                                  .causal = (gint32) (tile * self->lanes) -
                                            (gint32) (block * block_keys (self)) };

  for (guint i = 0; i < ATTENTION_MAX_PARTS; i++)
    push.table[i] = i;
  pd_dispatch_read_at (
      &dispatch,
      &(PdBytes){ self->queries, first_tile * query_tile, (end_tile - first_tile) * query_tile },
      G_STRUCT_OFFSET (PdAttentionUniformPush, q));
  pd_dispatch_read_at (
      &dispatch,
      &(PdBytes){ self->packed, packed,
                  (heads - 1) * head_bytes + block_floats (self) * sizeof (float) },
      G_STRUCT_OFFSET (PdAttentionUniformPush, keys));
  pd_dispatch_read_at (&dispatch, &state, G_STRUCT_OFFSET (PdAttentionUniformPush, old_state));
  push.state_start = (guint32) (pd_dispatch_bind (&dispatch, pd_graph_backend (self->graph), &state,
                                                  PD_ACCESS_WRITE) /
                                (ATTENTION_PART * sizeof (float)));
  pd_dispatch_push (&dispatch, &push, sizeof push);
  pd_graph_dispatch (self->graph, &dispatch);
  /* Tiles of an incomplete row. */
  if (x * y < tiles)
    emit_block (self, block, tile + x * y, head);
}

static void
emit_image (const Emitter *self, PdTensor *y, guint image)
{
  const PdAttention *attention = self->attention;
  guint values = block_keys (self) * self->parts * ATTENTION_PART;

  pack (self, &(Pack){ .kind = PACK_QUERIES,
                       .tensor = attention->q,
                       .image = image,
                       .storage = self->queries });
  pack_keys (self, attention->k, attention->more_k, image, 0);
  pack_keys (self, attention->v, attention->more_v, image, values);
  pack (self, &(Pack){ .kind = attention->key_bias != NULL ? PACK_BIAS : PACK_NO_BIAS,
                       .tensor = attention->key_bias,
                       .image = image,
                       .storage = self->packed });
  for (guint head = 0; head < attention->heads; head += UNIFORM_DIGITS)
    for (guint tile = 0; tile < self->tiles; tile += UNIFORM_DIGITS * UNIFORM_DIGITS)
      for (guint block = 0; block < self->blocks; block++)
        emit_block (self, block, tile, head);
  pack (self, &(Pack){ .kind = PACK_RESULT, .tensor = y, .image = image, .storage = self->state });
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
  return channels <= ATTENTION_MAX_PARTS * ATTENTION_PART;
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
                   .parts = (guint) pd_divide_up (head, ATTENTION_PART),
                   .own = k->h * k->w,
                   .more = more_k != NULL ? more_k->h * more_k->w : 0 };

  y = pd_graph_tensor (graph, q->n, q->h, q->w, q->c, 0);
  self.keys = MIN ((guint) pd_divide_up (BLOCK_KEYS, self.parts), MAX_PART_KEYS);
  self.tiles = (guint) pd_divide_up (q->h * q->w, self.lanes);
  self.blocks = (guint) pd_divide_up (self.own + self.more, block_keys (&self));
  if (!fits (&self))
    return y;
  self.queries = pd_graph_scratch (graph, query_bytes (&self));
  self.packed = pd_graph_scratch (graph, packed_bytes (&self));
  self.state = pd_graph_scratch (graph, state_bytes (&self));
  for (guint image = 0; image < q->n; image++)
    emit_image (&self, y, image);
  return y;
}
