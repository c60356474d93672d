// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"
#include "engine/tiles/progressive.h"

/* Pictures in levels: a small one first and each next one from the one before, or (upscale) each
 * from the one before beginning with the input. */

/* The levels that @request makes with a model for pictures of @native² pixels and latents of
 * 1 / @scale, the last in the size of the result. Returns: their number; 1 of generate is a picture
 * made in one go. */
guint
pd_levels_of (const PdRequest *request, guint native, guint scale, PdLevel levels[PD_MAX_LEVELS]);

/* Runs the @n levels of generate or upscale. Pictures of levels but the last are kept in
 * GeglBuffers. */
gboolean pd_levels_run (
    PdSession *session, const PdLevel *levels, guint n, const PdImages *images, GError **error);
