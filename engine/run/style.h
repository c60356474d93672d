// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/session.h"

/* A run in the look of a style. */

enum
{
  /* See PdInversion. After one alone steps forward lead elsewhere: to a light rim at the canvas's
   * edges, and to paler colours the further it is followed. */
  PD_STYLE_ROUNDS = 2,
};

/* Whether the request asks for one, of which @given tells that its picture is there; mode and share
 * say whether anything is to be made of it. */
gboolean pd_style_is_wanted (const PdRequest *request, gboolean given);

/* Whether @model can take on a style, with @request's settings. Errors: PD_ERROR_BAD_MODEL,
 * PD_ERROR_BAD_REQUEST. */
gboolean pd_style_check (const PdModel *model, const PdRequest *request, GError **error);

/* The size of the latent that a style of @width × @height pixels is read at, in the style's
 * proportions; 0 × 0: not known. It covers as much as a picture that the model was made for. There
 * the model knows what strokes and textures are, there is as much of the style as a tile can have
 * of itself, and what reading it costs a tile is as much as reading itself. One that is smaller is
 * read as it is. */
PdSize pd_style_size (const PdSession *session, guint width, guint height);

/* Sets session->style for the canvas that the session has taken up: encodes the style and follows
 * it back to noise. Nothing is done where the session has no style, or has followed it as far
 * already. */
gboolean pd_style_prepare (PdSession *session, GError **error);

/* The style in the calls of session's schedule; @content: see PdStyle. NULL if there is none. */
const PdStyle *
pd_style_of_canvas (const PdSession *session, const guint16 *content, PdStyle *style);

/* A style for planning, of which nothing but what it takes is there; NULL if there is none. */
const PdStyle *pd_style_plan (const PdSession *session, PdStyle *style);

/* What the canvas shows, @clean, drawn anew: @latent becomes the noise that it came from in the
 * style's colours, and *@content what it is in all calls, to be freed. @cells: how much of the
 * canvas's pixels is to change; NULL: all. @noise: of what does not; gets what is noise in all of
 * it as it was. May be NULL where all changes. */
gboolean pd_style_start (PdSession *session,
                         const float *clean,
                         const float *cells,
                         float *noise,
                         float *latent,
                         guint16 **content,
                         GError **error);
