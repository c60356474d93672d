// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/norms.h"

enum
{
  ALIGN = 256, /* no device asks for more between bindings */
};

struct _PdNorms
{
  guint layers, groups, images;
  gsize layer_bytes; /* moments of all images */
  PdBuffer *buffer;  /* what is given to all layers, then what they have */
  guint n_built;
};

static gsize
aligned (gsize bytes)
{
  return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

PdNorms *
pd_norms_new (const PdBackend *backend, guint layers, guint groups, guint images, GError **error)
{
  g_autoptr (PdNorms) self = g_new0 (PdNorms, 1);

  self->layers = layers;
  self->groups = groups;
  self->images = images;
  self->layer_bytes = aligned ((gsize) images * groups * sizeof (PdMoments));
  self->buffer =
      pd_buffer_new (backend->device, 2 * layers * self->layer_bytes, PD_BUFFER_DEVICE, error);
  return self->buffer != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_norms_free (PdNorms *self)
{
  if (self == NULL)
    return;
  pd_buffer_free (self->buffer);
  g_free (self);
}

PdTensor *
pd_norms_group_norm (
    PdNorms *self, PdGraph *graph, PdTensor *x, const PdNorm *norm, const PdNormArgs *args)
{
  gsize first_own = self->layers * self->layer_bytes;
  guint layer = self->n_built++;
  PdNormCorrection correction;
  PdNormArgs corrected = *args;

  g_assert (layer < self->layers);
  correction = (PdNormCorrection){
    .given = pd_graph_external (graph, self->buffer, layer * self->layer_bytes, self->layer_bytes),
    .own = pd_graph_external (graph, self->buffer, first_own + layer * self->layer_bytes,
                              self->layer_bytes),
  };
  corrected.correction = &correction;
  return pd_group_norm (graph, x, norm->weight, norm->bias, &corrected);
}

guint
pd_norms_images (const PdNorms *self)
{
  return self->images;
}

guint
pd_norms_count (const PdNorms *self)
{
  return self->layers * self->groups;
}

gboolean
pd_norms_write (PdNorms *self, const PdMoments *given, GError **error)
{
  gsize size = self->layers * self->layer_bytes;
  g_autofree guint8 *bytes =
      pd_try_new0 (guint8, size, _ ("what is known of the tiles' brightness"), error);

  if (bytes == NULL)
    return FALSE;
  for (guint layer = 0; layer < self->layers; layer++)
    for (guint image = 0; image < self->images; image++)
      memcpy (bytes + layer * self->layer_bytes + (gsize) image * self->groups * sizeof *given,
              given + ((gsize) image * self->layers + layer) * self->groups,
              self->groups * sizeof *given);
  return pd_buffer_write (self->buffer, 0, bytes, size, error);
}

gboolean
pd_norms_read (PdNorms *self, PdMoments *own, GError **error)
{
  gsize size = self->layers * self->layer_bytes;
  g_autofree guint8 *bytes =
      pd_try_new (guint8, size, _ ("what is known of the tiles' brightness"), error);

  if (bytes == NULL || !pd_buffer_read (self->buffer, size, bytes, size, error))
    return FALSE;
  for (guint layer = 0; layer < self->layers; layer++)
    for (guint image = 0; image < self->images; image++)
      memcpy (own + ((gsize) image * self->layers + layer) * self->groups,
              bytes + layer * self->layer_bytes + (gsize) image * self->groups * sizeof *own,
              self->groups * sizeof *own);
  return TRUE;
}
