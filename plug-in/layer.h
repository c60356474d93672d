// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plug-in/place.h"

/* Name of the parasite in which a layer keeps the parameters it was made with, as JSON. */
extern const char pd_layer_parasite[];

/* Adds a result to its image as one undo step: a new layer above `place->layer`, or on top if that
 * has gone meanwhile, with the selection as its mask. Image and layer may have changed since the
 * place was found; everything else in them stays as it is.
 * picture: sRGB, its extent is the target
 * selection: snapshot of the selection in the target; NULL: no mask
 * Returns: the layer, or -1. Errors: those of pd_place_check_image(). */
gint32 pd_layer_add (const PdPlace *place,
                     GeglBuffer *picture,
                     GeglBuffer *selection,
                     PdRequest *request,
                     GError **error);

/* Makes a new image of the same kind from an enlarged picture of one. It has no display.
 * Returns: its layer, or -1. */
gint32
pd_layer_new_image (const PdPlace *place, GeglBuffer *picture, PdRequest *request, GError **error);
