// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/crop.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/pictures/picture.h"

enum
{
  ROWS = 64, /* read at once */
};

/* One side: @length pixels from @first on, of @size, grow on both ends, or on one where the picture
 * ends at the other. */
static void
plan_side (guint size,
           const PdCropOptions *options,
           guint first,
           guint length,
           guint *start,
           guint *result)
{
  const guint scale = options->scale;
  guint64 wanted, before;

  if (options->padding < 0)
    wanted = MAX ((guint64) options->native, (guint64) length + 2 * (options->native / 4));
  else
    wanted = (guint64) length + 2 * (guint64) options->padding;
  wanted = MAX ((wanted + scale - 1) / scale * scale, length);
  before = (wanted - length) / 2;
  *result = (guint) MIN (wanted, size);
  *start = (guint) (first > before ? first - before : 0);
  if (*start > size - *result)
    *start = size - *result;
}

void
pd_crop_plan (PdCrop *self, const PdRect *bounds, const PdCropOptions *options)
{
  PdRect *part = &self->part;
  guint longer;

  plan_side (options->picture.w, options, bounds->x, bounds->w, &part->x, &part->w);
  plan_side (options->picture.h, options, bounds->y, bounds->h, &part->y, &part->h);
  self->work = (PdSize){ part->h, part->w };
  longer = MAX (part->w, part->h);
  if (longer < options->native)
    {
      const double factor = (double) options->native / longer;
      const guint scale = options->scale;

      self->work.w = MAX (1, (guint) lround (part->w * factor / scale)) * scale;
      self->work.h = MAX (1, (guint) lround (part->h * factor / scale)) * scale;
    }
}

gboolean
pd_crop_bounds (GeglBuffer *mask, PdRect *bounds, GError **error)
{
  int width = gegl_buffer_get_width (mask), height = gegl_buffer_get_height (mask);
  int left = width, right = -1, top = height, bottom = -1;
  g_autofree float *values = pd_try_new (float, (gsize) width *ROWS, _ ("rows of the mask"), error);

  if (values == NULL)
    return FALSE;
  for (int y = 0; y < height; y += ROWS)
    {
      int rows = MIN (ROWS, height - y);

      gegl_buffer_get (mask, GEGL_RECTANGLE (0, y, width, rows), 1.0, babl_format ("Y float"),
                       values, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      for (int i = 0; i < rows; i++)
        for (int x = 0; x < width; x++)
          if (values[(gsize) i * width + x] > 0)
            {
              left = MIN (left, x);
              right = MAX (right, x);
              top = MIN (top, y + i);
              bottom = y + i;
            }
    }
  if (right < 0)
    {
      g_set_error (
          error, PD_ERROR, PD_ERROR_BAD_REQUEST,
          _ ("The mask is black or transparent everywhere: make white and opaque what is to "
             "be repainted"));
      return FALSE;
    }
  *bounds =
      (PdRect){ (guint) top, (guint) left, (guint) (bottom - top + 1), (guint) (right - left + 1) };
  return TRUE;
}

GeglBuffer *
pd_crop_take (const PdCrop *self, GeglBuffer *picture, const char *format)
{
  const GeglRectangle place = pd_picture_rectangle (&self->part);
  g_autoptr (GeglBuffer) part = pd_picture_new (self->part.w, self->part.h, format);

  gegl_buffer_copy (picture, &place, GEGL_ABYSS_NONE, part, GEGL_RECTANGLE (0, 0, 0, 0));
  if (self->work.w == self->part.w && self->work.h == self->part.h)
    return g_steal_pointer (&part);
  return pd_picture_scale (part, self->work.w, self->work.h, format);
}
