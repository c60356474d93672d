// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

#include "engine/request/request.h"
#include "engine/wire/messages.h"

/* What goes into a run of the engine, and the callbacks that are told of it. */

/* The pictures that go into a run and come out of it, from 0, 0 on; borrowed. They are read and
 * written window by window and may be larger than memory. */
typedef struct
{
  /* All but generate: request->width × height, any format. What is transparent or not finite is
   * grey for the model, see original.h. */
  GeglBuffer *input;
  /* Inpaint, and restyle if not NULL: "Y float" of the input's size, 1: repainted, 0: kept. */
  GeglBuffer *mask;
  /* Request->width × height; gets R'G'B', as it is decoded, and alpha if it
   * has that and the input too. With a mask the new pixels are
   * laid over the input, and those whose mask is 0 are the input's. */
  GeglBuffer *output;
  gboolean apart; /* with a mask: all pixels of the output whose mask is not 0 are new ones, for
                     someone who lays them over the input with the mask */
} PdImages;

typedef void (*PdProgressFunc) (const PdProgress *progress, gpointer user_data);

/* A small picture of the whole canvas as it is so far, at most 512 pixels a side: @rgb is
 * [height][width][3]. */
typedef void (*PdPreviewFunc) (guint width, guint height, const guint8 *rgb, gpointer user_data);

/* Something worth knowing that is no failure. */
typedef void (*PdNoteFunc) (const char *text, gpointer user_data);

/* Who is told about a run; called from the run's thread. */
typedef struct
{
  PdProgressFunc progress; /* may be NULL */
  PdPreviewFunc preview;   /* may be NULL */
  PdNoteFunc note;         /* may be NULL */
  PdNoteFunc plan;         /* the tiles that were chosen: said of every run; may be NULL */
  gpointer user_data;      /* of all */
} PdListener;
