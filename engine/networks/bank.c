// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/bank.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/half.h"
#include "engine/base/host-memory.h"

enum
{
  MIN_SOURCES = 4, /* tokens of the thumbnail that a pooled one stands for at least */
};

struct _PdBank
{
  PdHook writer;
  const PdBackend *backend;
  guint branches;
  GArray *layers;   /* PdBankLayer */
  PdBuffer *buffer; /* NULL if no layer is used */
  gsize bytes;
};

static gsize
tensor_bytes (const PdBank *self, const PdBankLayer *layer)
{
  gsize pixels = (gsize) self->branches * layer->h * layer->w + PD_PIXEL_SLACK;

  return pd_align_binding (pixels * pd_align_channels (layer->c) *
                           pd_type_size (self->backend->activations));
}

static void
add_layer (PdBank *self, const PdSite *site, const PdBankOptions *options)
{
  PdBankLayer layer = { .used = site->depth >= options->first_depth,
                        .h = site->h,
                        .w = site->w,
                        .c = site->channels,
                        .sources = site->h * site->w };

  if (options->takes != NULL)
    layer.used = options->takes (site);
  else
    {
      guint most = MIN (options->tokens, MAX (1, layer.sources / MIN_SOURCES));

      /* The thumbnail's shape, as nearly as whole numbers allow. */
      layer.h = CLAMP ((guint) sqrt ((double) most * site->h / site->w), 1, site->h);
      layer.w = CLAMP (most / layer.h, 1, site->w);
    }
  if (layer.used)
    {
      layer.keys = self->bytes;
      layer.values = self->bytes + tensor_bytes (self, &layer);
      self->bytes += 2 * tensor_bytes (self, &layer);
    }
  g_array_append_val (self->layers, layer);
}

static void
store_pooled (PdGraph *graph, PdTensor *tokens, PdTensor *target)
{
  PdTensor *pooled = pd_pool (graph, tokens, target->h, target->w);

  pd_copy (graph, pd_to_type (graph, pooled, target->type), target);
}

/* A function of PdHook. */
static PdTensor *
store (PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  const PdBank *self = (PdBank *) hook;
  const PdBankLayer *layer = pd_bank_layer (self, site->index);

  if (layer->used)
    {
      store_pooled (graph, k, pd_bank_keys (self, graph, layer));
      store_pooled (graph, v, pd_bank_values (self, graph, layer));
    }
  return NULL;
}

PdBank *
pd_bank_new (const PdBackend *backend,
             const GArray *survey,
             const PdBankOptions *options,
             GError **error)
{
  g_autoptr (PdBank) self = g_new0 (PdBank, 1);

  self->writer.attention = store;
  self->backend = backend;
  self->branches = options->branches;
  self->layers = g_array_new (FALSE, FALSE, sizeof (PdBankLayer));
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      if (site->kind == PD_SITE_ATTENTION)
        add_layer (self, site, options);
    }
  if (self->bytes > 0)
    {
      self->buffer = pd_buffer_new (backend->device, self->bytes, PD_BUFFER_DEVICE, error);
      if (self->buffer == NULL)
        return NULL;
    }
  return g_steal_pointer (&self);
}

void
pd_bank_free (PdBank *self)
{
  if (self == NULL)
    return;
  pd_buffer_free (self->buffer);
  g_array_unref (self->layers);
  g_free (self);
}

PdHook *
pd_bank_writer (PdBank *self)
{
  return &self->writer;
}

gsize
pd_bank_bytes (const PdBank *self)
{
  return self->bytes;
}

const PdBankLayer *
pd_bank_layer (const PdBank *self, guint index)
{
  return &g_array_index (self->layers, PdBankLayer, index);
}

static PdTensor *
place (const PdBank *self, PdGraph *graph, const PdBankLayer *layer, gsize offset)
{
  PdStorage *storage = pd_graph_external (graph, self->buffer, offset, tensor_bytes (self, layer));

  return pd_graph_place (graph, storage, self->backend->activations, self->branches, layer->h,
                         layer->w, layer->c);
}

PdTensor *
pd_bank_keys (const PdBank *self, PdGraph *graph, const PdBankLayer *layer)
{
  return place (self, graph, layer, layer->keys);
}

PdTensor *
pd_bank_values (const PdBank *self, PdGraph *graph, const PdBankLayer *layer)
{
  return place (self, graph, layer, layer->values);
}

static gboolean
is_half (const PdBank *self)
{
  return self->backend->activations == PD_TYPE_F16;
}

gsize
pd_bank_n_values (const PdBank *self)
{
  return self->bytes / pd_type_size (self->backend->activations);
}

gboolean
pd_bank_read (const PdBank *self, float *values, GError **error)
{
  g_autofree guint16 *halves = NULL;

  if (self->bytes == 0)
    return TRUE;
  if (!is_half (self))
    return pd_buffer_read (self->buffer, 0, values, self->bytes, error);
  halves = pd_try_new (guint16, pd_bank_n_values (self), _ ("the small canvas"), error);
  if (halves == NULL || !pd_buffer_read (self->buffer, 0, halves, self->bytes, error))
    return FALSE;
  for (gsize i = 0; i < pd_bank_n_values (self); i++)
    values[i] = pd_half_to_float (halves[i]);
  return TRUE;
}

gboolean
pd_bank_write (PdBank *self, const float *values, GError **error)
{
  g_autofree guint16 *halves = NULL;

  if (self->bytes == 0)
    return TRUE;
  if (!is_half (self))
    return pd_buffer_write (self->buffer, 0, values, self->bytes, error);
  halves = pd_try_new (guint16, pd_bank_n_values (self), _ ("the small canvas"), error);
  if (halves == NULL)
    return FALSE;
  for (gsize i = 0; i < pd_bank_n_values (self); i++)
    halves[i] = pd_half_from_float (values[i]);
  return pd_buffer_write (self->buffer, 0, halves, self->bytes, error);
}

static void
add_tensor (const PdBank *self,
            const PdBankLayer *layer,
            gsize offset,
            const float *values,
            const float *weights,
            float *sum)
{
  gsize tokens = (gsize) layer->h * layer->w, pitch = pd_align_channels (layer->c);
  gsize at = offset / pd_type_size (self->backend->activations);

  for (guint branch = 0; branch < self->branches; branch++)
    for (gsize token = 0; token < tokens; token++)
      for (gsize c = 0; c < pitch; c++, at++)
        sum[at] += weights[token] * values[at];
}

gboolean
pd_bank_add (const PdBank *self,
             const float *values,
             PdBankWeightsFunc weights,
             gpointer user_data,
             float *sum,
             GError **error)
{
  for (guint i = 0; i < self->layers->len; i++)
    {
      const PdBankLayer *layer = pd_bank_layer (self, i);
      g_autofree float *shares = NULL;

      if (!layer->used)
        continue;
      shares = pd_try_new (float, (gsize) layer->h * layer->w, _ ("the small canvas"), error);
      if (shares == NULL)
        return FALSE;
      weights (layer->h, layer->w, shares, user_data);
      add_tensor (self, layer, layer->keys, values, shares, sum);
      add_tensor (self, layer, layer->values, values, shares, sum);
    }
  return TRUE;
}
