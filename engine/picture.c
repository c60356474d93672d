// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/picture.h"
#include "engine/error.h"
#include "engine/host-memory.h"
#include "engine/png-file.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <gegl.h>
#include <glib/gi18n-lib.h>

enum
{
  ROWS = 128, /* of pixels at once */
};

GeglBuffer *
pd_picture_new (guint width, guint height, const char *format)
{
  return gegl_buffer_new (GEGL_RECTANGLE (0, 0, (int) width, (int) height), babl_format (format));
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
  if (width > PD_PICTURE_MAX_SIDE || height > PD_PICTURE_MAX_SIDE)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s: the picture has %d × %d pixels, more than %d a side"), path, width,
                   height, PD_PICTURE_MAX_SIDE);
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

static GeglBuffer *
load_with_pixbuf (const char *path, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = load_pixbuf (path, error);
  GeglBuffer *picture;
  GeglRectangle extent = { 0 };

  if (!pixbuf)
    return NULL;
  extent.width = gdk_pixbuf_get_width (pixbuf);
  extent.height = gdk_pixbuf_get_height (pixbuf);
  picture = gegl_buffer_new (&extent, pixbuf_format (pixbuf));
  gegl_buffer_set (picture, &extent, 0, NULL, gdk_pixbuf_read_pixels (pixbuf),
                   gdk_pixbuf_get_rowstride (pixbuf));
  return picture;
}

/* gdk-pixbuf would cut the 16 bits of a PNG to 8. */
GeglBuffer *
pd_picture_load (const char *path, GError **error)
{
  return pd_png_is (path) ? pd_png_load (path, error) : load_with_pixbuf (path, error);
}

GeglBuffer *
pd_picture_load_mask (const char *path, GError **error)
{
  g_autoptr (GeglBuffer) picture = pd_picture_load (path, error);
  g_autofree float *values = NULL;
  g_autoptr (GeglBuffer) mask = NULL;
  GeglRectangle rows;
  int height;

  if (!picture)
    return NULL;
  rows = *gegl_buffer_get_extent (picture);
  height = rows.height;
  mask = pd_picture_new ((guint) rows.width, (guint) height, "Y float");
  rows.height = MIN (ROWS, height);
  values = pd_try_new (float, (gsize) rows.width *rows.height, _ ("rows of the mask"), error);
  if (values == NULL)
    return NULL;
  for (; rows.y < height; rows.y += ROWS)
    {
      rows.height = MIN (ROWS, height - rows.y);
      gegl_buffer_get (picture, &rows, 1.0, babl_format ("Y' float"), values, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
      gegl_buffer_set (mask, &rows, 0, babl_format ("Y float"), values, GEGL_AUTO_ROWSTRIDE);
    }
  return g_steal_pointer (&mask);
}

/* The linear and cubic samplers look at a fixed number of pixels: reduced with them, a picture
 * would lose what lies between. */
GeglBuffer *
pd_picture_scale (GeglBuffer *picture, guint width, guint height, const char *format)
{
  gboolean reduced = (int) width < gegl_buffer_get_width (picture) ||
                     (int) height < gegl_buffer_get_height (picture);
  g_autoptr (GeglNode) graph = gegl_node_new ();
  GeglNode *source =
      gegl_node_new_child (graph, "operation", "gegl:buffer-source", "buffer", picture, NULL);
  GeglNode *scale = gegl_node_new_child (
      graph, "operation", "gegl:scale-size", "x", (double) width, "y", (double) height, "sampler",
      reduced ? GEGL_SAMPLER_LOHALO : GEGL_SAMPLER_LINEAR, "abyss-policy", GEGL_ABYSS_CLAMP, NULL);
  GeglBuffer *scaled = pd_picture_new (width, height, format);

  gegl_node_link (source, scale);
  gegl_node_blit_buffer (scale, scaled, gegl_buffer_get_extent (scaled), 0, GEGL_ABYSS_NONE);
  return scaled;
}
