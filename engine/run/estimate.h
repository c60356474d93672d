// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"
#include "engine/run/stages.h"

/* What a run of @stages will take. Uses up the session's canvas. Errors: as the run where they can
 * be known before. */
gboolean pd_estimate_stages (
    PdSession *session, const PdStage *stages, guint n, PdEstimate *estimate, GError **error);
