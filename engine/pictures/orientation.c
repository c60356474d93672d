// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/pictures/orientation.h"

#include <string.h>

enum
{
  TAG = 0x0112,
  SHORT = 3, /* type of the tag's value */
  ENTRY = 12,
  TILE = 128, /* pixels a side that are turned at once */
};

static guint32
number (const guchar *at, guint size, gboolean big)
{
  guint32 value = 0;

  for (guint i = 0; i < size; i++)
    value = value << 8 | at[big ? i : size - 1 - i];
  return value;
}

guint
pd_orientation_of_exif (const guchar *exif, gsize length)
{
  gboolean big;
  gsize at;
  guint n;

  if (length < 8 || (memcmp (exif, "II\x2a\0", 4) != 0 && memcmp (exif, "MM\0\x2a", 4) != 0))
    return 1;
  big = exif[0] == 'M';
  at = number (exif + 4, 4, big);
  if (at > length - 2)
    return 1;
  n = number (exif + at, 2, big);
  for (at += 2; n > 0 && at + ENTRY <= length; n--, at += ENTRY)
    {
      guint32 value = number (exif + at + 8, 2, big);

      if (number (exif + at, 2, big) == TAG && number (exif + at + 2, 2, big) == SHORT &&
          number (exif + at + 4, 4, big) == 1)
        return value >= 1 && value <= 8 ? value : 1;
    }
  return 1;
}

/* Orientations as operations on the turned picture's coordinates, the transposition last. */
static gboolean
is_transposed (guint orientation)
{
  return orientation >= 5;
}

static gboolean
is_mirrored_x (guint orientation)
{
  return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

static gboolean
is_mirrored_y (guint orientation)
{
  return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

/* A tile of the upright picture from one of the file's: @from [h][w] of pixels of @size bytes. */
static void
turn_tile (const guchar *from, int w, int h, guchar *to, gsize size, guint orientation)
{
  const int to_w = is_transposed (orientation) ? h : w, to_h = is_transposed (orientation) ? w : h;

  for (int y = 0; y < to_h; y++)
    for (int x = 0; x < to_w; x++)
      {
        int from_x = is_transposed (orientation) ? y : x;
        int from_y = is_transposed (orientation) ? x : y;

        if (is_mirrored_x (orientation))
          from_x = w - 1 - from_x;
        if (is_mirrored_y (orientation))
          from_y = h - 1 - from_y;
        memcpy (to + ((gsize) y * to_w + x) * size, from + ((gsize) from_y * w + from_x) * size,
                size);
      }
}

GeglBuffer *
pd_orientation_apply (GeglBuffer *picture, guint orientation)
{
  const Babl *format = gegl_buffer_get_format (picture);
  const gsize size = (gsize) babl_format_get_bytes_per_pixel (format);
  const int width = gegl_buffer_get_width (picture), height = gegl_buffer_get_height (picture);
  const gboolean transposed = is_transposed (orientation);
  g_autofree guchar *from = g_malloc (size * TILE * TILE), *to = g_malloc (size * TILE * TILE);
  GeglBuffer *upright;

  if (orientation <= 1)
    return g_object_ref (picture);
  upright = gegl_buffer_new (
      GEGL_RECTANGLE (0, 0, transposed ? height : width, transposed ? width : height), format);
  for (int y = 0; y < height; y += TILE)
    for (int x = 0; x < width; x += TILE)
      {
        const GeglRectangle tile = { x, y, MIN (TILE, width - x), MIN (TILE, height - y) };
        const int left = is_mirrored_x (orientation) ? width - x - tile.width : x;
        const int top = is_mirrored_y (orientation) ? height - y - tile.height : y;
        const GeglRectangle place = { transposed ? top : left, transposed ? left : top,
                                      transposed ? tile.height : tile.width,
                                      transposed ? tile.width : tile.height };

        gegl_buffer_get (picture, &tile, 1.0, format, from, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
        turn_tile (from, tile.width, tile.height, to, size, orientation);
        gegl_buffer_set (upright, &place, 0, format, to, GEGL_AUTO_ROWSTRIDE);
      }
  return upright;
}
