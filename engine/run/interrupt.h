// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"

/* What a run that may be interrupted leaves in its journal, and how it goes on from there. */

/* A PdCheckpointFunc for a PdSession: a run that was cancelled, or fails in a step, is kept whole;
 * a short one that is done not at all. */
void pd_interrupt_checkpoint (const PdSolver *solver,
                              PdCanvas *canvas,
                              const float *latent,
                              gboolean stopping,
                              gpointer session);

/* Takes up what the journal says of the level that is worked at, if it stands there: @latent, and
 * the states in @options, which the journal owns. Errors: PD_ERROR_BAD_REQUEST (a journal that does
 * not fit). */
gboolean pd_interrupt_restore (PdSession *self, PdDenoise *options, float *latent, GError **error);

/* The level at which the journal of an interrupted run stands, from 1; 1 without one. @base
 * ([channels][*base_h][*base_w], borrowed; NULL at level 1) is what it starts from. */
guint pd_interrupt_level (const PdSession *self, const float **base, guint *base_h, guint *base_w);
