// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

#include "engine/base/choices.h"
#include "engine/base/rect.h"

/* The part of a picture that is worked on to change what its mask shows: that and some of its
 * surroundings. A part smaller than the model's native size is worked on enlarged. */
typedef struct
{
  PdRect part; /* of the picture */
  PdSize work; /* the size it is worked on at */
} PdCrop;

typedef struct
{
  PdSize picture;
  gint64 padding; /* pixels around what the mask shows; -1: a quarter of native, or more so that the
                     part has the native size where the picture allows */
  guint native;   /* side of the pictures the model was made for */
  guint scale;    /* sides grow to multiples of this where the picture allows */
  PdTorus wrap;   /* of the picture: what changes at such an edge makes one part with all else */
} PdCropOptions;

enum
{
  PD_MAX_CROPS = 16,
};

/* @bounds: what the mask shows, inside the picture. */
void pd_crop_plan (PdCrop *self, const PdRect *bounds, const PdCropOptions *options);

/* Those of @picture for what @mask ("Y float") shows above 0, of islands far apart one each, from
 * top to bottom: no part has something of what another changes, and together they are smaller than
 * one would be. Returns: their number; 0 with an error. Errors: PD_ERROR_BAD_REQUEST if the mask
 * shows nothing. */
guint pd_crop_find (GeglBuffer *mask,
                    const PdCropOptions *options,
                    PdCrop crops[PD_MAX_CROPS],
                    GError **error);

/* Returns: (transfer full) that part of @picture as @format, from 0, 0 on, in the work's size. */
GeglBuffer *pd_crop_take (const PdCrop *self, GeglBuffer *picture, const char *format);
