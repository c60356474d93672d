// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/rect.h"
#include "engine/run/run.h"

/* The picture that a run starts from, and what of it the model cannot be shown: transparency,
 * pixels that are not finite (which count as transparent) and colours outside sRGB. What is
 * transparent is unknown: the model sees neutral grey there. */
typedef struct
{
  /* What of the picture is looked at and worked on, where the rest stays: set before it is opened;
   * borrowed. 0 parts: all of it. */
  const PdRect *parts;
  guint n_parts;

  GeglBuffer *shown; /* R'G'B' of 0 … 1; NULL: the run has no input */
  GeglBuffer *exact; /* R'G'B'A, finite; NULL: the input is as shown */
  GeglBuffer *work;  /* where the run is to write R'G'B' instead; NULL: into its output */
  guint64 n_not_finite, n_outside; /* of the parts */
} PdOriginal;

/* Looks at images->input, which may be NULL. Errors: PD_ERROR_OUT_OF_MEMORY. */
gboolean pd_original_open (PdOriginal *self, const PdImages *images, GError **error);
void pd_original_clear (PdOriginal *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdOriginal, pd_original_clear)

/* Tells what of the picture is not shown to the model. */
void pd_original_note (const PdOriginal *self,
                       const PdRequest *request,
                       const PdImages *images,
                       const PdListener *listener);

/* After a run that wrote to self->work: images->output becomes that and what the model did not see.
 * Restyle keeps the input's alpha and, with strength 0, a picture that has colours outside sRGB;
 * with a strength below 1/2 a share of what lies outside. Inpaint fills. Upscale enlarges alpha.
 * Where the mask is 0, and outside the parts, the pixels are the input's. Errors:
 * PD_ERROR_OUT_OF_MEMORY. */
gboolean pd_original_finish (const PdOriginal *self,
                             const PdRequest *request,
                             const PdImages *images,
                             GError **error);
