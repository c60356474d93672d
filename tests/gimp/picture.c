// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/picture.h"

#include <libgimp/gimp.h>
#include <math.h>
#include <string.h>

void
pixels_clear (Pixels *pixels)
{
  g_clear_pointer (&pixels->bytes, g_free);
}

Pixels
pixels_read (gint32 drawable, const char *format)
{
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (drawable);
  const Babl *babl = format ? babl_format (format) : gegl_buffer_get_format (buffer);
  Pixels pixels = { .width = (guint) gegl_buffer_get_width (buffer),
                    .height = (guint) gegl_buffer_get_height (buffer) };

  pixels.size = (gsize) pixels.width * pixels.height * babl_format_get_bytes_per_pixel (babl);
  pixels.bytes = g_malloc (pixels.size);
  gegl_buffer_get (buffer, NULL, 1.0, babl, pixels.bytes, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  return pixels;
}

gboolean
pixels_equal (const Pixels *a, const Pixels *b)
{
  return a->width == b->width && a->height == b->height && a->size == b->size &&
         memcmp (a->bytes, b->bytes, a->size) == 0;
}

void
picture_fill (gint32 drawable)
{
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);
  const int width = gegl_buffer_get_width (buffer);
  const int height = gegl_buffer_get_height (buffer);
  g_autofree float *pixels = g_new (float, (gsize) 4 * width * height);

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        float *pixel = pixels + 4 * ((gsize) y * width + x);

        pixel[0] = 0.5f + 0.4f * sinf ((float) x / 7);
        pixel[1] = (float) y / (float) height;
        pixel[2] = (x / 8 + y / 8) % 2 ? 0.8f : 0.3f;
        pixel[3] = (x + y) % 40 < 20 ? 1.0f : 0.25f;
      }
  gegl_buffer_set (buffer, NULL, 0, babl_format ("R'G'B'A float"), pixels, GEGL_AUTO_ROWSTRIDE);
  g_object_unref (buffer);
  gimp_drawable_update (drawable, 0, 0, width, height);
}

gint32
picture_new (
    gint base_type, gint precision, gboolean alpha, const GeglRectangle *extent, gint32 *layer)
{
  const gint type = 2 * base_type + alpha; /* GIMP_RGB_IMAGE, GIMP_RGBA_IMAGE, GIMP_GRAY_IMAGE … */
  gint32 image = gimp_image_new_with_precision (IMAGE_WIDTH, IMAGE_HEIGHT, base_type, precision);
  gint32 background = gimp_layer_new (image, "background", IMAGE_WIDTH, IMAGE_HEIGHT, 2 * base_type,
                                      100.0, GIMP_LAYER_MODE_NORMAL);

  gimp_image_insert_layer (image, background, 0, 0);
  picture_fill (background);
  *layer = gimp_layer_new (image, "upper", extent->width, extent->height, type, 100.0,
                           GIMP_LAYER_MODE_NORMAL);
  gimp_image_insert_layer (image, *layer, 0, 0);
  gimp_layer_set_offsets (*layer, extent->x, extent->y);
  picture_fill (*layer);
  return image;
}

const GeglRectangle usual_extent = { -6, -4, 70, 60 };

gint32
usual_picture (gint32 *layer)
{
  return picture_new (GIMP_RGB, GIMP_PRECISION_U8_GAMMA, TRUE, &usual_extent, layer);
}

static void
describe_pixels (GString *text, gint32 drawable)
{
  g_auto (Pixels) pixels = pixels_read (drawable, NULL);
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, pixels.bytes, pixels.size);

  g_string_append_printf (text, " %u×%u %s", pixels.width, pixels.height, sum);
}

static void
describe_layers (GString *text, const gint *layers, int n)
{
  for (int i = 0; i < n; i++)
    {
      g_autofree char *name = gimp_item_get_name (layers[i]);
      const gint32 mask = gimp_layer_get_mask (layers[i]);
      int x, y;

      gimp_drawable_offsets (layers[i], &x, &y);
      g_string_append_printf (text, "layer %d “%s” at %d, %d visible %d opacity %g locked %d",
                              layers[i], name, x, y, gimp_item_get_visible (layers[i]),
                              gimp_layer_get_opacity (layers[i]),
                              gimp_item_get_lock_content (layers[i]));
      if (mask != -1)
        describe_pixels (text, mask);
      if (gimp_item_is_group (layers[i]))
        {
          int n_children;
          g_autofree gint *children = gimp_item_get_children (layers[i], &n_children);

          g_string_append (text, " {\n");
          describe_layers (text, children, n_children);
          g_string_append (text, "}\n");
          continue;
        }
      describe_pixels (text, layers[i]);
      g_string_append_c (text, '\n');
    }
}

char *
picture_describe (gint32 image)
{
  GString *text = g_string_new (NULL);
  int n_layers, n_channels;
  g_autofree gint *layers = gimp_image_get_layers (image, &n_layers);
  g_autofree gint *channels = gimp_image_get_channels (image, &n_channels);

  g_string_append_printf (text, "%d×%d precision %d type %d\n", gimp_image_width (image),
                          gimp_image_height (image), gimp_image_get_precision (image),
                          gimp_image_base_type (image));
  describe_layers (text, layers, n_layers);
  for (int i = 0; i < n_channels; i++)
    describe_pixels (text, channels[i]);
  g_string_append (text, "selection");
  describe_pixels (text, gimp_image_get_selection (image));
  return g_string_free (text, FALSE);
}
