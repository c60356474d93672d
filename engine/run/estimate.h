// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/crop.h"
#include "engine/run/session.h"
#include "engine/run/stages.h"

/* Parts of a picture that are worked on; borrowed. */
typedef struct
{
  GeglBuffer *mask;    /* "Y float", of the picture */
  const PdCrop *crops; /* of the stages */
} PdEstimateParts;

/* What a run of @stages will take. @parts: NULL if all of the canvas changes. Uses up the session's
 * canvas. Errors: as the run where they can be known before. */
gboolean pd_estimate_stages (PdSession *session,
                             const PdStage *stages,
                             guint n,
                             const PdEstimateParts *parts,
                             PdEstimate *estimate,
                             GError **error);
