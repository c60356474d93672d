// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/ops.h"

/* What a network takes from a whole canvas, not from the tile at hand: the statistics of every
 * group norm, and the keys and values of every self-attention layer. A pass over samples of the
 * canvas, all in one batch, gathers it into a device buffer; passes over tiles of the same network,
 * built in the same order, use it. What a tile gives then depends on its neighbourhood alone. */
typedef struct _PdGlobals PdGlobals;

/* @capacity: bytes, as pd_globals_norm_bytes and pd_globals_attention_bytes add up.
 * Errors: PD_ERROR_OUT_OF_MEMORY. */
PdGlobals *pd_globals_new (const PdBackend *backend, gsize capacity, GError **error);
void pd_globals_free (PdGlobals *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdGlobals, pd_globals_free)

gsize pd_globals_norm_bytes (guint channels);
/* @tokens: of all samples together. */
gsize pd_globals_attention_bytes (gsize tokens, guint channels);

typedef enum
{
  PD_GLOBALS_GATHER,
  PD_GLOBALS_USE,
} PdGlobalsMode;

/* Before a network is built. */
void pd_globals_begin (PdGlobals *self, PdGlobalsMode mode);

/* As pd_group_norm and pd_attention; the statistics are those of all samples together, the keys
 * those of all samples together. @k and @v make the keys and values from @context when they are
 * gathered. */
PdTensor *pd_globals_group_norm (PdGlobals *self,
                                 PdGraph *graph,
                                 PdTensor *x,
                                 const PdVector *weight,
                                 const PdVector *bias,
                                 guint groups,
                                 float eps,
                                 PdActivation activation,
                                 gboolean border);
PdTensor *pd_globals_attention (
    PdGlobals *self, PdGraph *graph, PdTensor *q, PdTensor *k, PdTensor *v, guint heads);
