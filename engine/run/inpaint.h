// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"

/* Makes anew what images->mask shows, with @strength as in restyle, in the part of images->input
 * around it that pd_region_plan gives; the rest of images->output is the input. Errors: those of
 * the stages; PD_ERROR_BAD_REQUEST for a mask that is empty. */
gboolean
pd_inpaint_run (PdSession *session, const PdImages *images, double strength, GError **error);
