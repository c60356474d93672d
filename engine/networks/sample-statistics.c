// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/sample-statistics.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

enum
{
  FRAME = 3, /* pixels of the coarsest tensors that feel the border: measured with
                tests/bench/norms.py */
};

struct _PdSampleStatistics
{
  PdHook hook;
  PdBuffer *buffer;
  GArray *places[PD_N_SITE_KINDS]; /* of gsize: where a site's part of the buffer begins */
  PdSampleMode mode;
  PdSampleAxis axes[2];
};

static gsize
bias_bytes (gsize tokens)
{
  return pd_align_binding ((tokens + PD_PIXEL_SLACK) * PD_CHANNEL_ALIGN * sizeof (float));
}

/* Of the sample's keys, or values. */
static gsize
token_bytes (gsize tokens, guint channels)
{
  return pd_align_binding ((tokens + PD_PIXEL_SLACK) * pd_align_channels (channels) *
                           sizeof (float));
}

static gsize
site_bytes (const PdSampleStatistics *self, const PdSite *site)
{
  gsize tokens = (gsize) self->axes[0].sample * self->axes[1].sample;

  if (site->kind == PD_SITE_NORM)
    return pd_align_binding (pd_group_norm_table_bytes (site->channels));
  return 2 * token_bytes (tokens, site->channels) + bias_bytes (tokens);
}

static PdStorage *
storage_of (const PdSampleStatistics *self, PdGraph *graph, gsize *offset, gsize bytes)
{
  PdStorage *storage = pd_graph_external (graph, self->buffer, *offset, bytes);

  *offset += pd_align_binding (bytes);
  return storage;
}

/* For tensors @scale times as large as the sample. */
static PdPixelShares
shares_of (const PdSampleAxis *axis, guint scale)
{
  if (axis->wrap)
    return (PdPixelShares){ .frame = FRAME * scale, .outer = 0, .inner = 1 };
  if (axis->canvas == axis->sample)
    return (PdPixelShares){ .frame = 0, .outer = 1, .inner = 1 };
  return (PdPixelShares){ .frame = FRAME * scale,
                          .outer = 1,
                          .inner = (float) (axis->canvas - 2 * FRAME) /
                                   (float) (axis->sample - 2 * FRAME) };
}

static PdStorage *
table_of (const PdSampleStatistics *self, PdGraph *graph, const PdSite *site)
{
  gsize offset = g_array_index (self->places[PD_SITE_NORM], gsize, site->index);

  return storage_of (self, graph, &offset, pd_group_norm_table_bytes (site->channels));
}

/* A function of PdHook. */
static PdStorage *
known_table (PdHook *hook, PdGraph *graph, const PdSite *site)
{
  const PdSampleStatistics *self = (PdSampleStatistics *) hook;

  return self->mode == PD_SAMPLE_USE ? table_of (self, graph, site) : NULL;
}

/* A function of PdHook. */
static PdTensor *
normalize (PdHook *hook,
           PdGraph *graph,
           const PdSite *site,
           PdTensor *x,
           const PdNorm *norm,
           const PdNormArgs *args)
{
  const PdSampleStatistics *self = (PdSampleStatistics *) hook;
  PdStorage *table = table_of (self, graph, site);

  if (self->mode == PD_SAMPLE_GATHER)
    {
      const PdPixelShares shares[] = { shares_of (&self->axes[0], x->h / self->axes[0].sample),
                                       shares_of (&self->axes[1], x->w / self->axes[1].sample) };

      pd_group_norm_measure (graph, x, norm->weight, args, TRUE, shares, table);
    }
  return pd_group_norm_apply (graph, x, table, norm->bias, args, TRUE);
}

static PdTensor *
joined (PdGraph *graph, PdTensor *x)
{
  if (x->border > 0)
    x = pd_convert (graph, x, x->type, FALSE);
  return pd_tensor_join (graph, x, 0, x->n);
}

static float
share_of (const PdSampleAxis *axis, guint i)
{
  PdPixelShares shares = shares_of (axis, 1);

  return i < shares.frame || i >= axis->sample - shares.frame ? shares.outer : shares.inner;
}

/* What every key counts, as a logarithm to be added to its products. */
static gboolean
write_bias (const PdSampleStatistics *self, const PdStorage *storage, GError **error)
{
  guint h = self->axes[0].sample, w = self->axes[1].sample;
  g_autofree float *bias = pd_try_new (float, (gsize) h *w, _ ("the autoencoder's windows"), error);

  if (bias == NULL)
    return FALSE;
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++)
      bias[(gsize) y * w + x] =
          MAX (logf (share_of (&self->axes[0], y) * share_of (&self->axes[1], x)), -1e4f);
  return pd_buffer_write (storage->buffer, storage->offset, bias, (gsize) h * w * sizeof *bias,
                          error);
}

/* A function of PdHook. */
static PdTensor *
attend (PdHook *hook, PdGraph *graph, const PdSite *site, PdTensor *q, PdTensor *k, PdTensor *v)
{
  const PdSampleStatistics *self = (PdSampleStatistics *) hook;
  PdTensor *y = pd_graph_tensor_typed (graph, q->type, q->n, q->h, q->w, q->c, 0);
  guint h = self->axes[0].sample, w = self->axes[1].sample;
  gsize tokens = (gsize) h * w, bytes = token_bytes (tokens, k->c);
  gsize offset = g_array_index (self->places[PD_SITE_ATTENTION], gsize, site->index);
  PdTensor *keys, *values, *bias;
  GError *error = NULL;

  if (self->mode == PD_SAMPLE_GATHER)
    {
      k = joined (graph, k);
      v = joined (graph, v);
    }
  keys = pd_graph_place (graph, storage_of (self, graph, &offset, bytes), k->type, 1, h, w, k->c);
  values = pd_graph_place (graph, storage_of (self, graph, &offset, bytes), v->type, 1, h, w, v->c);
  bias = pd_graph_place (graph, storage_of (self, graph, &offset, bias_bytes (tokens)), PD_TYPE_F32,
                         1, 1, 1, h * w);
  if (self->mode == PD_SAMPLE_GATHER)
    {
      pd_copy (graph, k, keys);
      pd_copy (graph, v, values);
      if (!write_bias (self, bias->storage, &error))
        pd_graph_fail (graph, error);
    }
  pd_copy (graph,
           pd_attention (graph, &(PdAttention){ .q = joined (graph, q),
                                                .k = keys,
                                                .v = values,
                                                .heads = site->parts,
                                                .key_bias = bias }),
           pd_tensor_join (graph, y, 0, y->n));
  return y;
}

PdSampleStatistics *
pd_sample_statistics_new (const PdBackend *backend,
                          const GArray *survey,
                          const PdSampleAxis axes[2],
                          GError **error)
{
  g_autoptr (PdSampleStatistics) self = g_new0 (PdSampleStatistics, 1);
  gsize bytes = 0;

  self->hook = (PdHook){ .attention = attend, .norm = normalize, .norm_table = known_table };
  memcpy (self->axes, axes, sizeof self->axes);
  for (guint kind = 0; kind < PD_N_SITE_KINDS; kind++)
    self->places[kind] = g_array_new (FALSE, FALSE, sizeof (gsize));
  for (guint i = 0; i < survey->len; i++)
    {
      const PdSite *site = &g_array_index (survey, PdSite, i);

      g_array_append_val (self->places[site->kind], bytes);
      bytes += site_bytes (self, site);
    }
  self->buffer = pd_buffer_new (backend->device, bytes, PD_BUFFER_DEVICE, error);
  return self->buffer != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_sample_statistics_free (PdSampleStatistics *self)
{
  if (self == NULL)
    return;
  pd_buffer_free (self->buffer);
  for (guint kind = 0; kind < PD_N_SITE_KINDS; kind++)
    g_array_unref (self->places[kind]);
  g_free (self);
}

PdHook *
pd_sample_statistics_hook (PdSampleStatistics *self, PdSampleMode mode)
{
  self->mode = mode;
  return &self->hook;
}
