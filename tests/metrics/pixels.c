// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/pixels.h"

#include "engine/pictures/picture.h"

PdPixels *
pd_pixels_new (guint width, guint height, float *pixels)
{
  PdPixels *picture = g_new (PdPixels, 1);

  *picture = (PdPixels){ .width = width, .height = height, .pixels = pixels };
  return picture;
}

void
pd_pixels_free (PdPixels *picture)
{
  if (!picture)
    return;
  g_free (picture->pixels);
  g_free (picture);
}

PdPixels *
pd_pixels_load (const char *path, GError **error)
{
  g_autoptr (GeglBuffer) buffer = pd_picture_load (path, error);
  guint width, height;
  float *pixels;

  if (!buffer)
    return NULL;
  width = (guint) gegl_buffer_get_width (buffer);
  height = (guint) gegl_buffer_get_height (buffer);
  pixels = g_new (float, (gsize) width *height * 3);
  gegl_buffer_get (buffer, NULL, 1.0, babl_format ("R'G'B' float"), pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  for (gsize i = 0; i < (gsize) width * height * 3; i++)
    pixels[i] = CLAMP (pixels[i], 0.0f, 1.0f);
  return pd_pixels_new (width, height, pixels);
}
