// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"
#include "engine/tiles/progressive.h"

/* What a run will take: @levels ends with the result's size; @first_rise 1 if the first of them
 * already starts from a picture. Uses up the session's canvas. */
gboolean pd_estimate_levels (PdSession *session,
                             const PdBackend *backend,
                             const PdLevel *levels,
                             guint n,
                             guint first_rise,
                             PdEstimate *estimate,
                             GError **error);
