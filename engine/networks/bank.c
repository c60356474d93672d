// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/bank.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

enum
{
  ZEROS = 1 << 20, /* bytes that are written at once */
};

struct _PdBank
{
  const PdBackend *backend;
  PdBankOptions options;
  GArray *layers;    /* PdBankLayer */
  gboolean is_clear; /* else the buffer's contents are undefined */
  PdBuffer *buffer;  /* NULL without sites */
  gsize bytes;
};

static gsize
tensor_bytes (const PdBackend *backend, const PdBankOptions *options, const PdBankLayer *layer)
{
  gsize pixels = (gsize) options->branches * options->parts * layer->tokens + PD_PIXEL_SLACK;

  return pd_align_binding (pixels * pd_align_channels (layer->c) *
                           pd_type_size (backend->activations));
}

/* The layers of all attention's sites go to @layers, which may be NULL. Returns: their bytes. */
static gsize
lay_out (const PdBackend *backend,
         const GArray *survey,
         const PdBankOptions *options,
         GArray *layers)
{
  gsize bytes = 0;

  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);
      PdBankLayer layer = { .sources = site->h * site->w, .c = site->channels };

      if (site->kind != PD_SITE_ATTENTION)
        continue;
      layer.used = options->takes == NULL || options->takes (site);
      layer.tokens = MAX (1, layer.sources / options->every);
      layer.keys = bytes;
      layer.values = bytes + tensor_bytes (backend, options, &layer);
      if (layer.used)
        bytes += 2 * tensor_bytes (backend, options, &layer);
      if (layers != NULL)
        g_array_append_val (layers, layer);
    }
  return bytes;
}

gsize
pd_bank_measure (const PdBackend *backend, const GArray *survey, const PdBankOptions *options)
{
  return lay_out (backend, survey, options, NULL);
}

PdBank *
pd_bank_new (const PdBackend *backend,
             const GArray *survey,
             const PdBankOptions *options,
             GError **error)
{
  g_autoptr (PdBank) self = g_new0 (PdBank, 1);

  self->backend = backend;
  self->options = *options;
  self->layers = g_array_new (FALSE, FALSE, sizeof (PdBankLayer));
  self->bytes = lay_out (backend, survey, options, self->layers);
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

const PdBankOptions *
pd_bank_options (const PdBank *self)
{
  return &self->options;
}

gsize
pd_bank_bytes (const PdBank *self)
{
  return self->bytes;
}

gboolean
pd_bank_clear_once (PdBank *self, GError **error)
{
  g_autofree guint8 *zeros = NULL;

  if (self->is_clear || self->buffer == NULL)
    return TRUE;
  zeros = pd_try_new0 (guint8, MIN (self->bytes, ZEROS), _ ("the tiles"), error);
  for (gsize at = 0; zeros != NULL && at < self->bytes; at += ZEROS)
    if (!pd_buffer_write (self->buffer, at, zeros, MIN (self->bytes - at, ZEROS), error))
      return FALSE;
  self->is_clear = zeros != NULL;
  return self->is_clear;
}

/* Bytes of a part's keys, or values, of one branch. */
static gsize
piece_bytes (const PdBank *self, const PdBankLayer *layer)
{
  return (gsize) layer->tokens * pd_align_channels (layer->c) *
         pd_type_size (self->backend->activations);
}

gsize
pd_bank_part_bytes (const PdBank *self)
{
  gsize bytes = 0;

  for (guint i = 0; i < self->layers->len; i++)
    if (pd_bank_layer (self, i)->used)
      bytes += 2 * self->options.branches * piece_bytes (self, pd_bank_layer (self, i));
  return bytes;
}

/* Parts that are in host memory, part by part, and of each a piece so far. */
typedef struct
{
  PdBank *bank;
  guint first, n;
  gsize part_bytes, at;
} Pieces;

/* The next piece of all of them goes to @bytes, or comes from there. They lie next to each other on
 * the device. */
typedef gboolean (*MovePiece) (
    const Pieces *self, gsize offset, gsize piece, gpointer bytes, GError **error);

static gboolean
move_pieces (Pieces *self, MovePiece move, gpointer bytes, GError **error)
{
  PdBank *bank = self->bank;

  g_assert (self->first + self->n <= bank->options.parts);
  if (!pd_bank_clear_once (bank, error))
    return FALSE;
  for (guint i = 0; i < bank->layers->len; i++)
    {
      const PdBankLayer *layer = pd_bank_layer (bank, i);
      const gsize starts[] = { layer->keys, layer->values }, piece = piece_bytes (bank, layer);

      for (guint k = 0; layer->used && k < G_N_ELEMENTS (starts); k++)
        for (guint branch = 0; branch < bank->options.branches; branch++)
          {
            const gsize from = (gsize) branch * bank->options.parts + self->first;

            if (!move (self, starts[k] + from * piece, piece, bytes, error))
              return FALSE;
            self->at += piece;
          }
    }
  return TRUE;
}

/* A function of MovePiece, for one part. */
static gboolean
read_piece (const Pieces *self, gsize offset, gsize piece, gpointer bytes, GError **error)
{
  return pd_buffer_read (self->bank->buffer, offset, (guint8 *) bytes + self->at, piece, error);
}

gboolean
pd_bank_save (PdBank *self, guint part, guint8 *bytes, GError **error)
{
  Pieces pieces = { .bank = self, .first = part, .n = 1 };

  return move_pieces (&pieces, read_piece, bytes, error);
}

/* A function of MovePiece. */
static gboolean
write_piece (const Pieces *self, gsize offset, gsize piece, gpointer bytes, GError **error)
{
  const guint8 *from = (const guint8 *) bytes + self->at;
  g_autofree guint8 *joined = pd_try_new (guint8, self->n * piece, _ ("the tiles"), error);

  for (guint part = 0; joined != NULL && part < self->n; part++)
    memcpy (joined + part * piece, from + part * self->part_bytes, piece);
  return joined != NULL &&
         pd_buffer_write (self->bank->buffer, offset, joined, self->n * piece, error);
}

gboolean
pd_bank_load (PdBank *self, guint first, guint n, const guint8 *bytes, GError **error)
{
  Pieces pieces = { .bank = self, .first = first, .n = n, .part_bytes = pd_bank_part_bytes (self) };

  return move_pieces (&pieces, write_piece, (gpointer) bytes, error);
}

const PdBankLayer *
pd_bank_layer (const PdBank *self, guint index)
{
  return &g_array_index (self->layers, PdBankLayer, index);
}

static PdTensor *
place (const PdBank *self, PdGraph *graph, const PdBankLayer *layer, gsize offset)
{
  PdStorage *storage = pd_graph_external (graph, self->buffer, offset,
                                          tensor_bytes (self->backend, &self->options, layer));

  return pd_graph_place (graph, storage, self->backend->activations, self->options.branches, 1,
                         self->options.parts * layer->tokens, layer->c);
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
