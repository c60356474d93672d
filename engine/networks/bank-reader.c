// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/bank-reader.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

static const double no_key = -1e30; /* bias that leaves nothing of a key */

/* Of one site. */
typedef struct
{
  PdTensor *bias; /* images × 1 × 1 × (own + the bank's) */
  guint own;
  guint tokens; /* of a part */
} KeyBias;

struct _PdBankReader
{
  PdHook hook;
  PdBank *bank;
  guint images, parts; /* those that are read are the first */
  double *weights;     /* [images] */
  GArray *biases;      /* KeyBias */
};

/* A function of PdHook. */
static PdTensor *
attend_bank (
    PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  PdBankReader *self = (PdBankReader *) hook;
  const PdBankLayer *layer = pd_bank_layer (self->bank, site->index);
  guint own = k->h * k->w, more = pd_bank_options (self->bank)->parts * layer->tokens;
  KeyBias entry = { .own = own, .tokens = layer->tokens };

  if (!layer->used)
    return NULL;
  entry.bias = pd_graph_input_f32 (graph, q->n, 1, 1, own + more);
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

/* The biases of the bank's tokens in one image. */
static void
fill (const PdBankReader *self, const KeyBias *entry, double weight, float *bias)
{
  guint parts = pd_bank_options (self->bank)->parts;
  double counts = log (weight * entry->own / ((double) parts * entry->tokens));

  for (guint part = 0; part < parts; part++)
    for (guint token = 0; token < entry->tokens; token++)
      *bias++ = (float) (weight > 0 && part < self->parts ? counts : no_key);
}

/* A function of PdHook. */
static gboolean
write_biases (PdHook *hook, GError **error)
{
  const PdBankReader *self = (PdBankReader *) hook;

  if (!pd_bank_clear_once (self->bank, error))
    return FALSE;
  for (guint i = 0; i < self->biases->len; i++)
    {
      const KeyBias *entry = &g_array_index (self->biases, KeyBias, i);
      guint keys = entry->bias->c;
      const gsize n = (gsize) entry->bias->n * keys;
      g_autofree float *values = pd_try_new0 (float, n, _ ("the tiles"), error);

      if (values == NULL)
        return FALSE;
      for (guint image = 0; image < entry->bias->n; image++)
        fill (self, entry, self->weights[image % self->images],
              values + (gsize) image * keys + entry->own);
      if (!pd_tensor_write (entry->bias, values, n, error))
        return FALSE;
    }
  return TRUE;
}

PdBankReader *
pd_bank_reader_new (PdBank *bank, guint images)
{
  PdBankReader *self = g_new (PdBankReader, 1);

  *self = (PdBankReader){ .hook = { .attention = attend_bank, .before_run = write_biases },
                          .bank = bank,
                          .images = images,
                          .weights = g_new0 (double, images),
                          .biases = g_array_new (FALSE, FALSE, sizeof (KeyBias)) };
  return self;
}

void
pd_bank_reader_free (PdBankReader *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->biases);
  g_free (self->weights);
  g_free (self);
}

PdHook *
pd_bank_reader_hook (PdBankReader *self)
{
  return &self->hook;
}

void
pd_bank_reader_set_parts (PdBankReader *self, guint parts)
{
  g_assert (parts <= pd_bank_options (self->bank)->parts);
  self->parts = parts;
}

void
pd_bank_reader_set_weight (PdBankReader *self, guint image, double weight)
{
  g_assert (image < self->images);
  self->weights[image] = weight;
}
