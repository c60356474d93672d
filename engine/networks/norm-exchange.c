// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/norm-exchange.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

/* The norms of one layer. */
typedef struct
{
  guint groups;
  guint first;  /* of its groups among those of an image */
  gsize offset; /* bytes, of the layer's part of either half of the buffer */
} Layer;

struct _PdNormExchange
{
  PdHook hook;
  GArray *layers; /* Layer, by the index of the norm's site */
  guint images, count;
  gsize half;       /* bytes */
  PdBuffer *buffer; /* what is given to all layers, then what they have */
};

static gsize
layer_bytes (const PdNormExchange *self, guint groups)
{
  gsize bytes = (gsize) self->images * groups * sizeof (PdNormMoments);

  return pd_align_binding (bytes);
}

/* A function of PdHook. */
static PdTensor *
exchange (PdHook *hook,
          PdGraph *graph,
          const PdSite *site,
          PdTensor *x,
          const PdNorm *norm,
          const PdNormArgs *args)
{
  PdNormExchange *self = (PdNormExchange *) hook;
  const Layer *layer = &g_array_index (self->layers, Layer, site->index);
  gsize bytes = layer_bytes (self, layer->groups);
  const PdNormCorrection correction = {
    .given = pd_graph_external (graph, self->buffer, layer->offset, bytes),
    .own = pd_graph_external (graph, self->buffer, self->half + layer->offset, bytes),
  };
  PdNormArgs corrected = *args;

  corrected.correction = &correction;
  return pd_group_norm (graph, x, norm->weight, norm->bias, &corrected);
}

guint
pd_norm_exchange_count (const GArray *survey)
{
  guint count = 0;

  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      count += site->kind == PD_SITE_NORM ? site->parts : 0;
    }
  return count;
}

PdNormExchange *
pd_norm_exchange_new (const PdBackend *backend, const GArray *survey, guint images, GError **error)
{
  g_autoptr (PdNormExchange) self = g_new0 (PdNormExchange, 1);

  self->hook.norm = exchange;
  self->images = images;
  self->layers = g_array_new (FALSE, FALSE, sizeof (Layer));
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);
      const Layer layer = { .groups = site->parts, .first = self->count, .offset = self->half };

      if (site->kind != PD_SITE_NORM)
        continue;
      g_array_append_val (self->layers, layer);
      self->count += layer.groups;
      self->half += layer_bytes (self, layer.groups);
    }
  self->buffer = pd_buffer_new (backend->device, 2 * self->half, PD_BUFFER_DEVICE, error);
  return self->buffer != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_norm_exchange_free (PdNormExchange *self)
{
  if (self == NULL)
    return;
  pd_buffer_free (self->buffer);
  g_array_unref (self->layers);
  g_free (self);
}

PdHook *
pd_norm_exchange_hook (PdNormExchange *self)
{
  return &self->hook;
}

gboolean
pd_norm_exchange_write (PdNormExchange *self, const PdNormShift *shifts, GError **error)
{
  g_autofree guint8 *bytes =
      pd_try_new0 (guint8, self->half, _ ("what is known of the tiles' brightness"), error);

  if (bytes == NULL)
    return FALSE;
  for (guint i = 0; i < self->layers->len; i++)
    {
      const Layer *layer = &g_array_index (self->layers, Layer, i);

      for (guint image = 0; image < self->images; image++)
        memcpy (bytes + layer->offset + (gsize) image * layer->groups * sizeof *shifts,
                shifts + (gsize) image * self->count + layer->first,
                layer->groups * sizeof *shifts);
    }
  return pd_buffer_write (self->buffer, 0, bytes, self->half, error);
}

gboolean
pd_norm_exchange_read (PdNormExchange *self, PdNormMoments *own, GError **error)
{
  g_autofree guint8 *bytes =
      pd_try_new (guint8, self->half, _ ("what is known of the tiles' brightness"), error);

  if (bytes == NULL || !pd_buffer_read (self->buffer, self->half, bytes, self->half, error))
    return FALSE;
  for (guint i = 0; i < self->layers->len; i++)
    {
      const Layer *layer = &g_array_index (self->layers, Layer, i);

      for (guint image = 0; image < self->images; image++)
        memcpy (own + (gsize) image * self->count + layer->first,
                bytes + layer->offset + (gsize) image * layer->groups * sizeof *own,
                layer->groups * sizeof *own);
    }
  return TRUE;
}
