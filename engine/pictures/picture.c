// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/pictures/picture.h"
#include "engine/pictures/notes.h"
#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/pictures/png-file.h"
#include "engine/pictures/profile.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <gegl.h>
#include <glib/gi18n-lib.h>

enum
{
  ROWS = 128, /* of pixels at once: a row of GEGL's tiles */
  TILE = 128, /* pixels a side of those */
};

GeglBuffer *
pd_picture_new (guint width, guint height, const char *format)
{
  return gegl_buffer_new (GEGL_RECTANGLE (0, 0, (int) width, (int) height), babl_format (format));
}

/* "PNG, JPEG, TIFF, …" */
static char *
format_names (void)
{
  g_autoptr (GString) names = g_string_new ("png");
  GSList *formats = gdk_pixbuf_get_formats ();

  for (GSList *at = formats; at != NULL; at = at->next)
    {
      g_autofree char *name = gdk_pixbuf_format_get_name (at->data);

      if (!gdk_pixbuf_format_is_disabled (at->data) && !g_str_equal (name, "png"))
        g_string_append_printf (names, ", %s", name);
    }
  g_slist_free (formats);
  return g_string_free (g_steal_pointer (&names), FALSE);
}

static void
set_unreadable (const char *path, const GError *cause, GError **error)
{
  g_autofree char *formats = NULL;

  if (g_error_matches (cause, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_UNKNOWN_TYPE))
    {
      formats = format_names ();
      g_set_error (
          error, PD_ERROR, PD_ERROR_BAD_REQUEST,
          _ ("%s: cannot be read as a picture; formats that can are %s: convert it to PNG"), path,
          formats);
    }
  else
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: cannot be read as a picture: %s"),
                 path, cause->message);
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
  if ((guint64) width * (guint64) height * 4 > pd_host_memory_available ())
    {
      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
                   _ ("%s: the picture has %d × %d pixels, for which the memory does not suffice; "
                      "convert it to PNG, which is read row by row"),
                   path, width, height);
      return NULL;
    }
  pixbuf = gdk_pixbuf_new_from_file (path, &cause);
  if (!pixbuf)
    {
      set_unreadable (path, cause, error);
      return NULL;
    }
  return gdk_pixbuf_apply_embedded_orientation (pixbuf);
}

/* The colour space of a pixbuf's profile; NULL: sRGB. @problem: why the profile is not followed. */
static PdProfile *
color_space (GdkPixbuf *pixbuf, const char **problem)
{
  const char *base64 = gdk_pixbuf_get_option (pixbuf, "icc-profile");
  gsize length;
  g_autofree guchar *profile = base64 != NULL ? g_base64_decode (base64, &length) : NULL;

  return profile != NULL ? pd_profile_new (profile, length, problem) : NULL;
}

static GeglBuffer *
load_with_pixbuf (const char *path, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = load_pixbuf (path, error);
  g_autoptr (GeglBuffer) numbers = NULL;
  g_autoptr (PdProfile) space = NULL;
  const char *problem = NULL;
  GeglBuffer *picture;

  if (!pixbuf)
    return NULL;
  numbers =
      pd_picture_new ((guint) gdk_pixbuf_get_width (pixbuf), (guint) gdk_pixbuf_get_height (pixbuf),
                      gdk_pixbuf_get_has_alpha (pixbuf) ? "R'G'B'A u8" : "R'G'B' u8");
  gegl_buffer_set (numbers, NULL, 0, NULL, gdk_pixbuf_read_pixels (pixbuf),
                   gdk_pixbuf_get_rowstride (pixbuf));
  space = color_space (pixbuf, &problem);
  picture = space != NULL ? pd_profile_apply (space, numbers, error) : g_object_ref (numbers);
  if (picture != NULL && problem != NULL)
    pd_notes_add_profile (picture, path, problem);
  return picture;
}

/* Works through a picture from top to bottom. @values: ROWS rows of it as @format. */
typedef void (*BandFunc) (GeglBuffer *picture,
                          const GeglRectangle *band,
                          const Babl *format,
                          float *values,
                          gpointer user_data);

static gboolean
for_each_band (
    GeglBuffer *picture, const Babl *format, BandFunc function, gpointer user_data, GError **error)
{
  GeglRectangle band = *gegl_buffer_get_extent (picture);
  const int height = band.height;
  g_autofree float *values = g_try_malloc_n ((gsize) band.width * MIN (ROWS, height),
                                             (gsize) babl_format_get_bytes_per_pixel (format));

  if (values == NULL)
    {
      g_set_error_literal (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY, g_strerror (ENOMEM));
      return FALSE;
    }
  for (; band.y < height; band.y += ROWS)
    {
      band.height = MIN (ROWS, height - band.y);
      gegl_buffer_get (picture, &band, 1.0, format, values, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      function (picture, &band, format, values, user_data);
    }
  return TRUE;
}

/* @values: R'G'B'A */
static void
forget_hidden (GeglBuffer *picture,
               const GeglRectangle *band,
               const Babl *format,
               float *values,
               gpointer user_data)
{
  gboolean hidden = FALSE;

  for (gsize i = 0; i < (gsize) band->width * band->height; i++)
    if (values[4 * i + 3] <= 0)
      {
        values[4 * i] = values[4 * i + 1] = values[4 * i + 2] = PD_PICTURE_NEUTRAL;
        hidden = TRUE;
      }
  if (hidden)
    gegl_buffer_set (picture, band, 0, format, values, GEGL_AUTO_ROWSTRIDE);
}

static gboolean
has_alpha (GeglBuffer *picture)
{
  return babl_format_has_alpha (gegl_buffer_get_format (picture));
}

/* gdk-pixbuf would cut the 16 bits of a PNG to 8. */
GeglBuffer *
pd_picture_load (const char *path, GError **error)
{
  return pd_png_is (path) ? pd_png_load (path, error) : load_with_pixbuf (path, error);
}

gboolean
pd_picture_forget_hidden (GeglBuffer *picture, GError **error)
{
  const Babl *format = babl_format ("R'G'B'A float");

  return !has_alpha (picture) || for_each_band (picture, format, forget_hidden, NULL, error);
}

/* What a mask with transparency is made of. */
typedef struct
{
  GeglBuffer *mask;
  float darkest, brightest; /* of what shows */
  float least_alpha, greatest_alpha;
  gboolean from_alpha, inverted; /* what was decided */
} MaskParts;

/* Colours of pixels that hardly show are inexact. */
static const float shows = 0.1f, same_color = 4 / 255.0f, black = 1 / 16.0f;

/* @values: Y'A */
static void
look_at_mask (GeglBuffer *picture,
              const GeglRectangle *band,
              const Babl *format,
              float *values,
              gpointer user_data)
{
  MaskParts *parts = user_data;

  for (gsize i = 0; i < (gsize) band->width * band->height; i++)
    {
      const float value = values[2 * i], alpha = values[2 * i + 1];

      parts->least_alpha = MIN (parts->least_alpha, alpha);
      parts->greatest_alpha = MAX (parts->greatest_alpha, alpha);
      if (alpha < shows)
        continue;
      parts->darkest = MIN (parts->darkest, value);
      parts->brightest = MAX (parts->brightest, value);
    }
}

/* What a mask does not show takes no memory: tiles that nothing is written to are 0. */
static void
write_shown (GeglBuffer *mask, const GeglRectangle *band, const float *values)
{
  for (int x = 0; x < band->width; x += TILE)
    {
      const GeglRectangle tile = { x, band->y, MIN (TILE, band->width - x), band->height };
      gboolean shown = FALSE;

      for (int y = 0; y < tile.height; y++)
        for (int i = 0; i < tile.width; i++)
          shown |= values[(gsize) y * band->width + x + i] != 0;
      if (shown)
        gegl_buffer_set (mask, &tile, 0, babl_format ("Y float"), values + x,
                         band->width * (int) sizeof *values);
    }
}

/* @values: Y'A */
static void
write_mask_with_alpha (GeglBuffer *picture,
                       const GeglRectangle *band,
                       const Babl *format,
                       float *values,
                       gpointer user_data)
{
  const MaskParts *parts = user_data;

  for (gsize i = 0; i < (gsize) band->width * band->height; i++)
    {
      const float alpha = values[2 * i + 1];

      if (!parts->from_alpha)
        values[i] = values[2 * i] * alpha;
      else
        values[i] = parts->inverted ? 1 - alpha : alpha;
    }
  write_shown (parts->mask, band, values);
}

/* @values: Y' */
static void
write_mask (GeglBuffer *picture,
            const GeglRectangle *band,
            const Babl *format,
            float *values,
            gpointer user_data)
{
  write_shown (user_data, band, values);
}

/* @picture: with transparency */
static gboolean
mask_from_alpha (GeglBuffer *picture, GeglBuffer *mask, const char *path, GError **error)
{
  const Babl *format = babl_format ("Y'A float");
  MaskParts parts = { .mask = mask, .darkest = 1, .least_alpha = 1 };

  if (!for_each_band (picture, format, look_at_mask, &parts, error))
    return FALSE;
  parts.from_alpha = parts.greatest_alpha - parts.least_alpha > same_color &&
                     parts.brightest - parts.darkest <= same_color && parts.greatest_alpha >= shows;
  parts.inverted = parts.brightest < black;
  if (parts.from_alpha && parts.inverted)
    pd_notes_add (mask, g_strdup_printf (_ ("%s: the mask is black and partly transparent: "
                                            "what is transparent counts as white"),
                                         path));
  else if (parts.from_alpha && parts.darkest < 1 - same_color)
    pd_notes_add (mask, g_strdup_printf (_ ("%s: the mask has one colour and is partly "
                                            "transparent: what is opaque counts as white"),
                                         path));
  return for_each_band (picture, format, write_mask_with_alpha, &parts, error);
}

GeglBuffer *
pd_picture_load_mask (const char *path, GError **error)
{
  g_autoptr (GeglBuffer) picture = pd_picture_load (path, error);
  g_autoptr (GeglBuffer) mask = NULL;
  const GPtrArray *notes;
  gboolean good;

  if (!picture)
    return NULL;
  mask = pd_picture_new ((guint) gegl_buffer_get_width (picture),
                         (guint) gegl_buffer_get_height (picture), "Y float");
  notes = pd_notes_of (picture);
  for (guint i = 0; notes != NULL && i < notes->len; i++)
    pd_notes_add (mask, g_strdup (notes->pdata[i]));
  good = has_alpha (picture)
             ? mask_from_alpha (picture, mask, path, error)
             : for_each_band (picture, babl_format ("Y' float"), write_mask, mask, error);
  return good ? g_steal_pointer (&mask) : NULL;
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
