// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/style-align.h"

static const float variance_eps = 1e-5f;

struct _PdStyleAlign
{
  PdHook writer, reader; /* the writer first */
  PdBank *bank;
  guint branches;
  double share;
  GArray *offsets; /* gsize, of the moments of a site's queries; those of its keys follow */
  PdBuffer *buffer;
};

static gsize
moments_bytes (const PdStyleAlign *self, guint channels)
{
  return pd_align_binding (pd_channel_moments_bytes (self->branches, channels));
}

/* The reference's moments of the site's queries, or of its keys. */
static PdStorage *
reference_moments (const PdStyleAlign *self, PdGraph *graph, const PdSite *site, gboolean keys)
{
  gsize bytes = moments_bytes (self, site->channels);
  gsize offset = g_array_index (self->offsets, gsize, site->index) + (keys ? bytes : 0);

  return pd_graph_external (graph, self->buffer, offset,
                            pd_channel_moments_bytes (self->branches, site->channels));
}

/* A function of PdHook. */
static PdTensor *
keep_moments (
    PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  const PdStyleAlign *self = (PdStyleAlign *) hook;

  pd_channel_moments (graph, q, reference_moments (self, graph, site, FALSE));
  pd_channel_moments (graph, k, reference_moments (self, graph, site, TRUE));
  return NULL;
}

static PdTensor *
aligned (
    const PdStyleAlign *self, PdGraph *graph, const PdSite *site, gboolean keys, PdTensor *tokens)
{
  PdStorage *own = pd_graph_scratch (graph, pd_channel_moments_bytes (tokens->n, tokens->c));

  pd_channel_moments (graph, tokens, own);
  return pd_match (graph, tokens, (PdMomentsOf){ own, tokens->n },
                   (PdMomentsOf){ reference_moments (self, graph, site, keys), self->branches },
                   variance_eps);
}

/* A function of PdHook. */
static PdTensor *
attend_aligned (
    PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  const PdStyleAlign *self =
      (PdStyleAlign *) ((guint8 *) hook - G_STRUCT_OFFSET (PdStyleAlign, reader));
  const PdBankLayer *layer = pd_bank_layer (self->bank, site->index);
  PdTensor *result, *own;

  result = pd_attention (
      graph,
      &(PdAttention){
          .q = aligned (self, graph, site, FALSE, q),
          .k = aligned (self, graph, site, TRUE, k),
          .v = v,
          .heads = site->parts,
          .more_k = pd_to_type (graph, pd_bank_keys (self->bank, graph, layer), k->type),
          .more_v = pd_to_type (graph, pd_bank_values (self->bank, graph, layer), v->type) });
  if (self->share >= 1)
    return result;
  own = pd_attention (graph, &(PdAttention){ .q = q, .k = k, .v = v, .heads = site->parts });
  return pd_add (graph, result, (float) self->share, own, (float) (1 - self->share));
}

PdStyleAlign *
pd_style_align_new (const PdBackend *backend,
                    PdBank *bank,
                    const GArray *survey,
                    guint branches,
                    double share,
                    GError **error)
{
  g_autoptr (PdStyleAlign) self = g_new0 (PdStyleAlign, 1);
  gsize bytes = 0;

  self->writer.attention = keep_moments;
  self->reader.attention = attend_aligned;
  self->bank = bank;
  self->branches = branches;
  self->share = share;
  self->offsets = g_array_new (FALSE, FALSE, sizeof (gsize));
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      if (site->kind != PD_SITE_ATTENTION)
        continue;
      g_array_append_val (self->offsets, bytes);
      bytes += 2 * moments_bytes (self, site->channels);
    }
  self->buffer = pd_buffer_new (backend->device, MAX (bytes, 1), PD_BUFFER_DEVICE, error);
  return self->buffer != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_style_align_free (PdStyleAlign *self)
{
  if (self == NULL)
    return;
  pd_buffer_free (self->buffer);
  g_array_unref (self->offsets);
  g_free (self);
}

PdHook *
pd_style_align_writer (PdStyleAlign *self)
{
  return &self->writer;
}

PdHook *
pd_style_align_reader (PdStyleAlign *self)
{
  return &self->reader;
}
