// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"
#include "engine/run/stages.h"

/* What a stage starts from; borrowed. */
typedef struct
{
  GeglBuffer
      *picture; /* PD_START_PICTURE: of the stage's size; PD_START_ENLARGED: of any; else NULL */
  GeglBuffer *mask; /* "Y float" of the stage's size, 1: to be painted; NULL unless it is masked */
} PdStageInput;

/* Of the session's stage only what @mask shows is to change: "Y float" of the stage's size; NULL:
 * all of it. *@cells: (transfer full) the mask at the latents' size, [h][w], where the run keeps
 * what it does not show; else NULL. Errors: PD_ERROR_OUT_OF_MEMORY. */
gboolean
pd_stage_mark_changes (PdSession *session, GeglBuffer *mask, float **cells, GError **error);

/* Makes the stage's picture, with @session's prompts. *@latent (NULL: not wanted): gets the clean
 * latent that it was decoded from; NULL where a picture was only enlarged. Errors:
 * those of the session's parts. */
gboolean pd_stage_run (PdSession *session,
                       const PdStage *stage,
                       const PdStageInput *input,
                       GeglBuffer *output,
                       float **latent,
                       GError **error);

/* The picture of a stage that gave @latent before. */
gboolean pd_stage_decode (PdSession *session,
                          const PdStage *stage,
                          const PdStageInput *input,
                          const float *latent,
                          GeglBuffer *output,
                          GError **error);
