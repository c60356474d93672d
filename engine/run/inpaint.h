// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/stage-run.h"

/* Paints what images->mask shows in the @n parts @crops of images->input, one after the other, each
 * a stage; what lies outside them is left to the caller. Errors: those of pd_stage_run. */
gboolean pd_inpaint_run (PdSession *session,
                         const PdStage *stages,
                         const PdCrop *crops,
                         guint n,
                         const PdImages *images,
                         GError **error);
