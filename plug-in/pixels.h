// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plug-in/place.h"

/* Pixels of an image of GIMP as the engine wants them (sRGB, R'G'B', files of GEGL buffers), and
 * back. Rows pass through in bands, so that memory does not grow with the size. */

/* Parts of a source that the engine does not see, kept to be given back to the result. Buffers have
 * the extent of the place's target. */
typedef struct
{
  guint64 n_not_finite; /* pixels of the context with a value that is no finite number */
  guint64 n_outside;    /* pixels of the context with a colour outside sRGB */
  gboolean empty;       /* all of the target is transparent */
  GeglBuffer *alpha;    /* "Y float"; NULL: all of the target is opaque */
  GeglBuffer *excess; /* "RGB float", to be added to R'G'B': what is outside sRGB; NULL: nothing */
} PdRest;

void pd_rest_clear (PdRest *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdRest, pd_rest_clear)

/* What the context shows, width × height pixels of @place in a file for the engine. What is
 * transparent, or no number, becomes a neutral gray; colours outside sRGB become its nearest ones.
 * @rest: (out) what that leaves out
 * Errors: the image cannot be read, the file cannot be written. */
gboolean pd_pixels_save_source (
    const PdPlace *place, PdRequestSource source, const char *path, PdRest *rest, GError **error);

/* Returns: (transfer full) the selection's values in the target, in the selection's own format, as
 * it is now; extent in image coordinates. NULL if nothing is selected. */
GeglBuffer *pd_pixels_copy_selection (const PdPlace *place);

/* The mask that belongs to pd_pixels_save_source(): @selection (NULL: everything) in the target, 0
 * around it. */
gboolean
pd_pixels_save_mask (const PdPlace *place, GeglBuffer *selection, const char *path, GError **error);

/* Returns: whether the mask would be white everywhere, which is what no mask means, too. FALSE: it
 * may be all the same. */
gboolean pd_pixels_mask_is_white (const PdPlace *place);

/* Brings the engine's picture of the context back to the context's own size.
 * Returns: (transfer full) a buffer whose extent is the target, in image coordinates. */
GeglBuffer *pd_pixels_cut (const PdPlace *place, GeglBuffer *result);

/* Writes a R'G'B' sRGB picture into a drawable of @image, in that image's colours; the picture's
 * corner goes to 0, 0 of the drawable.
 * @rest: whose transparency and whose colours outside sRGB the picture takes over, scaled to its
 *   size; NULL: none
 * @share: 0 … 1 of what is outside sRGB */
void pd_pixels_write (
    GeglBuffer *picture, const PdRest *rest, double share, gint32 image, gint32 drawable);

/* Returns: (transfer full) the target's pixels, sRGB "R'G'B'A u8", at most @max_side a side. */
GeglBuffer *
pd_pixels_small (const PdPlace *place, PdRequestSource source, guint max_side, GError **error);
