// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plug-in/pixels.h"
#include "plug-in/origin.h"

/* Name of the parasite in which a layer keeps the parameters it was made with, as JSON. */
extern const char pd_layer_parasite[];

/* The result of a run, and how it becomes a layer. */
typedef struct
{
  GeglBuffer *picture;   /* sRGB; its extent is the target, for an enlarged picture from 0, 0 on */
  const PdRest *rest;    /* what it takes over from its source; NULL: nothing */
  double share;          /* 0 … 1 of what is outside sRGB that it takes over */
  GeglBuffer *selection; /* snapshot of the selection in the target; NULL: no mask */
  PdRequest *request;
} PdLayerResult;

/* Adds a result to its image as one undo step: a new layer above the one it was made for, or where
 * that was, with the selection as its mask. Image and layers may have changed since the run began;
 * everything else in them stays as it is. An image that is gone, or cannot take the layer, gives
 * way to a new one without a display.
 * @note: (out) (transfer none) what a person has to be told, NULL: nothing
 * Returns: the layer, or -1. Errors: PD_ERROR_OUT_OF_MEMORY. */
gint32 pd_layer_add (const PdOrigin *origin,
                     const PdLayerResult *result,
                     const char **note,
                     GError **error);

/* Makes a new image of the same kind from an enlarged picture of one. It has no display.
 * Returns: its layer, or -1. */
gint32 pd_layer_new_image (const PdOrigin *origin, const PdLayerResult *result, GError **error);
