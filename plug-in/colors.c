// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/colors.h"

static gboolean
is_linear (gint32 image)
{
  switch (gimp_image_get_precision (image))
    {
    case GIMP_PRECISION_U8_LINEAR:
    case GIMP_PRECISION_U16_LINEAR:
    case GIMP_PRECISION_U32_LINEAR:
    case GIMP_PRECISION_HALF_LINEAR:
    case GIMP_PRECISION_FLOAT_LINEAR:
    case GIMP_PRECISION_DOUBLE_LINEAR:
      return TRUE;
    default:
      return FALSE;
    }
}

/* The format with whose numbers the image's profile deals. */
static const Babl *
profile_format (gint32 image)
{
  if (gimp_image_base_type (image) == GIMP_GRAY)
    return babl_format (is_linear (image) ? "YA float" : "Y'A float");
  return babl_format (is_linear (image) ? "RGBA float" : "R'G'B'A float");
}

static PdColors
make (gint32 image, gboolean to_image)
{
  GimpColorProfile *profile = gimp_image_get_effective_color_profile (image);
  GimpColorProfile *srgb = gimp_color_profile_new_rgb_srgb ();
  const Babl *own = profile_format (image);
  const Babl *ours = babl_format ("R'G'B'A float");
  PdColors self = { .from = ours, .to = ours };

  self.transform = gimp_color_transform_new (to_image ? srgb : profile, to_image ? ours : own,
                                             to_image ? profile : srgb, to_image ? own : ours,
                                             GIMP_COLOR_RENDERING_INTENT_RELATIVE_COLORIMETRIC,
                                             GIMP_COLOR_TRANSFORM_FLAGS_BLACK_POINT_COMPENSATION);
  g_object_unref (profile);
  g_object_unref (srgb);
  if (self.transform != NULL)
    *(to_image ? &self.to : &self.from) = own;
  return self;
}

PdColors
pd_colors_from_image (gint32 image)
{
  return make (image, FALSE);
}

PdColors
pd_colors_to_image (gint32 image)
{
  return make (image, TRUE);
}

void
pd_colors_clear (PdColors *self)
{
  g_clear_object (&self->transform);
}

/* Returns: (transfer full) room for n pixels beside @pixels, NULL if a conversion can be done in
 * place. Where a pixel grows, what is written covers what has not been read yet. */
static float *
new_room (const PdColors *self, gsize n)
{
  const int from = babl_format_get_bytes_per_pixel (self->from);

  if (from == babl_format_get_bytes_per_pixel (self->to))
    return NULL;
  return g_malloc (n * 4 * sizeof (float));
}

void
pd_colors_read (const PdColors *self,
                GeglBuffer *buffer,
                const GeglRectangle *area,
                double scale,
                float *pixels)
{
  const gsize n = (gsize) area->width * area->height;
  g_autofree float *room = new_room (self, n);
  float *raw = room != NULL ? room : pixels;

  gegl_buffer_get (buffer, area, scale, self->from, raw, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  if (self->transform != NULL)
    gimp_color_transform_process_pixels (self->transform, self->from, raw, self->to, pixels, n);
}

void
pd_colors_write (const PdColors *self, GeglBuffer *buffer, const GeglRectangle *area, float *pixels)
{
  const gsize n = (gsize) area->width * area->height;
  g_autofree float *room = new_room (self, n);
  float *own = room != NULL ? room : pixels;

  if (self->transform != NULL)
    gimp_color_transform_process_pixels (self->transform, self->from, pixels, self->to, own, n);
  else
    own = pixels;
  gegl_buffer_set (buffer, area, 0, self->to, own, GEGL_AUTO_ROWSTRIDE);
}
