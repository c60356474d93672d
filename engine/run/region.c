// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>
#include <math.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/pictures/picture.h"
#include "engine/run/region.h"

enum
{
  ROWS = 64, /* read at once */
};

/* One side: from @first on, @length pixels, of @size; grows on both ends, on one where the picture
 * ends at the other. */
static void
grow (guint first, guint length, guint size, guint64 wanted, guint *start, guint *result)
{
  guint64 before = (MAX (wanted, length) - length) / 2;

  *result = (guint) MIN (MAX (wanted, length), size);
  *start = (guint) (first > before ? first - before : 0);
  if (*start > size - *result)
    *start = size - *result;
}

static void
plan_side (guint first,
           guint length,
           guint size,
           gint64 padding,
           guint native,
           guint scale,
           guint *start,
           guint *result)
{
  guint64 wanted;

  if (padding < 0)
    wanted = MAX ((guint64) native, (guint64) length + 2 * (native / 4));
  else
    wanted = (guint64) length + 2 * (guint64) padding;
  wanted = (wanted + scale - 1) / scale * scale;
  grow (first, length, size, wanted, start, result);
}

void
pd_region_plan (PdRegion *self,
                const GeglRectangle *bounds,
                guint width,
                guint height,
                gint64 padding,
                guint native,
                guint scale)
{
  guint longer;

  plan_side ((guint) bounds->x, (guint) bounds->width, width, padding, native, scale, &self->x,
             &self->w);
  plan_side ((guint) bounds->y, (guint) bounds->height, height, padding, native, scale, &self->y,
             &self->h);
  self->work_w = self->w;
  self->work_h = self->h;
  longer = MAX (self->w, self->h);
  if (longer < native)
    {
      double factor = (double) native / longer;

      self->work_w = MAX (1, (guint) lround (self->w * factor / scale)) * scale;
      self->work_h = MAX (1, (guint) lround (self->h * factor / scale)) * scale;
    }
}

gboolean
pd_region_bounds (GeglBuffer *mask, GeglRectangle *bounds, GError **error)
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
  *bounds = *GEGL_RECTANGLE (left, top, right - left + 1, bottom - top + 1);
  return TRUE;
}

GeglBuffer *
pd_region_take (const PdRegion *self, GeglBuffer *picture, const char *format)
{
  g_autoptr (GeglBuffer) part = pd_picture_new (self->w, self->h, format);

  gegl_buffer_copy (picture,
                    GEGL_RECTANGLE ((int) self->x, (int) self->y, (int) self->w, (int) self->h),
                    GEGL_ABYSS_NONE, part, GEGL_RECTANGLE (0, 0, 0, 0));
  if (self->work_w == self->w && self->work_h == self->h)
    return g_steal_pointer (&part);
  return pd_picture_scale (part, self->work_w, self->work_h, format);
}
