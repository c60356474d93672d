// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/canvas.h"
#include "engine/buffer-file.h"
#include "engine/error.h"
#include "plug-in/colors.h"

#include <glib/gi18n-lib.h>

enum
{
  BAND = 128, /* rows that are in memory at once; a multiple of the height of GIMP's tiles, 64 */
};

static const float neutral = 0.5f; /* stands for what is transparent, R'G'B' */

/* Where pixels are read from: a layer, or for a while one made of what is visible. */
typedef struct
{
  gint32 temporary; /* -1: none */
  GeglBuffer *buffer;
  int x, y; /* of the buffer's corner in the image */
  PdColors colors;
} Source;

static void
source_clear (Source *self)
{
  g_clear_object (&self->buffer);
  if (self->temporary != -1)
    gimp_item_delete (self->temporary);
  pd_colors_clear (&self->colors);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

static gboolean
source_open (Source *self, const PdPlace *place, PdRequestSource source, GError **error)
{
  gint32 drawable = place->layer;

  if (source == PD_REQUEST_SOURCE_VISIBLE)
    drawable = self->temporary = gimp_layer_new_from_visible (place->image, place->image, "");
  else
    gimp_drawable_offsets (drawable, &self->x, &self->y);
  if (drawable != -1)
    self->buffer = gimp_drawable_get_buffer (drawable);
  if (!self->buffer)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("The image cannot be read: %s"),
                   gimp_get_pdb_error ());
      return FALSE;
    }
  self->colors = pd_colors_from_image (place->image);
  return TRUE;
}

/* Four floats a pixel, R'G'B'A. What is outside the source is transparent. */
static void
source_read (const Source *self, const GeglRectangle *area, float *pixels)
{
  const GeglRectangle own = { area->x - self->x, area->y - self->y, area->width, area->height };

  pd_colors_read (&self->colors, self->buffer, &own, 1.0, pixels);
}

static void
flatten (float *pixels, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      float *pixel = pixels + 4 * i;

      for (int c = 0; c < 3 && pixel[3] < 1.0f; c++)
        pixel[c] = pixel[3] > 0.0f ? neutral + pixel[3] * (pixel[c] - neutral) : neutral;
    }
}

/* As many bits as the image has. */
static const Babl *
file_format (gint32 image)
{
  switch (gimp_image_get_precision (image))
    {
    case GIMP_PRECISION_U8_GAMMA:
      return babl_format ("R'G'B' u8");
    case GIMP_PRECISION_U16_GAMMA:
      return babl_format ("R'G'B' u16");
    default:
      return babl_format ("R'G'B' float");
    }
}

/* Returns: (transfer full) the area, without transparency if the format has none. */
static GeglBuffer *
source_copy (const Source *self, const GeglRectangle *area, const Babl *format)
{
  const Babl *rgba = babl_format ("R'G'B'A float");
  g_autofree float *pixels = g_new (float, (gsize) 4 * area->width * BAND);
  GeglBuffer *copy = gegl_buffer_new (area, format);

  for (int y = 0; y < area->height; y += BAND)
    {
      const GeglRectangle band = { area->x, area->y + y, area->width,
                                   MIN (BAND, area->height - y) };

      source_read (self, &band, pixels);
      if (!babl_format_has_alpha (format))
        flatten (pixels, (gsize) band.width * band.height);
      gegl_buffer_set (copy, &band, 0, rgba, pixels, GEGL_AUTO_ROWSTRIDE);
    }
  return copy;
}

/* Returns: (transfer full) the same picture in another size, from 0, 0. */
static GeglBuffer *
scale (GeglBuffer *buffer, int width, int height)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);
  const gboolean smaller = width < extent->width || height < extent->height;
  g_autoptr (GeglBuffer) from_origin = NULL;
  g_autoptr (GeglNode) graph = gegl_node_new ();
  GeglBuffer *scaled =
      gegl_buffer_new (GEGL_RECTANGLE (0, 0, width, height), gegl_buffer_get_format (buffer));
  GeglNode *source, *node;

  from_origin = g_object_new (GEGL_TYPE_BUFFER, "source", buffer, "shift-x", extent->x, "shift-y",
                              extent->y, "width", extent->width, "height", extent->height, NULL);
  source =
      gegl_node_new_child (graph, "operation", "gegl:buffer-source", "buffer", from_origin, NULL);
  node = gegl_node_new_child (
      graph, "operation", "gegl:scale-size", "x", (double) width, "y", (double) height, "sampler",
      smaller ? GEGL_SAMPLER_LOHALO : GEGL_SAMPLER_CUBIC, "abyss-policy", GEGL_ABYSS_CLAMP, NULL);
  gegl_node_link (source, node);
  gegl_node_blit_buffer (node, scaled, gegl_buffer_get_extent (scaled), 0, GEGL_ABYSS_NONE);
  return scaled;
}

static gboolean
is_size_of (const GeglRectangle *area, guint width, guint height)
{
  return (guint) area->width == width && (guint) area->height == height;
}

/* buffer: (transfer full) of the context */
static gboolean
save_context (const PdPlace *place, GeglBuffer *buffer, const char *path, GError **error)
{
  g_autoptr (GeglBuffer) owned = buffer;
  g_autoptr (GeglBuffer) scaled = NULL;

  if (!is_size_of (&place->context, place->width, place->height))
    scaled = scale (buffer, (int) place->width, (int) place->height);
  return pd_buffer_file_save (scaled ? scaled : buffer, path, error);
}

gboolean
pd_canvas_save_source (const PdPlace *place,
                       PdRequestSource source,
                       const char *path,
                       GError **error)
{
  g_auto (Source) from = { .temporary = -1 };

  return source_open (&from, place, source, error) &&
         save_context (place, source_copy (&from, &place->context, file_format (place->image)),
                       path, error);
}

GeglBuffer *
pd_canvas_copy_selection (const PdPlace *place)
{
  g_autoptr (GeglBuffer) selection = NULL;
  GeglBuffer *copy;

  if (!place->selected)
    return NULL;
  selection = gimp_drawable_get_buffer (gimp_image_get_selection (place->image));
  copy = gegl_buffer_new (&place->target, gegl_buffer_get_format (selection));
  gegl_buffer_copy (selection, &place->target, GEGL_ABYSS_NONE, copy, &place->target);
  return copy;
}

gboolean
pd_canvas_save_mask (const PdPlace *place, GeglBuffer *selection, const char *path, GError **error)
{
  GeglBuffer *mask = gegl_buffer_new (&place->context, babl_format ("Y float"));

  if (selection)
    gegl_buffer_copy (selection, &place->target, GEGL_ABYSS_NONE, mask, &place->target);
  else
    {
      GeglColor *white = gegl_color_new ("white");

      gegl_buffer_set_color (mask, &place->target, white);
      g_object_unref (white);
    }
  return save_context (place, mask, path, error);
}

GeglBuffer *
pd_canvas_cut (const PdPlace *place, GeglBuffer *result)
{
  const GeglRectangle *target = &place->target;
  const GeglRectangle part = { target->x - place->context.x, target->y - place->context.y,
                               target->width, target->height };
  g_autoptr (GeglBuffer) scaled = NULL;

  if (!is_size_of (&place->context, place->width, place->height))
    scaled = scale (result, place->context.width, place->context.height);
  return g_object_new (GEGL_TYPE_BUFFER, "source", scaled ? scaled : result, "shift-x",
                       part.x - target->x, "shift-y", part.y - target->y, "x", target->x, "y",
                       target->y, "width", target->width, "height", target->height, NULL);
}

void
pd_canvas_write (GeglBuffer *picture, gint32 image, gint32 drawable)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (picture);
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (drawable);
  g_autofree float *pixels = g_new (float, (gsize) 4 * extent->width * BAND);
  g_auto (PdColors) colors = pd_colors_to_image (image);

  for (int y = 0; y < extent->height; y += BAND)
    {
      const int rows = MIN (BAND, extent->height - y);

      gegl_buffer_get (picture, GEGL_RECTANGLE (extent->x, extent->y + y, extent->width, rows), 1.0,
                       babl_format ("R'G'B'A float"), pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      pd_colors_write (&colors, buffer, GEGL_RECTANGLE (0, y, extent->width, rows), pixels);
    }
}

GeglBuffer *
pd_canvas_small (const PdPlace *place, PdRequestSource source, guint max_side, GError **error)
{
  const GeglRectangle *target = &place->target;
  const double factor = MIN (1.0, (double) max_side / MAX (target->width, target->height));
  g_auto (Source) from = { .temporary = -1 };
  const Babl *rgba = babl_format ("R'G'B'A float");
  const int width = MAX (1, (int) (target->width * factor));
  const int height = MAX (1, (int) (target->height * factor));
  GeglBuffer *small;
  g_autofree float *pixels = g_new (float, (gsize) 4 * width * height);
  GeglRectangle area;

  if (!source_open (&from, place, source, error))
    return NULL;
  area = *GEGL_RECTANGLE ((int) ((target->x - from.x) * factor),
                          (int) ((target->y - from.y) * factor), width, height);
  pd_colors_read (&from.colors, from.buffer, &area, factor, pixels);
  small = gegl_buffer_new (GEGL_RECTANGLE (0, 0, width, height), babl_format ("R'G'B'A u8"));
  gegl_buffer_set (small, NULL, 0, rgba, pixels, GEGL_AUTO_ROWSTRIDE);
  return small;
}
