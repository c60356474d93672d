// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/bank.h"

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
  GArray *layers; /* PdBankLayer */
  gboolean *written;
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
  self->written = g_new0 (gboolean, options->parts);
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
  g_free (self->written);
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

void
pd_bank_forget (PdBank *self)
{
  for (guint part = 0; part < self->options.parts; part++)
    self->written[part] = FALSE;
}

void
pd_bank_set_written (PdBank *self, guint part)
{
  g_assert (part < self->options.parts);
  self->written[part] = TRUE;
}

gboolean
pd_bank_is_written (const PdBank *self, guint part)
{
  g_assert (part < self->options.parts);
  return self->written[part];
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

gsize
pd_bank_blob_bytes (const PdBank *self)
{
  return self->bytes + self->options.parts;
}

gboolean
pd_bank_save (PdBank *self, guint8 *blob, GError **error)
{
  for (guint part = 0; part < self->options.parts; part++)
    *blob++ = (guint8) self->written[part];
  return pd_bank_clear_once (self, error) &&
         (self->buffer == NULL || pd_buffer_read (self->buffer, 0, blob, self->bytes, error));
}

gboolean
pd_bank_load (PdBank *self, const guint8 *blob, GError **error)
{
  for (guint part = 0; part < self->options.parts; part++)
    self->written[part] = *blob++;
  self->is_clear =
      self->buffer == NULL || pd_buffer_write (self->buffer, 0, blob, self->bytes, error);
  return self->is_clear;
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
