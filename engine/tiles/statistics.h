// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/unet.h"

/* The statistics of group norms over all tiles of a canvas. How far those of a tile were from those
 * of the canvas in one step is taken off them in the next (Li et al. 2024, DistriFusion, corrected
 * asynchronous group norm; the variances here as a ratio, which stays positive). In the first step,
 * where tiles are but noise, each has its own.
 *
 * A tile may be predicted more than once in a step, for several prompts: each time is a part. */
typedef struct _PdStatistics PdStatistics;

/* @share: of the distance, > 0 … 1. @parts: of the canvas. @batch: of them in a pass at most, once
 * for each of @branches. @count: moments of an image. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdStatistics *pd_statistics_new (
    double share, gsize parts, guint branches, guint batch, guint count, GError **error);
void pd_statistics_free (PdStatistics *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdStatistics, pd_statistics_free)

/* Image @image of the batch is going to be part @part, in all branches. */
void pd_statistics_set_part (PdStatistics *self, guint image, gsize part);

/* Runs @pass, as pd_unet_pass_run, with statistics nearer to the canvas's, and keeps what its
 * images have by themselves. @first: of the batch; a pass of the whole batch begins with 0, one of
 * a single part with its image. With @self NULL it only runs it. */
gboolean pd_statistics_run (PdStatistics *self,
                            PdUNetPass *pass,
                            const PdUNetRun *run,
                            guint first,
                            GCancellable *cancellable,
                            GError **error);

/* The step is done: all parts that ran since the last one are the canvas. */
void pd_statistics_commit (PdStatistics *self);

/* A step begins anew: forgets what ran since the last one was done. */
void pd_statistics_begin (PdStatistics *self);

/* Bytes of host memory that such an object takes beside a batch. */
gsize pd_statistics_bytes (gsize parts, guint branches, guint count);

/* What the next step needs, *n numbers; borrowed. */
float *pd_statistics_state (PdStatistics *self, gsize *n);
