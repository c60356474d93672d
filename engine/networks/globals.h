// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/layers.h"

/* What a network takes from a whole canvas, not from the tile at hand: the statistics of every
 * group norm, and the keys and values of every self-attention layer. A pass over a sample of the
 * canvas gathers it into a device buffer; passes over tiles of the same network, built in the same
 * order, use it. What a tile gives then depends on its neighbourhood alone.
 *
 * A sample is smaller than its canvas, so it has more border for its size, or border where a torus
 * has none; and near the border, where convolutions see zeros, activations can be many times what
 * they are elsewhere. So pixels of the sample count, in norms and as keys, what makes border and
 * inside weigh what they do on the canvas. */
typedef struct _PdGlobals PdGlobals;

/* One axis of a sample, in pixels of the coarsest tensors of the network, to whose size those of
 * all others are multiples. */
typedef struct
{
  guint sample, canvas; /* sizes; sample > 8 unless it is the canvas */
  gboolean wrap;
} PdGlobalsAxis;

/* @capacity: bytes, as pd_globals_norm_bytes and pd_globals_attention_bytes add up; @axes: vertical
 * and horizontal. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdGlobals *pd_globals_new (const PdBackend *backend,
                           gsize capacity,
                           const PdGlobalsAxis axes[2],
                           GError **error);
void pd_globals_free (PdGlobals *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdGlobals, pd_globals_free)

gsize pd_globals_norm_bytes (guint channels);
/* @tokens: of the sample. */
gsize pd_globals_attention_bytes (gsize tokens, guint channels);

typedef enum
{
  PD_GLOBALS_GATHER,
  PD_GLOBALS_USE,
} PdGlobalsMode;

/* Before a network is built. */
void pd_globals_begin (PdGlobals *self, PdGlobalsMode mode);

/* As pd_group_norm and pd_attention, with the statistics and the keys of the sample. */
PdTensor *pd_globals_group_norm (
    PdGlobals *self, PdGraph *graph, PdTensor *x, const PdNorm *norm, const PdNormArgs *args);
PdTensor *pd_globals_attention (
    PdGlobals *self, PdGraph *graph, PdTensor *q, PdTensor *k, PdTensor *v, guint heads);
