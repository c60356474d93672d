// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/stage-run.h"

/* Pictures in levels: a small one first and each next one from the one before, or each from the one
 * before beginning with the input; one level is a picture made in one go. Pictures of stages but
 * the last are kept in GeglBuffers. Errors: those of pd_stage_run. */
gboolean pd_levels_run (
    PdSession *session, const PdStage *stages, guint n, const PdImages *images, GError **error);

/* Whether the solver of the run is one for models that were distilled to a few steps. */
gboolean pd_levels_have_few_steps (const PdSession *session);
