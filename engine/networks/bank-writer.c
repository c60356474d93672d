// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/bank-writer.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

/* Which tokens become which of the bank's, at one site. */
typedef struct
{
  PdTensor *picks; /* 1 × 1 × 1 × (parts · tokens) */
  guint index;     /* of the site */
} Picks;

typedef struct
{
  gint part;
  PdBankDraw draw;
} Choice;

struct _PdBankWriter
{
  PdHook hook;
  PdBank *bank;
  guint images;
  Choice *choices; /* [images] */
  GArray *picks;   /* Picks */
};

static PdTensor *
without_border (PdGraph *graph, PdTensor *x)
{
  return x->border > 0 ? pd_convert (graph, x, x->type, FALSE) : x;
}

/* @tokens: branches · images of them. */
static void
store (const PdBankWriter *self, PdGraph *graph, PdTensor *tokens, PdTensor *picks, PdTensor *bank)
{
  tokens = without_border (graph, pd_to_type (graph, tokens, bank->type));
  for (guint branch = 0; branch < bank->n; branch++)
    pd_pick (graph, pd_tensor_join (graph, tokens, branch * self->images, self->images), picks,
             pd_tensor_image (graph, bank, branch));
}

/* A function of PdHook. */
static PdTensor *
store_site (PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  PdBankWriter *self = (PdBankWriter *) hook;
  const PdBankOptions *options = pd_bank_options (self->bank);
  const PdBankLayer *layer = pd_bank_layer (self->bank, site->index);
  Picks entry = { .index = site->index };

  g_return_val_if_fail (k->n == options->branches * self->images, NULL);
  if (!layer->used)
    return NULL;
  entry.picks = pd_graph_input_f32 (graph, 1, 1, 1, options->parts * layer->tokens);
  g_array_append_val (self->picks, entry);
  store (self, graph, k, entry.picks, pd_bank_keys (self->bank, graph, layer));
  store (self, graph, v, entry.picks, pd_bank_values (self->bank, graph, layer));
  return NULL;
}

/* Writes @n of the numbers 0 … @from - 1 to @picks, ascending if that is all, and adds @offset. */
static void
draw (const Choice *choice, guint index, guint from, guint n, gsize offset, float *picks)
{
  const guint32 key[] = { (guint32) choice->draw.seed, (guint32) (choice->draw.seed >> 32),
                          choice->draw.step, (guint32) choice->part, index };
  g_autoptr (GRand) random = g_rand_new_with_seed_array (key, G_N_ELEMENTS (key));
  g_autofree guint *numbers = g_new (guint, from);

  for (guint i = 0; i < from; i++)
    numbers[i] = i;
  for (guint i = 0; i < n; i++)
    {
      guint other = n < from ? (guint) g_rand_int_range (random, (gint32) i, (gint32) from) : i;
      guint number = numbers[other];

      numbers[other] = numbers[i];
      picks[i] = (float) (offset + number);
    }
}

/* A function of PdHook. */
static gboolean
write_picks (PdHook *hook, GError **error)
{
  const PdBankWriter *self = (PdBankWriter *) hook;

  if (!pd_bank_clear_once (self->bank, error))
    return FALSE;
  for (guint i = 0; i < self->picks->len; i++)
    {
      const Picks *entry = &g_array_index (self->picks, Picks, i);
      const PdBankLayer *layer = pd_bank_layer (self->bank, entry->index);
      const gsize n = entry->picks->c;
      g_autofree float *values = pd_try_new (float, n, _ ("the tiles"), error);

      if (values == NULL)
        return FALSE;
      for (gsize e = 0; e < n; e++)
        values[e] = -1;
      for (guint image = 0; image < self->images; image++)
        if (self->choices[image].part != PD_BANK_NO_PART)
          draw (&self->choices[image], entry->index, layer->sources, layer->tokens,
                (gsize) image * layer->sources,
                values + (gsize) self->choices[image].part * layer->tokens);
      if (!pd_tensor_write (entry->picks, values, n, error))
        return FALSE;
    }
  return TRUE;
}

PdBankWriter *
pd_bank_writer_new (PdBank *bank, guint images)
{
  PdBankWriter *self = g_new (PdBankWriter, 1);

  *self = (PdBankWriter){ .hook = { .attention = store_site, .before_run = write_picks },
                          .bank = bank,
                          .images = images,
                          .choices = g_new (Choice, images),
                          .picks = g_array_new (FALSE, FALSE, sizeof (Picks)) };
  for (guint image = 0; image < images; image++)
    self->choices[image] = (Choice){ .part = PD_BANK_NO_PART };
  return self;
}

void
pd_bank_writer_free (PdBankWriter *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->picks);
  g_free (self->choices);
  g_free (self);
}

PdHook *
pd_bank_writer_hook (PdBankWriter *self)
{
  return &self->hook;
}

void
pd_bank_writer_choose (PdBankWriter *self, guint image, gint part, const PdBankDraw *draw)
{
  g_assert (image < self->images && part < (gint) pd_bank_options (self->bank)->parts);
  self->choices[image] = (Choice){ part, draw != NULL ? *draw : (PdBankDraw){ 0 } };
}
