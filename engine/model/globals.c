// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/globals.h"

enum
{
  ALIGN = 256, /* no device asks for more between bindings */
};

struct _PdGlobals
{
  PdBuffer *buffer;
  gsize used;
  PdGlobalsMode mode;
  guint samples_h, samples_w; /* of the tokens kept */
};

static gsize
aligned (gsize bytes)
{
  return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

gsize
pd_globals_norm_bytes (guint channels)
{
  return aligned (pd_group_norm_table_bytes (channels));
}

gsize
pd_globals_attention_bytes (gsize tokens, guint channels)
{
  return 2 * aligned ((tokens + PD_PIXEL_SLACK) * pd_align_channels (channels) * sizeof (float));
}

PdGlobals *
pd_globals_new (const PdBackend *backend, gsize capacity, GError **error)
{
  g_autoptr (PdGlobals) self = g_new0 (PdGlobals, 1);

  self->buffer = pd_buffer_new (backend->device, capacity, PD_BUFFER_DEVICE, error);
  return self->buffer != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_globals_free (PdGlobals *self)
{
  if (self == NULL)
    return;
  pd_buffer_free (self->buffer);
  g_free (self);
}

void
pd_globals_begin (PdGlobals *self, PdGlobalsMode mode)
{
  self->mode = mode;
  self->used = 0;
}

static PdStorage *
take (PdGlobals *self, PdGraph *graph, gsize bytes)
{
  PdStorage *storage = pd_graph_external (graph, self->buffer, self->used, bytes);

  self->used += aligned (bytes);
  g_assert (self->used <= pd_buffer_size (self->buffer));
  return storage;
}

PdTensor *
pd_globals_group_norm (PdGlobals *self,
                       PdGraph *graph,
                       PdTensor *x,
                       const PdVector *weight,
                       const PdVector *bias,
                       guint groups,
                       float eps,
                       PdActivation activation,
                       gboolean border)
{
  PdStorage *table = take (self, graph, pd_group_norm_table_bytes (x->c));

  if (self->mode == PD_GLOBALS_GATHER)
    pd_group_norm_measure (graph, x, weight, groups, eps, TRUE, table);
  return pd_group_norm_apply (graph, x, table, bias, activation, TRUE, border);
}

static PdTensor *
joined (PdGraph *graph, PdTensor *x)
{
  if (x->border > 0)
    x = pd_convert (graph, x, x->type, FALSE);
  return pd_tensor_join (graph, x, 0, x->n);
}

PdTensor *
pd_globals_attention (
    PdGlobals *self, PdGraph *graph, PdTensor *q, PdTensor *k, PdTensor *v, guint heads)
{
  PdTensor *y = pd_graph_tensor_typed (graph, q->type, q->n, q->h, q->w, q->c, 0);
  PdTensor *keys, *values;
  gsize bytes;

  if (self->mode == PD_GLOBALS_GATHER)
    {
      k = joined (graph, k);
      v = joined (graph, v);
      self->samples_h = k->h;
      self->samples_w = k->w;
    }
  bytes = pd_globals_attention_bytes ((gsize) self->samples_h * self->samples_w, k->c) / 2;
  keys = pd_graph_place (graph, take (self, graph, bytes), k->type, 1, self->samples_h,
                         self->samples_w, k->c);
  values = pd_graph_place (graph, take (self, graph, bytes), v->type, 1, self->samples_h,
                           self->samples_w, v->c);
  if (self->mode == PD_GLOBALS_GATHER)
    {
      pd_copy (graph, k, keys);
      pd_copy (graph, v, values);
    }
  pd_copy (graph, pd_attention (graph, joined (graph, q), keys, values, heads, NULL, FALSE),
           pd_tensor_join (graph, y, 0, y->n));
  return y;
}
