// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>
#include <png.h>
#include <stdio.h>

/* A PNG file as libpng is to see it: the critical chunks and those ancillary ones that are wanted.
 * All others are passed over unread, wherever they are and however many, so that what nobody asked
 * for takes neither memory nor time. */

typedef struct
{
  const char *name;
  guint32 most; /* bytes; longer ones are passed over */
} PdPngWanted;

typedef struct
{
  FILE *file;                /* borrowed */
  const PdPngWanted *wanted; /* ends with a name of NULL; at most 32; the first of each is seen */
  const char *keyword; /* of the wanted chunks only those that begin with it and a 0; NULL: all */

  /* Results: a bit for each of @wanted. */
  guint32 seen;
  guint32 too_long;

  guchar head[8 + 80]; /* of the chunk, for libpng */
  gsize head_size, head_at;
  guint64 left; /* bytes of the chunk after the head, its sum included */
} PdPngChunks;

/* Before png_read_info(): @self, with what is above set, becomes what @png reads. */
void pd_png_chunks_start (PdPngChunks *self, png_structp png);
