// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/sharing.h"

/* Leaves nothing of a key, and stays finite in every kernel. */
static const double no_key = -1e30;

/* The bias of the keys of one layer that reads the bank. */
typedef struct
{
  PdTensor *bias; /* images × 1 × 1 × (own + pooled) */
  guint own;
  double sources; /* tokens that each pooled one stands for */
} KeyBias;

struct _PdSharing
{
  PdShare share;
  PdBank *bank;
  guint branches;
  guint n_layers; /* built so far */
  GArray *biases; /* KeyBias */
};

PdSharing *
pd_sharing_new (PdShare share, PdBank *bank, guint branches)
{
  PdSharing *self = g_new0 (PdSharing, 1);

  self->share = share;
  self->bank = bank;
  self->branches = branches;
  self->biases = g_array_new (FALSE, FALSE, sizeof (KeyBias));
  return self;
}

void
pd_sharing_free (PdSharing *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->biases);
  g_free (self);
}

static PdTensor *
of_type (PdGraph *graph, PdTensor *x, PdType type)
{
  return x->type != type ? pd_convert (graph, x, type, FALSE) : x;
}

static PdTensor *
without_border (PdGraph *graph, PdTensor *x)
{
  return x->border > 0 ? pd_convert (graph, x, x->type, FALSE) : x;
}

static PdTensor *
attend_all (PdSharing *self, PdGraph *graph, PdTensor *q, PdTensor *k, PdTensor *v, guint heads)
{
  guint count = q->n / self->branches;
  PdTensor *y = pd_graph_tensor_typed (graph, q->type, q->n, q->h, q->w, q->c, 0);

  q = without_border (graph, q);
  k = without_border (graph, k);
  v = without_border (graph, v);
  for (guint branch = 0; branch < self->branches; branch++)
    {
      guint first = branch * count;
      PdTensor *part =
          pd_attention (graph, &(PdAttention){ .q = pd_tensor_join (graph, q, first, count),
                                               .k = pd_tensor_join (graph, k, first, count),
                                               .v = pd_tensor_join (graph, v, first, count),
                                               .heads = heads });

      pd_copy (graph, part, pd_tensor_join (graph, y, first, count));
    }
  return y;
}

static PdTensor *
attend_bank (PdSharing *self,
             PdGraph *graph,
             guint index,
             PdTensor *q,
             PdTensor *k,
             PdTensor *v,
             guint heads)
{
  const PdBankLayer *layer = pd_bank_layer (self->bank, index);
  guint own = k->h * k->w, pooled = layer->h * layer->w;
  KeyBias entry = { .bias = pd_graph_input_f32 (graph, q->n, 1, 1, own + pooled),
                    .own = own,
                    .sources = (double) layer->sources / pooled };

  g_array_append_val (self->biases, entry);
  return pd_attention (
      graph, &(PdAttention){
                 .q = q,
                 .k = k,
                 .v = v,
                 .heads = heads,
                 .key_bias = entry.bias,
                 .more_k = of_type (graph, pd_bank_keys (self->bank, graph, index), k->type),
                 .more_v = of_type (graph, pd_bank_values (self->bank, graph, index), v->type) });
}

static void
store_pooled (PdGraph *graph, PdTensor *tokens, PdTensor *target)
{
  PdTensor *pooled = pd_pool (graph, tokens, target->h, target->w);

  pd_copy (graph, of_type (graph, pooled, target->type), target);
}

PdTensor *
pd_shared_attention (
    PdSharing *self, PdGraph *graph, PdTensor *q, PdTensor *k, PdTensor *v, guint heads)
{
  guint index = self->n_layers++;

  if (self->share == PD_SHARE_ALL)
    return attend_all (self, graph, q, k, v, heads);
  if (pd_bank_layer (self->bank, index)->used)
    {
      if (self->share == PD_SHARE_BANK_READ)
        return attend_bank (self, graph, index, q, k, v, heads);
      store_pooled (graph, k, pd_bank_keys (self->bank, graph, index));
      store_pooled (graph, v, pd_bank_values (self->bank, graph, index));
    }
  return pd_attention (graph, &(PdAttention){ .q = q, .k = k, .v = v, .heads = heads });
}

gboolean
pd_sharing_write_biases (PdSharing *self, double strength, GError **error)
{
  for (guint i = 0; i < self->biases->len; i++)
    {
      const KeyBias *entry = &g_array_index (self->biases, KeyBias, i);
      guint keys = entry->bias->c;
      const gsize n = (gsize) entry->bias->n * keys;
      g_autofree float *values = pd_try_new0 (float, n, _ ("the tiles"), error);
      double pooled = strength > 0 ? log (entry->sources * strength) : no_key;

      if (values == NULL)
        return FALSE;
      for (guint image = 0; image < entry->bias->n; image++)
        for (guint key = entry->own; key < keys; key++)
          values[(gsize) image * keys + key] = (float) pooled;
      if (!pd_tensor_write (entry->bias, values, n, error))
        return FALSE;
    }
  return TRUE;
}
