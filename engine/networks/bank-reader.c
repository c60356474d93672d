// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/bank-reader.h"

/* Leaves nothing of a key, and stays finite in every kernel. */
static const double no_key = -1e30;

/* The bias of the keys of one layer that reads the bank. */
typedef struct
{
  PdTensor *bias; /* images × 1 × 1 × (own + pooled) */
  guint own;
  double sources; /* tokens that each pooled one stands for */
} KeyBias;

struct _PdBankReader
{
  PdHook hook;
  PdBank *bank;
  double strength;
  GArray *biases; /* KeyBias */
};

/* A function of PdHook. */
static PdTensor *
attend_bank (
    PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  PdBankReader *self = (PdBankReader *) hook;
  const PdBankLayer *layer = pd_bank_layer (self->bank, site->index);
  guint own = k->h * k->w, pooled = layer->h * layer->w;
  KeyBias entry;

  if (!layer->used)
    return NULL;
  entry = (KeyBias){ .bias = pd_graph_input_f32 (graph, q->n, 1, 1, own + pooled),
                     .own = own,
                     .sources = (double) layer->sources / pooled };
  g_array_append_val (self->biases, entry);
  return pd_attention (
      graph,
      &(PdAttention){
          .q = q,
          .k = k,
          .v = v,
          .heads = site->parts,
          .key_bias = entry.bias,
          .more_k = pd_to_type (graph, pd_bank_keys (self->bank, graph, layer), k->type),
          .more_v = pd_to_type (graph, pd_bank_values (self->bank, graph, layer), v->type) });
}

/* A function of PdHook. */
static gboolean
write_biases (PdHook *hook, GError **error)
{
  const PdBankReader *self = (PdBankReader *) hook;

  for (guint i = 0; i < self->biases->len; i++)
    {
      const KeyBias *entry = &g_array_index (self->biases, KeyBias, i);
      guint keys = entry->bias->c;
      const gsize n = (gsize) entry->bias->n * keys;
      g_autofree float *values = pd_try_new0 (float, n, _ ("the tiles"), error);
      double pooled = self->strength > 0 ? log (entry->sources * self->strength) : no_key;

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

PdBankReader *
pd_bank_reader_new (PdBank *bank)
{
  PdBankReader *self = g_new (PdBankReader, 1);

  *self = (PdBankReader){ .hook = { .attention = attend_bank, .before_run = write_biases },
                          .bank = bank,
                          .strength = 1,
                          .biases = g_array_new (FALSE, FALSE, sizeof (KeyBias)) };
  return self;
}

void
pd_bank_reader_free (PdBankReader *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->biases);
  g_free (self);
}

PdHook *
pd_bank_reader_hook (PdBankReader *self)
{
  return &self->hook;
}

void
pd_bank_reader_set_strength (PdBankReader *self, double strength)
{
  self->strength = strength;
}
