// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plug-in/place.h"

/* The state of an image when a run began on it: GIMP can be used meanwhile, and the result has to
 * find its place in the image as it is then. */
typedef struct _PdOrigin PdOrigin;

typedef enum
{
  PD_ORIGIN_SAME,   /* nothing tells that the place is another one */
  PD_ORIGIN_MOVED,  /* the same pixels, elsewhere */
  PD_ORIGIN_SCALED, /* the image has been scaled */
  PD_ORIGIN_LOST,   /* rotated, mirrored or cropped so that the place cannot be told */
} PdOriginChange;

/* @selection: snapshot of what is selected in the place's target, NULL: nothing; referenced */
PdOrigin *pd_origin_new (const PdPlace *place, GeglBuffer *selection);
void pd_origin_free (PdOrigin *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdOrigin, pd_origin_free)

const PdPlace *pd_origin_get_place (const PdOrigin *self);

/* Where the target is now; the image must be open.
 * @where: image coordinates; for PD_ORIGIN_LOST and PD_ORIGIN_SAME the target as it was */
PdOriginChange pd_origin_find (const PdOrigin *self, GeglRectangle *where);

/* Where in the stack of layers a result goes: above the layer it was made for, or where that was,
 * in the innermost of its groups that is still there; the image must be open.
 * @parent: 0: none */
void pd_origin_find_slot (const PdOrigin *self, gint32 *parent, int *position);

/* Returns: a new image of the kind this one was, without layers and display, that records no undo;
 * or -1. Errors: PD_ERROR_OUT_OF_MEMORY. */
gint32 pd_origin_new_image (const PdOrigin *self, int width, int height, GError **error);
