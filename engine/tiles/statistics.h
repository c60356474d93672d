// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/norm-exchange.h"

/* The statistics of group norms over all tiles of a canvas. How far those of a tile were from those
 * of the canvas in one step is taken off them in the next (Li et al. 2024, DistriFusion, corrected
 * asynchronous group norm; the variances here as a ratio, which stays positive). In the first step,
 * where tiles are but noise, each has its own.
 *
 * A tile may be predicted more than once in a step, for several prompts: each time is a part. */
typedef struct _PdStatistics PdStatistics;

/* @share: of the distance, > 0 … 1. @parts: of the canvas. @count: moments of a part, of all its
 * branches together. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdStatistics *pd_statistics_new (double share, gsize parts, guint count, GError **error);
void pd_statistics_free (PdStatistics *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdStatistics, pd_statistics_free)

/* A step begins: forgets what ran since the last one was done. Until it is done threads may ask for
 * different parts at the same time. */
void pd_statistics_begin (PdStatistics *self);

/* What brings the part nearer to the canvas, [count]; borrowed. */
const PdNormShift *pd_statistics_shifts (PdStatistics *self, gsize part);

/* Where to put what the part has by itself in this step, [count]; borrowed. */
PdNormMoments *pd_statistics_own (PdStatistics *self, gsize part);

/* The step is done: all parts that ran since it began are the canvas. */
void pd_statistics_commit (PdStatistics *self);

/* Bytes of host memory that such an object takes. */
gsize pd_statistics_bytes (gsize parts, guint count);

/* What the next step needs, [parts][count], *n numbers; borrowed. */
PdNormShift *pd_statistics_state (PdStatistics *self, gsize *n);
