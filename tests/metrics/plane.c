// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/metrics/plane.h"

#include <math.h>

PdPlane *
pd_plane_new (guint width, guint height)
{
  PdPlane *self = g_new (PdPlane, 1);

  *self = (PdPlane){ width, height, g_new (float, (gsize) width *height) };
  return self;
}

void
pd_plane_free (PdPlane *self)
{
  if (!self)
    return;
  g_free (self->values);
  g_free (self);
}

PdPlane *
pd_plane_luma (const PdPixels *picture)
{
  PdPlane *self = pd_plane_new (picture->width, picture->height);

  for (gsize i = 0; i < (gsize) picture->width * picture->height; i++)
    {
      const float *pixel = picture->pixels + 3 * i;

      self->values[i] = 255.0f * (0.2126f * pixel[0] + 0.7152f * pixel[1] + 0.0722f * pixel[2]);
    }
  return self;
}

PdPlane *
pd_plane_shift_half (const PdPlane *self)
{
  PdPlane *shifted = pd_plane_new (self->width, self->height);

  for (guint y = 0; y < self->height; y++)
    for (guint x = 0; x < self->width; x++)
      shifted->values[(gsize) ((y + self->height / 2) % self->height) * self->width +
                      (x + self->width / 2) % self->width] =
          self->values[(gsize) y * self->width + x];
  return shifted;
}

PdPlane *
pd_plane_transpose (const PdPlane *self)
{
  static const guint block = 32; /* both sides of a block stay in the cache */
  PdPlane *turned = pd_plane_new (self->height, self->width);

  for (guint top = 0; top < self->height; top += block)
    for (guint left = 0; left < self->width; left += block)
      for (guint x = left; x < MIN (left + block, self->width); x++)
        for (guint y = top; y < MIN (top + block, self->height); y++)
          turned->values[(gsize) x * self->height + y] = self->values[(gsize) y * self->width + x];
  return turned;
}

/* Adds @sign times row @y to @sums; @y may lie beyond the edges. */
static void
add_row (double *sums, const PdPlane *plane, gint64 y, gboolean wrap, double sign)
{
  gint64 last = (gint64) plane->height - 1;
  gint64 edge = CLAMP (y, 0, last);
  gint64 from = wrap ? (y + plane->height) % plane->height : y < 0 ? -y : 2 * last - y;
  const float *at_edge = plane->values + edge * plane->width;

  if (y >= 0 && y <= last)
    for (guint x = 0; x < plane->width; x++)
      sums[x] += sign * at_edge[x];
  else
    {
      const float *row = plane->values + from * plane->width;

      for (guint x = 0; x < plane->width; x++)
        sums[x] += sign * (wrap ? row[x] : 2.0 * at_edge[x] - row[x]);
    }
}

/* Continues @sums[radius + 1 … radius + width] to both sides. */
static void
extend (double *sums, guint width, guint radius, gboolean wrap)
{
  double *first = sums + radius + 1;
  double *last = first + width - 1;

  for (guint i = 1; i <= radius + 1; i++)
    first[-(gint64) i] = wrap ? last[1 - (gint64) i] : 2.0 * *first - first[i];
  for (guint i = 1; i <= radius; i++)
    last[i] = wrap ? first[i - 1] : 2.0 * *last - last[-(gint64) i];
}

PdPlane *
pd_plane_detail (const PdPlane *self, guint radius, gboolean wrap_x, gboolean wrap_y)
{
  guint window = 2 * radius + 1;
  PdPlane *detail = pd_plane_new (self->width, self->height);
  /* Sums over the rows of the window, with room for a margin. */
  g_autofree double *sums = g_new0 (double, self->width + window);
  double *columns = sums + radius + 1;

  for (gint64 y = -(gint64) radius - 1; y < (gint64) radius; y++)
    add_row (columns, self, y, wrap_y, 1.0);
  for (guint y = 0; y < self->height; y++)
    {
      const float *row = self->values + (gsize) y * self->width;
      float *result = detail->values + (gsize) y * self->width;
      double sum = 0.0;

      add_row (columns, self, (gint64) y + radius, wrap_y, 1.0);
      add_row (columns, self, (gint64) y - radius - 1, wrap_y, -1.0);
      extend (sums, self->width, radius, wrap_x);
      for (guint i = 0; i < window; i++)
        sum += sums[i];
      for (guint x = 0; x < self->width; x++)
        {
          sum += sums[x + window] - sums[x];
          result[x] = (float) (row[x] - sum / ((double) window * window));
        }
    }
  return detail;
}

PdPlane *
pd_plane_reduce (const PdPlane *self, guint factor)
{
  PdPlane *reduced = pd_plane_new (self->width / factor, self->height / factor);

  for (guint y = 0; y < reduced->height; y++)
    for (guint x = 0; x < reduced->width; x++)
      {
        float sum = 0.0f;

        for (guint dy = 0; dy < factor; dy++)
          for (guint dx = 0; dx < factor; dx++)
            sum += self->values[((gsize) y * factor + dy) * self->width + x * factor + dx];
        reduced->values[(gsize) y * reduced->width + x] = sum / (float) (factor * factor);
      }
  return reduced;
}

PdPixels *
pd_pixels_reduce (const PdPixels *picture, guint width, guint height)
{
  PdPixels *reduced = pd_pixels_new (width, height, g_new (float, (gsize) width *height * 3));

  for (guint y = 0; y < height; y++)
    {
      guint top = (guint) ((guint64) y * picture->height / height);
      guint bottom = (guint) (((guint64) (y + 1) * picture->height + height - 1) / height);

      for (guint x = 0; x < width; x++)
        {
          guint left = (guint) ((guint64) x * picture->width / width);
          guint right = (guint) (((guint64) (x + 1) * picture->width + width - 1) / width);
          float sum[3] = { 0.0f, 0.0f, 0.0f };
          float area = (float) ((bottom - top) * (right - left));

          for (guint v = top; v < bottom; v++)
            for (guint u = left; u < right; u++)
              for (guint c = 0; c < 3; c++)
                sum[c] += picture->pixels[((gsize) v * picture->width + u) * 3 + c];
          for (guint c = 0; c < 3; c++)
            reduced->pixels[((gsize) y * width + x) * 3 + c] = sum[c] / area;
        }
    }
  return reduced;
}

/* The two pixels between whose centres position @i of @size lies, on an axis of @from pixels.
 * Returns: the weight of the second. */
static float
between (guint i, guint size, guint from, guint *first, guint *second)
{
  double position = CLAMP ((i + 0.5) * from / size - 0.5, 0.0, from - 1.0);

  *first = (guint) position;
  *second = MIN (*first + 1, from - 1);
  return (float) (position - *first);
}

void
pd_pixels_enlarged_row (const PdPixels *picture, guint width, guint height, guint y, float *row)
{
  guint top, bottom;
  float low = between (y, height, picture->height, &top, &bottom);

  for (guint x = 0; x < width; x++)
    {
      guint left, right;
      float across = between (x, width, picture->width, &left, &right);
      const float *a = picture->pixels + ((gsize) top * picture->width + left) * 3;
      const float *b = picture->pixels + ((gsize) top * picture->width + right) * 3;
      const float *c = picture->pixels + ((gsize) bottom * picture->width + left) * 3;
      const float *d = picture->pixels + ((gsize) bottom * picture->width + right) * 3;

      for (guint i = 0; i < 3; i++)
        row[3 * x + i] = (1.0f - low) * ((1.0f - across) * a[i] + across * b[i]) +
                         low * ((1.0f - across) * c[i] + across * d[i]);
    }
}
