// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/choices.h"
#include "engine/base/rect.h"
#include "engine/diffusion/schedule.h"
#include "engine/networks/conditioner.h"
#include "engine/networks/denoiser.h"

/* What each tile of a large canvas is told of the prompt, so that none draws a subject anew that is
 * elsewhere (Lin et al. 2024, AccDiffusion): the prompt without the words of what the tile does not
 * show. Where words are is read from the picture that the canvas starts from: small, and noised to
 * some of the levels that the run goes through, it is given to the denoiser, which attends to them
 * (networks/word-maps.h). So nothing has to be kept from the run that made the picture, and there
 * need not have been one.
 *
 * A word that has no place, because it is of the whole picture or because the model has no idea of
 * it, is told to all tiles. */
typedef struct _PdTilePrompts PdTilePrompts;

typedef struct
{
  PdDenoiser *denoiser;
  PdConditioner *conditioner;
  const char *prompt;
  const PdCondition *condition; /* of the prompt */
  PdSize canvas;                /* latent pixels */
  guint tile;                   /* largest side of a tile */
  PdTorus wrap;
  const float *clean; /* the picture, [channels][canvas] */
  const PdSchedule *schedule;
  guint64 seed;
} PdTilePromptsOptions;

/* Options and what they point to are borrowed; schedule and clean for the call alone. Errors: those
 * of a pass of the denoiser and of pd_conditioner_encode. */
PdTilePrompts *pd_tile_prompts_new (const PdTilePromptsOptions *options,
                                    GCancellable *cancellable,
                                    GError **error);
void pd_tile_prompts_free (PdTilePrompts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdTilePrompts, pd_tile_prompts_free)

/* Records what pd_tile_prompts_new runs and drops it: for a rehearsal of the device. Of @options,
 * clean is not read, and of condition only the shape. @forwards: gets the number of passes of one
 * image, 0 where nothing is to be found. */
gboolean
pd_tile_prompts_rehearse (const PdTilePromptsOptions *options, guint *forwards, GError **error);

/* Passes of one image that were made. */
guint pd_tile_prompts_forwards (const PdTilePrompts *self);

/* The words that are not told to every tile; empty: all tiles are told the whole prompt. Of char *,
 * borrowed. */
const GPtrArray *pd_tile_prompts_words (const PdTilePrompts *self);

/* Returns: (transfer full) those words in a line. */
char *pd_tile_prompts_describe (const PdTilePrompts *self);

/* What a tile at @rect of the canvas is told; as long-lived as @self or the condition of the whole
 * prompt. */
const PdCondition *pd_tile_prompts_at (const PdTilePrompts *self, const PdRect *rect);
