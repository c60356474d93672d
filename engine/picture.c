// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/picture.h"
#include "engine/error.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <gegl.h>
#include <glib/gi18n-lib.h>

/* As large as a request may be. */
static const int max_side = 65536;

static const char pixel_format[] = "R'G'B' float";

PdPicture *
pd_picture_new (guint width, guint height, float *pixels)
{
  PdPicture *picture = g_new (PdPicture, 1);

  *picture = (PdPicture){ .width = width, .height = height, .pixels = pixels };
  return picture;
}

void
pd_picture_free (PdPicture *picture)
{
  if (!picture)
    return;
  g_free (picture->pixels);
  g_free (picture);
}

/* gdk-pixbuf rather than gegl:load: a damaged JPEG ends the process there (libjpeg's own handler),
 * and a damaged PNG gives a picture that is black from some row on. */
static GdkPixbuf *
load_pixbuf (const char *path, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = NULL;
  g_autoptr (GError) cause = NULL;
  int width = 0;
  int height = 0;

  gdk_pixbuf_get_file_info (path, &width, &height);
  if (width > max_side || height > max_side)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s: the picture has %d × %d pixels, more than %d a side"), path, width,
                   height, max_side);
      return NULL;
    }
  pixbuf = gdk_pixbuf_new_from_file (path, &cause);
  if (!pixbuf)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: cannot be read as a picture: %s"),
                   path, cause->message);
      return NULL;
    }
  return gdk_pixbuf_apply_embedded_orientation (pixbuf);
}

/* The format of a pixbuf's bytes, with the colour space of its profile if it has one that babl
 * understands. */
static const Babl *
pixbuf_format (GdkPixbuf *pixbuf)
{
  const char *name = gdk_pixbuf_get_has_alpha (pixbuf) ? "R'G'B'A u8" : "R'G'B' u8";
  const char *base64 = gdk_pixbuf_get_option (pixbuf, "icc-profile");
  const Babl *space = NULL;

  if (base64)
    {
      gsize length;
      g_autofree guchar *profile = g_base64_decode (base64, &length);
      const char *problem = NULL;

      space = babl_space_from_icc ((const char *) profile, (int) length,
                                   BABL_ICC_INTENT_RELATIVE_COLORIMETRIC, &problem);
    }
  if (space && (babl_space_is_cmyk (space) || babl_space_is_gray (space)))
    space = NULL;
  return babl_format_with_space (name, space);
}

static PdPicture *
allocate (int width, int height)
{
  float *pixels = g_try_malloc_n ((gsize) width * height, 3 * sizeof *pixels);

  return pixels ? pd_picture_new (width, height, pixels) : NULL;
}

PdPicture *
pd_picture_load (const char *path, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = load_pixbuf (path, error);
  g_autoptr (PdPicture) picture = NULL;
  const Babl *to_floats;

  if (!pixbuf)
    return NULL;
  picture = allocate (gdk_pixbuf_get_width (pixbuf), gdk_pixbuf_get_height (pixbuf));
  if (!picture)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
                   _ ("%s: not enough memory for %d × %d pixels"), path,
                   gdk_pixbuf_get_width (pixbuf), gdk_pixbuf_get_height (pixbuf));
      return NULL;
    }
  to_floats = babl_fish (pixbuf_format (pixbuf), babl_format (pixel_format));
  for (guint y = 0; y < picture->height; y++)
    {
      float *row = picture->pixels + (gsize) y * picture->width * 3;

      babl_process (to_floats,
                    gdk_pixbuf_read_pixels (pixbuf) + (gsize) y * gdk_pixbuf_get_rowstride (pixbuf),
                    row, picture->width);
      /* Colours outside sRGB. */
      for (gsize i = 0; i < (gsize) picture->width * 3; i++)
        row[i] = CLAMP (row[i], 0.0f, 1.0f);
    }
  return g_steal_pointer (&picture);
}

PdPicture *
pd_picture_scale (const PdPicture *picture, guint width, guint height)
{
  const GeglRectangle extent = { 0, 0, (int) picture->width, (int) picture->height };
  g_autoptr (GeglBuffer) buffer = gegl_buffer_linear_new_from_data (
      picture->pixels, babl_format (pixel_format), &extent, 0, NULL, NULL);
  g_autoptr (GeglNode) graph = gegl_node_new ();
  GeglNode *source =
      gegl_node_new_child (graph, "operation", "gegl:buffer-source", "buffer", buffer, NULL);
  GeglNode *scale = gegl_node_new_child (graph, "operation", "gegl:scale-size", "x", (double) width,
                                         "y", (double) height, "sampler", GEGL_SAMPLER_LINEAR,
                                         "abyss-policy", GEGL_ABYSS_CLAMP, NULL);
  PdPicture *scaled = pd_picture_new (width, height, g_new (float, (gsize) width *height * 3));

  gegl_node_link (source, scale);
  gegl_node_blit (scale, 1.0, GEGL_RECTANGLE (0, 0, (int) width, (int) height),
                  babl_format (pixel_format), scaled->pixels, GEGL_AUTO_ROWSTRIDE,
                  GEGL_BLIT_DEFAULT);
  return scaled;
}
