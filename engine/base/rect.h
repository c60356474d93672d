// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Parts of pictures and of latents, in whole pixels; rows come before columns. */

typedef struct
{
  guint h, w;
} PdSize;

/* On an axis along which a picture is a torus (PdTorus) it may cross the edge. */
typedef struct
{
  guint y, x, h, w;
} PdRect;

static inline gsize
pd_size_area (PdSize size)
{
  return (gsize) size.h * size.w;
}

static inline gsize
pd_rect_area (const PdRect *rect)
{
  return (gsize) rect->h * rect->w;
}

/* Cell @row, @column of a picture that is cut into @cells, at most as many as it has pixels, of the
 * same size but for a pixel. */
static inline PdRect
pd_rect_cell (PdSize picture, PdSize cells, guint row, guint column)
{
  const guint y = (guint) ((guint64) row * picture.h / cells.h);
  const guint x = (guint) ((guint64) column * picture.w / cells.w);

  return (PdRect){ y, x, (guint) ((guint64) (row + 1) * picture.h / cells.h) - y,
                   (guint) ((guint64) (column + 1) * picture.w / cells.w) - x };
}

/* All of a picture. */
static inline PdRect
pd_rect_of (PdSize size)
{
  return (PdRect){ 0, 0, size.h, size.w };
}
