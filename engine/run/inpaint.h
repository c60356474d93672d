// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/stage-run.h"

/* Paints what images->mask shows in the part @crop of images->input; the rest of images->output
 * is the input. Errors: those of pd_stage_run. */
gboolean pd_inpaint_run (PdSession *session,
                         const PdStage *stage,
                         const PdCrop *crop,
                         const PdImages *images,
                         GError **error);
