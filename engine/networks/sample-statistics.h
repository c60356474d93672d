// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/sites.h"

/* What a network takes from a whole canvas, not from the tile at hand: the statistics of every
 * group norm, and the keys and values of every self-attention layer. A pass over a sample of the
 * canvas gathers it into a device buffer; passes over tiles of the same network use it. What a tile
 * gives then depends on its neighbourhood alone.
 *
 * A sample is smaller than its canvas, so it has more border for its size, or border where a torus
 * has none; and near the border, where convolutions see zeros, activations can be many times what
 * they are elsewhere. So pixels of the sample count, in norms and as keys, what makes border and
 * inside weigh what they do on the canvas. */
typedef struct _PdSampleStatistics PdSampleStatistics;

/* One axis of a sample, in pixels of the coarsest tensors of the network, to whose size those of
 * all others are multiples. */
typedef struct
{
  guint sample, canvas; /* sizes; sample > 8 unless it is the canvas */
  gboolean wrap;
} PdSampleAxis;

/* For a sample whose pass has the sites of @survey; @axes: vertical and horizontal. Errors:
 * PD_ERROR_OUT_OF_MEMORY. */
PdSampleStatistics *pd_sample_statistics_new (const PdBackend *backend,
                                              const GArray *survey,
                                              const PdSampleAxis axes[2],
                                              GError **error);
void pd_sample_statistics_free (PdSampleStatistics *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdSampleStatistics, pd_sample_statistics_free)

typedef enum
{
  PD_SAMPLE_GATHER,
  PD_SAMPLE_USE,
} PdSampleMode;

/* The hook for a pass that is going to be built, before another one is. */
PdHook *pd_sample_statistics_hook (PdSampleStatistics *self, PdSampleMode mode);
