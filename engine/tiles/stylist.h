// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/bank-writer.h"
#include "engine/networks/denoiser.h"
#include "engine/networks/style-align.h"
#include "engine/networks/style-transfer.h"

/* A picture whose look a canvas takes on. In every step its latent goes through the denoiser once,
 * beside the tiles, and leaves its keys and values on the device, which all tiles read: what that
 * takes does not depend on the canvas. */

/* How the style is in the calls of a run, and what is drawn in its look. Borrowed. */
typedef struct
{
  guint h, w;  /* of its latent; as large as a tile */
  guint calls; /* of the run */
  /* [calls + 1][channels][h][w]: noised to the level of each call, then as it is. */
  const float *path;
  const PdCondition *condition; /* of its image, and of the content's: of no prompt */
  double share;                 /* of the style, 0 … 1 */
  /* What the canvas shows, [calls][channels][height][width] in f16, noised like the style; its
   * images go through the denoiser beside the tiles. NULL: the canvas is new, and the style is its
   * reference. */
  const guint16 *content;
} PdStyle;

/* Whether anything of a network with the sites of @survey can be given a style. */
gboolean pd_style_is_possible (const GArray *survey);

typedef struct _PdStylist PdStylist;

/* Records its pass. Errors: PD_ERROR_OUT_OF_MEMORY. */
PdStylist *pd_stylist_new (PdDenoiser *denoiser, const PdStyle *style, GError **error);
void pd_stylist_free (PdStylist *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdStylist, pd_stylist_free)

const PdStyle *pd_stylist_style (const PdStylist *self);

/* The hook of a pass over tiles, @images of them in a branch; that of the content comes first, if
 * there is one. @owned gets what is to be freed after the pass; it may become NULL. */
PdHook *pd_stylist_join (PdStylist *self, guint images, PdStyleTransfer **owned);

/* Leaves keys and values of call @i; @scale: of the denoiser's input. */
gboolean pd_stylist_run (PdStylist *self,
                         guint i,
                         double timestep,
                         double scale,
                         GCancellable *cancellable,
                         GError **error);

/* Images predicted so far. */
guint pd_stylist_forwards (const PdStylist *self);

/* Bytes that it leaves. */
gsize pd_stylist_bytes (const PdStylist *self);
