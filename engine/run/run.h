// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/run/images.h"
#include "engine/wire/messages.h"

/* What goes into a run of the engine, and the callbacks that are told of it. */

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
