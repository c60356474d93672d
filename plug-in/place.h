// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"

#include <gegl.h>

/* Where in an image of GIMP a request works: what the engine sees, and where its result goes. */
typedef struct
{
  gint32 image;
  gint32 layer;      /* the one the drawable stands for: a mask stands for its layer */
  gboolean selected; /* there is a selection; without one the whole layer is meant */
  gboolean left_out; /* part of what is selected has nothing to start from and is not in target */
  GeglRectangle target;  /* image coordinates: extent of the result */
  GeglRectangle context; /* image coordinates: what the engine sees, the target inside it; may reach
                            beyond image and layer, where there is nothing */
  guint width, height;   /* pixels the context has for the engine: its own size, or more where that
                            is less than the model's */
} PdPlace;

/* Finds where @request works now: on what is selected within the image, whatever the layer is;
 * without a selection on the layer's extent, or on the image if that layer has no pixels in it. A
 * request that starts from the layer alone cannot reach beyond it.
 * @native: side in pixels the model was trained at
 * Errors: PD_ERROR_BAD_REQUEST, with what to do about it: image or drawable gone, indexed colours,
 * a floating selection, a channel, nothing to start from, too large. */
gboolean pd_place_find (
    PdPlace *self, gint32 image, gint32 drawable, PdRequest *request, guint native, GError **error);

/* Whether an item is shown: itself and all groups it is in, none of them fully transparent. */
gboolean pd_place_is_shown (gint32 item);
