// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/bank.h"
#include "engine/base/half.h"

enum
{
  LAYER_ALIGN = 256, /* no device asks for more between bindings */
  MIN_SOURCES = 4,   /* tokens of the thumbnail that a pooled one stands for at least */
};

struct _PdBank
{
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

  return (pixels * pd_align_channels (layer->c) * pd_type_size (self->backend->activations) +
          LAYER_ALIGN - 1) /
         LAYER_ALIGN * LAYER_ALIGN;
}

static void
add_layers (PdBank *self, guint count, guint h, guint w, guint c, guint tokens, gboolean used)
{
  for (guint i = 0; i < count; i++)
    {
      PdBankLayer layer = { .used = used, .c = c, .sources = h * w };
      guint most = MIN (tokens, MAX (1, h * w / MIN_SOURCES));

      /* The thumbnail's shape, as nearly as whole numbers allow. */
      layer.h = CLAMP ((guint) sqrt ((double) most * h / w), 1, h);
      layer.w = CLAMP (most / layer.h, 1, w);
      if (used)
        {
          layer.keys = self->bytes;
          layer.values = self->bytes + tensor_bytes (self, &layer);
          self->bytes += 2 * tensor_bytes (self, &layer);
        }
      g_array_append_val (self->layers, layer);
    }
}

PdBank *
pd_bank_new (const PdBackend *backend,
             const PdUNetConfig *config,
             guint h,
             guint w,
             guint branches,
             guint tokens,
             guint first_level,
             GError **error)
{
  g_autoptr (PdBank) self = g_new0 (PdBank, 1);
  guint levels = config->n_blocks, hs[PD_CONFIG_MAX_BLOCKS], ws[PD_CONFIG_MAX_BLOCKS];

  self->backend = backend;
  self->branches = branches;
  self->layers = g_array_new (FALSE, FALSE, sizeof (PdBankLayer));
  for (guint i = 0; i < levels; i++)
    {
      hs[i] = i > 0 ? (hs[i - 1] + 1) / 2 : h;
      ws[i] = i > 0 ? (ws[i - 1] + 1) / 2 : w;
    }
  for (guint i = 0; i < levels; i++)
    if (config->down_attention[i])
      add_layers (self, config->layers_per_block[i] * config->transformer_layers[i], hs[i], ws[i],
                  config->block_out_channels[i], tokens, i >= first_level);
  if (config->mid_attention)
    add_layers (self, config->transformer_layers[levels - 1], hs[levels - 1], ws[levels - 1],
                config->block_out_channels[levels - 1], tokens, levels - 1 >= first_level);
  for (guint j = 0; j < levels; j++)
    {
      guint i = levels - 1 - j;

      if (config->up_attention[j])
        add_layers (self, (config->layers_per_block[i] + 1) * config->transformer_layers[i], hs[i],
                    ws[i], config->block_out_channels[i], tokens, i >= first_level);
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
pd_bank_keys (const PdBank *self, PdGraph *graph, guint index)
{
  const PdBankLayer *layer = pd_bank_layer (self, index);

  return place (self, graph, layer, layer->keys);
}

PdTensor *
pd_bank_values (const PdBank *self, PdGraph *graph, guint index)
{
  const PdBankLayer *layer = pd_bank_layer (self, index);

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
