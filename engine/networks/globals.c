// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/networks/globals.h"

enum
{
  ALIGN = 256, /* no device asks for more between bindings */
  FRAME = 3,   /* pixels of the coarsest tensors that feel the border: measured with
                      tests/bench/norms.py */
};

struct _PdGlobals
{
  PdBuffer *buffer;
  gsize used;
  PdGlobalsMode mode;
  PdGlobalsAxis axes[2];
};

static gsize
aligned (gsize bytes)
{
  return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static gsize
bias_bytes (gsize tokens)
{
  return aligned ((tokens + PD_PIXEL_SLACK) * PD_CHANNEL_ALIGN * sizeof (float));
}

gsize
pd_globals_norm_bytes (guint channels)
{
  return aligned (pd_group_norm_table_bytes (channels));
}

gsize
pd_globals_attention_bytes (gsize tokens, guint channels)
{
  gsize one = (tokens + PD_PIXEL_SLACK) * pd_align_channels (channels) * sizeof (float);

  return 2 * aligned (one) + bias_bytes (tokens);
}

PdGlobals *
pd_globals_new (const PdBackend *backend,
                gsize capacity,
                const PdGlobalsAxis axes[2],
                GError **error)
{
  g_autoptr (PdGlobals) self = g_new0 (PdGlobals, 1);

  memcpy (self->axes, axes, sizeof self->axes);
  self->buffer = pd_buffer_new (backend->device, capacity, PD_BUFFER_DEVICE, error);
  return self->buffer != NULL ? g_steal_pointer (&self) : NULL;
}

void
pd_globals_free (PdGlobals *self)
{
  if (self == NULL)
    return;
  pd_buffer_free (self->buffer);
  g_free (self);
}

void
pd_globals_begin (PdGlobals *self, PdGlobalsMode mode)
{
  self->mode = mode;
  self->used = 0;
}

static PdStorage *
take (PdGlobals *self, PdGraph *graph, gsize bytes)
{
  PdStorage *storage = pd_graph_external (graph, self->buffer, self->used, bytes);

  self->used += aligned (bytes);
  g_assert (self->used <= pd_buffer_size (self->buffer));
  return storage;
}

/* For tensors @scale times as large as the sample. */
static PdPixelShares
shares_of (const PdGlobalsAxis *axis, guint scale)
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

PdTensor *
pd_globals_group_norm (
    PdGlobals *self, PdGraph *graph, PdTensor *x, const PdNorm *norm, const PdNormArgs *args)
{
  PdStorage *table = take (self, graph, pd_group_norm_table_bytes (x->c));

  if (self->mode == PD_GLOBALS_GATHER)
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
share_of (const PdGlobalsAxis *axis, guint i)
{
  PdPixelShares shares = shares_of (axis, 1);

  return i < shares.frame || i >= axis->sample - shares.frame ? shares.outer : shares.inner;
}

/* What every key counts, as a logarithm to be added to its products. */
static gboolean
write_bias (PdGlobals *self, const PdStorage *storage, GError **error)
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

PdTensor *
pd_globals_attention (
    PdGlobals *self, PdGraph *graph, PdTensor *q, PdTensor *k, PdTensor *v, guint heads)
{
  PdTensor *y = pd_graph_tensor_typed (graph, q->type, q->n, q->h, q->w, q->c, 0);
  guint h = self->axes[0].sample, w = self->axes[1].sample;
  gsize bytes =
      aligned (((gsize) h * w + PD_PIXEL_SLACK) * pd_align_channels (k->c) * sizeof (float));
  PdTensor *keys, *values, *bias;
  GError *error = NULL;

  if (self->mode == PD_GLOBALS_GATHER)
    {
      k = joined (graph, k);
      v = joined (graph, v);
    }
  keys = pd_graph_place (graph, take (self, graph, bytes), k->type, 1, h, w, k->c);
  values = pd_graph_place (graph, take (self, graph, bytes), v->type, 1, h, w, v->c);
  bias = pd_graph_place (graph, take (self, graph, bias_bytes ((gsize) h * w)), PD_TYPE_F32, 1, 1,
                         1, h * w);
  if (self->mode == PD_GLOBALS_GATHER)
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
                                                .heads = heads,
                                                .key_bias = bias }),
           pd_tensor_join (graph, y, 0, y->n));
  return y;
}
