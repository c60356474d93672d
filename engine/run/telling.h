// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"

/* Which words of the prompt each tile of a canvas is told, see PdTilePrompts. */

/* How the tiles of @canvas are told; without what pd_tile_prompts_rehearse does not read. */
PdTilePromptsOptions pd_telling_options (const PdSession *session, const PdCanvasOptions *canvas);

/* Whether a canvas that starts from a picture has tiles that may be told different things. */
gboolean pd_telling_matters (const PdCanvasOptions *canvas);

/* Finds for @canvas, which starts from @clean (NULL: from nothing, which changes nothing), what its
 * tiles are told; *@prompts is the caller's and has to outlive the canvas. Without the memory for
 * finding it, they are told the whole prompt. Errors: those of pd_tile_prompts_new. */
gboolean pd_telling_find (PdSession *session,
                          PdCanvasOptions *canvas,
                          const float *clean,
                          PdTilePrompts **prompts,
                          GError **error);
