// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"

/* The devices of a run that still work, those of other processes last. The first of them leads: it
 * does what is not shared. */

/* Something that works on tiles or windows and can be done again. @what: its own; @latent:
 * [channels][h][w] of the canvas, that it changes, or NULL. */
typedef gboolean (*PdHelpersFunc) (PdSession *self,
                                   gconstpointer what,
                                   float *latent,
                                   GError **error);

/* Calls @function, with devices that are not lost; again if it fails for the one that leads is. The
 * next then leads, and encodes prompts. Errors: the function's, those of pd_model_load. */
gboolean pd_helpers_try (
    PdSession *self, PdHelpersFunc function, gconstpointer what, float *latent, GError **error);

/* Tiles at once on device @place (0: the first), before its memory is asked. */
guint pd_helpers_batch (const PdSession *self, guint place);

/* Who works beside the first, in the same order. */
PdHelpers pd_helpers_of_canvas (const PdSession *self);
PdCoderHelpers pd_helpers_of_coder (const PdSession *self);

/* Tells, once of each, which have left. @gone: [n], the first's and the helpers'. */
void pd_helpers_note (PdSession *self, const gboolean *gone, guint n);

/* Tells that, and adds what all did in a canvas's @steps. */
void pd_helpers_add (PdSession *self, const PdTeamReport *team, guint steps);
