// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include "engine/model/bank.h"

enum
{
  LAYER_ALIGN = 256, /* no device asks for more between bindings */
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
      PdBankLayer layer = { .used = used, .h = h, .w = w, .c = c, .sources = h * w };

      if (h * w > tokens)
        {
          /* The thumbnail's shape, as nearly as whole numbers allow. */
          layer.h = CLAMP ((guint) sqrt ((double) tokens * h / w), 1, h);
          layer.w = CLAMP (tokens / layer.h, 1, w);
        }
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
