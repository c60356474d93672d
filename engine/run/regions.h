// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/choices.h"
#include "engine/tiles/prompts.h"

/* Parts of a picture that have prompts of their own: rectangles with a rim of a few latent pixels
 * in which they fade, and pictures that say how much a prompt counts where. */
typedef struct _PdRegions PdRegions;

enum
{
  PD_REGIONS_MOST = 256, /* each is one more prompt for the tiles that it touches */
};

/* @text: at most PD_REGIONS_MOST regions, one a line, "x,y,width,height:prompt" in pixels of a
 * picture of @width × @height, or "mask=FILE:prompt", a picture of any size that is stretched over
 * the whole: white where the prompt counts, black where not (no colon in the file's name). Reads
 * the files; gegl_init() must have been called. Errors: PD_ERROR_BAD_REQUEST. */
PdRegions *pd_regions_new (const char *text, guint width, guint height, GError **error);
void pd_regions_free (PdRegions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdRegions, pd_regions_free)

/* What pd_regions_new checks without reading files. */
gboolean pd_regions_check (const char *text, guint width, guint height, GError **error);

guint pd_regions_count (const PdRegions *self);
const char *pd_regions_prompt (const PdRegions *self, guint region);

/* What is to be said of the region's mask, see pd_notes_of(); NULL: nothing. */
const GPtrArray *pd_regions_notes (const PdRegions *self, guint region);

/* Adds what the masks show to @checksum. */
gboolean pd_regions_digest (const PdRegions *self, GChecksum *checksum, GError **error);

/* From now on weights are those of a canvas of @canvas latent pixels that shows @shown of the
 * picture. On axes that wrap, rims go round. */
gboolean pd_regions_set_canvas (
    PdRegions *self, const PdRect *shown, PdSize canvas, PdTorus wrap, GError **error);

/* A PdPromptWeightsFunc; @self is a PdRegions. */
void pd_regions_weights (guint region, const PdRect *rect, float *weights, gpointer self);
