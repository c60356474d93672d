// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/pixels.h"
#include "engine/pictures/buffer-file.h"
#include "engine/base/error.h"
#include "plug-in/colors.h"

#include <glib/gi18n-lib.h>
#include <math.h>

enum
{
  BAND = 128, /* rows that are in memory at once; a multiple of the height of GIMP's tiles, 64 */
};

static const float neutral = 0.5f; /* stands for what is transparent, R'G'B' */

/* Rounding and rendering intents may leave sRGB by less than this. */
static const float tolerance = 1.0f / 256;

/* So little from opaque, layers that are merged may be. */
static const float rounding = 1.0f / 4096;

void
pd_rest_clear (PdRest *self)
{
  g_clear_object (&self->alpha);
  g_clear_object (&self->excess);
}

/* Where pixels are read from: a layer, or for a while one made of what is visible. */
typedef struct
{
  gint32 temporary; /* -1: none */
  GeglBuffer *buffer;
  GeglBuffer *mask; /* of the layer; NULL: none */
  int x, y;         /* of the buffer's corner in the image */
  PdColors colors;
} Source;

static void
source_clear (Source *self)
{
  g_clear_object (&self->buffer);
  g_clear_object (&self->mask);
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
    {
      const gint32 mask = gimp_layer_get_mask (drawable);

      gimp_drawable_offsets (drawable, &self->x, &self->y);
      if (mask != -1 && gimp_layer_get_apply_mask (drawable))
        self->mask = gimp_drawable_get_buffer (mask);
    }
  if (drawable != -1)
    self->buffer = gimp_drawable_get_buffer (drawable);
  if (self->buffer == NULL)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("The image cannot be read: %s"),
                   gimp_get_pdb_error ());
      return FALSE;
    }
  self->colors = pd_colors_from_image (place->image);
  return TRUE;
}

/* Four floats a pixel, R'G'B'A. What is outside the source, or no number, is transparent.
 * @area: from the source's corner on, in pixels of the scaled source
 * Returns: how many pixels have a value that is no finite number */
static guint64
source_read (const Source *self, const GeglRectangle *area, double factor, float *pixels)
{
  const gsize n = (gsize) area->width * area->height;
  g_autofree float *mask = self->mask != NULL ? g_new (float, n) : NULL;
  guint64 n_not_finite = 0;

  pd_colors_read (&self->colors, self->buffer, area, factor, pixels);
  if (mask != NULL)
    gegl_buffer_get (self->mask, area, factor, babl_format ("Y float"), mask, GEGL_AUTO_ROWSTRIDE,
                     GEGL_ABYSS_NONE);
  for (gsize i = 0; i < n; i++)
    {
      float *pixel = pixels + 4 * i;

      if (!isfinite (pixel[0]) || !isfinite (pixel[1]) || !isfinite (pixel[2]) ||
          !isfinite (pixel[3]))
        {
          memset (pixel, 0, 4 * sizeof *pixel);
          n_not_finite++;
        }
      pixel[3] = CLAMP (pixel[3], 0.0f, 1.0f) * (mask != NULL ? CLAMP (mask[i], 0.0f, 1.0f) : 1.0f);
      if (pixel[3] > 1.0f - rounding)
        pixel[3] = 1.0f;
    }
  return n_not_finite;
}

static gboolean
is_outside (const float *pixel)
{
  gboolean outside = FALSE;

  for (int c = 0; c < 3; c++)
    outside |= pixel[c] < -tolerance || pixel[c] > 1.0f + tolerance;
  return outside;
}

/* Brings a row of n pixels into sRGB.
 * @excess: (out) three floats a pixel, what that takes away
 * Returns: how many pixels that are seen were outside */
static guint
cut_colours (float *pixels, float *excess, int n)
{
  guint n_outside = 0;

  memset (excess, 0, (gsize) 3 * n * sizeof *excess);
  for (int i = 0; i < n; i++)
    {
      float *pixel = pixels + 4 * i;
      const gboolean outside = pixel[3] > 0.0f && is_outside (pixel);

      for (int c = 0; c < 3; c++)
        {
          const float inside = CLAMP (pixel[c], 0.0f, 1.0f);

          if (outside)
            excess[3 * i + c] = pixel[c] - inside;
          pixel[c] = inside;
        }
      n_outside += outside;
    }
  return n_outside;
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

/* The other way round: what is seen of a pixel through its transparency stays. */
static void
unflatten (float *pixel, float alpha)
{
  pixel[3] = alpha;
  for (int c = 0; c < 3 && alpha > 0.0f && alpha < 1.0f; c++)
    pixel[c] = CLAMP (neutral + (pixel[c] - neutral) / alpha, 0.0f, 1.0f);
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

/* A buffer of the rest is made when the first value comes that needs it. */
static GeglBuffer *
need (GeglBuffer **buffer, const GeglRectangle *extent, const char *format, const char *color)
{
  if (*buffer == NULL)
    {
      GeglColor *filling = gegl_color_new (color);

      *buffer = gegl_buffer_new (extent, babl_format (format));
      gegl_buffer_set_color (*buffer, extent, filling);
      g_object_unref (filling);
    }
  return *buffer;
}

/* What the engine is not shown of the row at x, y, as far as it lies in the target. */
static void
keep_rest (PdRest *self,
           const GeglRectangle *target,
           const GeglRectangle *row,
           const float *pixels,
           const float *excess)
{
  GeglRectangle part;
  g_autofree float *alpha = NULL;
  gboolean opaque = TRUE, inside = TRUE;
  int skipped;

  if (!gegl_rectangle_intersect (&part, target, row))
    return;
  skipped = part.x - row->x;
  alpha = g_new (float, part.width);
  for (int i = 0; i < part.width; i++)
    {
      alpha[i] = pixels[4 * (skipped + i) + 3];
      opaque &= alpha[i] >= 1.0f;
      self->empty &= alpha[i] <= 0.0f;
      for (int c = 0; c < 3; c++)
        inside &= excess[3 * (skipped + i) + c] == 0.0f;
    }
  if (!opaque)
    gegl_buffer_set (need (&self->alpha, target, "Y float", "white"), &part, 0,
                     babl_format ("Y float"), alpha, GEGL_AUTO_ROWSTRIDE);
  if (!inside)
    gegl_buffer_set (need (&self->excess, target, "RGB float", "black"), &part, 0,
                     babl_format ("RGB float"), excess + 3 * skipped, GEGL_AUTO_ROWSTRIDE);
}

/* Returns: (transfer full) the context as the engine is to see it. */
static GeglBuffer *
source_copy (const Source *self, const PdPlace *place, PdRest *rest)
{
  const GeglRectangle *area = &place->context;
  const Babl *rgba = babl_format ("R'G'B'A float");
  g_autofree float *pixels = g_new (float, (gsize) 4 * area->width * BAND);
  g_autofree float *excess = g_new (float, (gsize) 3 * area->width);
  GeglBuffer *copy = gegl_buffer_new (area, file_format (place->image));

  *rest = (PdRest){ .empty = TRUE };
  for (int y = 0; y < area->height; y += BAND)
    {
      const GeglRectangle band = { area->x, area->y + y, area->width,
                                   MIN (BAND, area->height - y) };
      const GeglRectangle own = { band.x - self->x, band.y - self->y, band.width, band.height };

      rest->n_not_finite += source_read (self, &own, 1.0, pixels);
      for (int i = 0; i < band.height; i++)
        {
          float *row = pixels + (gsize) 4 * band.width * i;

          rest->n_outside += cut_colours (row, excess, band.width);
          keep_rest (rest, &place->target, GEGL_RECTANGLE (band.x, band.y + i, band.width, 1), row,
                     excess);
        }
      flatten (pixels, (gsize) band.width * band.height);
      gegl_buffer_set (copy, &band, 0, rgba, pixels, GEGL_AUTO_ROWSTRIDE);
    }
  return copy;
}

/* Smooth kernels ring at edges. */
static void
keep_inside (GeglBuffer *picture)
{
  const Babl *format = babl_format ("R'G'B' float");
  GeglBufferIterator *i = gegl_buffer_iterator_new (picture, NULL, 0, format, GEGL_ACCESS_READWRITE,
                                                    GEGL_ABYSS_NONE, 1);

  while (gegl_buffer_iterator_next (i))
    {
      float *values = i->items[0].data;

      for (int k = 0; k < 3 * i->length; k++)
        values[k] = CLAMP (values[k], 0.0f, 1.0f);
    }
}

static gboolean
is_smaller (const GeglRectangle *extent, int width, int height)
{
  return width < extent->width || height < extent->height;
}

/* Returns: (transfer full) the same picture in another size, from 0, 0. */
static GeglBuffer *
scale (GeglBuffer *buffer, int width, int height, GeglSamplerType sampler)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);
  g_autoptr (GeglBuffer) from_origin = NULL;
  g_autoptr (GeglNode) graph = gegl_node_new ();
  GeglBuffer *scaled =
      gegl_buffer_new (GEGL_RECTANGLE (0, 0, width, height), gegl_buffer_get_format (buffer));
  GeglNode *source, *node;

  from_origin = g_object_new (GEGL_TYPE_BUFFER, "source", buffer, "shift-x", extent->x, "shift-y",
                              extent->y, "width", extent->width, "height", extent->height, NULL);
  source =
      gegl_node_new_child (graph, "operation", "gegl:buffer-source", "buffer", from_origin, NULL);
  node = gegl_node_new_child (graph, "operation", "gegl:scale-size", "x", (double) width, "y",
                              (double) height, "sampler", sampler, "abyss-policy", GEGL_ABYSS_CLAMP,
                              NULL);
  gegl_node_link (source, node);
  gegl_node_blit_buffer (node, scaled, gegl_buffer_get_extent (scaled), 0, GEGL_ABYSS_NONE);
  return scaled;
}

/* The same for pictures and masks, smoothly. */
static GeglBuffer *
scale_smoothly (GeglBuffer *buffer, int width, int height)
{
  const gboolean smaller = is_smaller (gegl_buffer_get_extent (buffer), width, height);

  return scale (buffer, width, height, smaller ? GEGL_SAMPLER_LOHALO : GEGL_SAMPLER_CUBIC);
}

static gboolean
is_size_of (const GeglRectangle *area, guint width, guint height)
{
  return (guint) area->width == width && (guint) area->height == height;
}

gboolean
pd_pixels_save_source (
    const PdPlace *place, PdRequestSource source, const char *path, PdRest *rest, GError **error)
{
  g_auto (Source) from = { .temporary = -1 };
  g_autoptr (GeglBuffer) copy = NULL;
  g_autoptr (GeglBuffer) scaled = NULL;

  if (!source_open (&from, place, source, error))
    return FALSE;
  copy = source_copy (&from, place, rest);
  if (!is_size_of (&place->context, place->width, place->height))
    {
      scaled = scale_smoothly (copy, (int) place->width, (int) place->height);
      if (gegl_buffer_get_format (scaled) == babl_format ("R'G'B' float"))
        keep_inside (scaled);
    }
  return pd_buffer_file_save (scaled != NULL ? scaled : copy, path, error);
}

GeglBuffer *
pd_pixels_copy_selection (const PdPlace *place)
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
pd_pixels_mask_is_white (const PdPlace *place)
{
  const gint32 selection = gimp_image_get_selection (place->image);
  gboolean selected;
  int x1, y1, x2, y2;
  double mean, deviation, median, pixels, full, share;

  if (!gegl_rectangle_equal (&place->target, &place->context))
    return FALSE;
  if (!place->selected)
    return TRUE;
  /* GIMP counts faster than pixels come here. */
  return gimp_selection_bounds (place->image, &selected, &x1, &y1, &x2, &y2) &&
         gimp_drawable_histogram (selection, GIMP_HISTOGRAM_VALUE, 1.0, 1.0, &mean, &deviation,
                                  &median, &pixels, &full, &share) &&
         full >= (double) (x2 - x1) * (y2 - y1);
}

gboolean
pd_pixels_save_mask (const PdPlace *place, GeglBuffer *selection, const char *path, GError **error)
{
  g_autoptr (GeglBuffer) mask = gegl_buffer_new (&place->context, babl_format ("Y float"));
  g_autoptr (GeglBuffer) scaled = NULL;

  if (selection != NULL)
    gegl_buffer_copy (selection, &place->target, GEGL_ABYSS_NONE, mask, &place->target);
  else
    {
      GeglColor *white = gegl_color_new ("white");

      gegl_buffer_set_color (mask, &place->target, white);
      g_object_unref (white);
    }
  if (!is_size_of (&place->context, place->width, place->height))
    scaled = scale_smoothly (mask, (int) place->width, (int) place->height);
  return pd_buffer_file_save (scaled != NULL ? scaled : mask, path, error);
}

GeglBuffer *
pd_pixels_cut (const PdPlace *place, GeglBuffer *result)
{
  const GeglRectangle *target = &place->target;
  const GeglRectangle part = { target->x - place->context.x, target->y - place->context.y,
                               target->width, target->height };
  g_autoptr (GeglBuffer) scaled = NULL;

  if (!is_size_of (&place->context, place->width, place->height))
    scaled = scale_smoothly (result, place->context.width, place->context.height);
  return g_object_new (GEGL_TYPE_BUFFER, "source", scaled != NULL ? scaled : result, "shift-x",
                       part.x - target->x, "shift-y", part.y - target->y, "x", target->x, "y",
                       target->y, "width", target->width, "height", target->height, NULL);
}

/* @buffer: of the rest, in the target's extent
 * Returns: (transfer full) it in the picture's extent; it is given no values it does not have */
static GeglBuffer *
fit_rest (GeglBuffer *buffer, const GeglRectangle *extent)
{
  const GeglRectangle *own = buffer != NULL ? gegl_buffer_get_extent (buffer) : NULL;

  if (buffer == NULL || gegl_rectangle_equal (own, extent))
    return buffer != NULL ? g_object_ref (buffer) : NULL;
  return scale (buffer, extent->width, extent->height, GEGL_SAMPLER_LINEAR);
}

/* Gives a band of a picture back what the engine was not shown. Buffers may be NULL. */
static void
give_back (
    float *pixels, const GeglRectangle *band, GeglBuffer *alpha, GeglBuffer *excess, float share)
{
  const gsize n = (gsize) band->width * band->height;
  g_autofree float *values = g_new (float, 3 * n);

  for (gsize i = 0; i < n; i++)
    for (int c = 0; c < 3; c++)
      pixels[4 * i + c] = CLAMP (pixels[4 * i + c], 0.0f, 1.0f);
  if (alpha != NULL)
    {
      gegl_buffer_get (alpha, band, 1.0, babl_format ("Y float"), values, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
      for (gsize i = 0; i < n; i++)
        unflatten (pixels + 4 * i, CLAMP (values[i], 0.0f, 1.0f));
    }
  if (excess != NULL)
    {
      gegl_buffer_get (excess, band, 1.0, babl_format ("RGB float"), values, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
      for (gsize i = 0; i < 3 * n; i++)
        pixels[i / 3 * 4 + i % 3] += share * values[i];
    }
}

void
pd_pixels_write (
    GeglBuffer *picture, const PdRest *rest, double share, gint32 image, gint32 drawable)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (picture);
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (drawable);
  g_autoptr (GeglBuffer) alpha = rest != NULL ? fit_rest (rest->alpha, extent) : NULL;
  g_autoptr (GeglBuffer) excess =
      rest != NULL && share > 0 ? fit_rest (rest->excess, extent) : NULL;
  g_autofree float *pixels = g_new (float, (gsize) 4 * extent->width * BAND);
  g_auto (PdColors) colors = pd_colors_to_image (image);

  for (int y = 0; y < extent->height; y += BAND)
    {
      const int rows = MIN (BAND, extent->height - y);
      const GeglRectangle band = { extent->x, extent->y + y, extent->width, rows };

      gegl_buffer_get (picture, &band, 1.0, babl_format ("R'G'B'A float"), pixels,
                       GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      give_back (pixels, &band, alpha, excess, (float) share);
      pd_colors_write (&colors, buffer, GEGL_RECTANGLE (0, y, extent->width, rows), pixels);
    }
}

GeglBuffer *
pd_pixels_small (const PdPlace *place, PdRequestSource source, guint max_side, GError **error)
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
  source_read (&from, &area, factor, pixels);
  small = gegl_buffer_new (GEGL_RECTANGLE (0, 0, width, height), babl_format ("R'G'B'A u8"));
  gegl_buffer_set (small, NULL, 0, rgba, pixels, GEGL_AUTO_ROWSTRIDE);
  return small;
}
