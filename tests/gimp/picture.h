// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gegl.h>

/* Images to test on, and what they hold, bit by bit. */

enum
{
  IMAGE_WIDTH = 96,
  IMAGE_HEIGHT = 80,
};

/* A copy of an item's pixels in the format it keeps them in. */
typedef struct
{
  guint width, height;
  gsize size;
  guchar *bytes;
} Pixels;

void pixels_clear (Pixels *pixels);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pixels, pixels_clear)

/* format: NULL for the drawable's own */
Pixels pixels_read (gint32 drawable, const char *format);
gboolean pixels_equal (const Pixels *a, const Pixels *b);

/* An image with a background that fills it and, above that, a layer of width × height at x, y, both
 * with patterns in them. alpha: of the layer, which then has transparent parts.
 * layer: the upper one */
gint32 picture_new (
    gint base_type, gint precision, gboolean alpha, const GeglRectangle *extent, gint32 *layer);

/* Partly outside the image at the left and top. */
extern const GeglRectangle usual_extent;

/* The same of 8 bits a colour, with an upper layer there that has alpha. */
gint32 usual_picture (gint32 *layer);

/* Writes a pattern of colours, and if the drawable has alpha of transparency, into it. */
void picture_fill (gint32 drawable);

/* All of an image that a plug-in could change: layers, their pixels, names and places, channels,
 * selection, size. Two images are alike if these are equal. Free with g_free(). */
char *picture_describe (gint32 image);
