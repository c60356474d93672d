// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/style-transfer.h"

enum
{
  MAX_DEPTH = 1, /* coarser sites say what there is, not how it looks */
};

struct _PdStyleTransfer
{
  PdHook hook;
  PdBank *bank;
  guint images;
  PdStyleTransferOptions options;
};

gboolean
pd_style_transfer_takes (const PdSite *site)
{
  return site->kind == PD_SITE_ATTENTION && site->decoder && site->depth <= MAX_DEPTH;
}

/* A function of PdHook. */
static PdTensor *
attend_style (
    PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  const PdStyleTransfer *self = (PdStyleTransfer *) hook;
  const PdStyleTransferOptions *options = &self->options;
  guint count = self->images, n_own = options->share < 1 ? q->n : count;
  const PdBankLayer *layer;
  PdTensor *y, *own, *keys, *values;

  if (!pd_style_transfer_takes (site))
    return NULL;
  layer = pd_bank_layer (self->bank, site->index);
  keys = pd_to_type (graph, pd_bank_keys (self->bank, graph, layer), k->type);
  values = pd_to_type (graph, pd_bank_values (self->bank, graph, layer), v->type);
  y = pd_graph_tensor_typed (graph, q->type, q->n, q->h, q->w, q->c, 0);
  own = pd_attention (graph, &(PdAttention){ .q = pd_tensor_images (graph, q, 0, n_own),
                                             .k = pd_tensor_images (graph, k, 0, n_own),
                                             .v = pd_tensor_images (graph, v, 0, n_own),
                                             .heads = site->parts });
  pd_copy (graph, pd_tensor_images (graph, own, 0, count), pd_tensor_images (graph, y, 0, count));
  for (guint first = count; first < q->n; first += count)
    {
      PdTensor *mixed = pd_add (graph, pd_tensor_images (graph, q, 0, count),
                                (float) (options->focus * options->content),
                                pd_tensor_images (graph, q, first, count),
                                (float) (options->focus * (1 - options->content)));
      /* The tokens of all images as one, for keys that are there once. */
      PdTensor *part =
          pd_attention (graph, &(PdAttention){ .q = pd_tensor_join (graph, mixed, 0, count),
                                               .k = keys,
                                               .v = values,
                                               .heads = site->parts });

      if (options->share < 1)
        part = pd_add (graph, part, (float) options->share,
                       pd_tensor_join (graph, own, first, count), (float) (1 - options->share));
      pd_copy (graph, part, pd_tensor_join (graph, y, first, count));
    }
  return y;
}

PdStyleTransfer *
pd_style_transfer_new (PdBank *bank, guint images, const PdStyleTransferOptions *options)
{
  PdStyleTransfer *self = g_new (PdStyleTransfer, 1);

  *self = (PdStyleTransfer){
    .hook = { .attention = attend_style }, .bank = bank, .images = images, .options = *options
  };
  return self;
}

void
pd_style_transfer_free (PdStyleTransfer *self)
{
  g_free (self);
}

PdHook *
pd_style_transfer_hook (PdStyleTransfer *self)
{
  return &self->hook;
}
