// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/crop.h"

#include <math.h>

#include "engine/pictures/picture.h"
#include "engine/run/islands.h"

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

/* What a part of the picture is made of. */
typedef struct
{
  PdRect bounds; /* of what changes */
  PdCrop crop;
} Part;

static Part
part_of (const PdRect *bounds, const PdCropOptions *options)
{
  Part self = { .bounds = *bounds };

  pd_crop_plan (&self.crop, bounds, options);
  return self;
}

static Part
join (const Part *a, const Part *b, const PdCropOptions *options)
{
  const PdRect *one = &a->bounds, *two = &b->bounds;
  PdRect both = { MIN (one->y, two->y), MIN (one->x, two->x), 0, 0 };

  both.h = MAX (one->y + one->h, two->y + two->h) - both.y;
  both.w = MAX (one->x + one->w, two->x + two->w) - both.x;
  return part_of (&both, options);
}

static gboolean
overlap (const PdRect *a, const PdRect *b)
{
  return a->y < b->y + b->h && b->y < a->y + a->h && a->x < b->x + b->w && b->x < a->x + a->w;
}

/* Pixels that are worked on more if both become one. */
static gint64
join_cost (const Part *a, const Part *b, const PdCropOptions *options)
{
  const Part both = join (a, b, options);

  return (gint64) pd_size_area (both.crop.work) - (gint64) pd_size_area (a->crop.work) -
         (gint64) pd_size_area (b->crop.work);
}

/* Those that have to be one, or may as well, become one. */
static guint
settle (Part *parts, guint n, const PdCropOptions *options)
{
  for (;;)
    {
      gint64 least = G_MAXINT64;
      guint first = 0, second = 0;

      for (guint i = 0; i < n; i++)
        for (guint k = i + 1; k < n; k++)
          {
            const Part *a = &parts[i], *b = &parts[k];
            gint64 cost = join_cost (a, b, options);

            if (overlap (&a->crop.part, &b->bounds) || overlap (&b->crop.part, &a->bounds))
              cost = MIN (cost, 0);
            if (cost >= least)
              continue;
            least = cost;
            first = i;
            second = k;
          }
      if (least > 0 && n <= PD_MAX_CROPS)
        return n;
      parts[first] = join (&parts[first], &parts[second], options);
      for (guint k = second + 1; k < n; k++)
        parts[k - 1] = parts[k];
      n--;
    }
}

/* Whether there is something of @part at an edge that the picture repeats over. */
static gboolean
is_at_seam (const Part *part, const PdCropOptions *options)
{
  const PdRect *rect = &part->crop.part;

  return ((options->wrap & PD_TORUS_Y) != 0 &&
          (rect->y == 0 || rect->y + rect->h == options->picture.h)) ||
         ((options->wrap & PD_TORUS_X) != 0 &&
          (rect->x == 0 || rect->x + rect->w == options->picture.w));
}

guint
pd_crop_find (GeglBuffer *mask,
              const PdCropOptions *options,
              PdCrop crops[PD_MAX_CROPS],
              GError **error)
{
  g_autoptr (GArray) islands = pd_islands_find (mask, error);
  Part parts[PD_MAX_CROPS + 1] = { 0 };
  gboolean at_seam = FALSE;
  guint n = 0;

  for (guint i = 0; islands != NULL && i < islands->len; i++)
    {
      parts[n++] = part_of (&g_array_index (islands, PdRect, i), options);
      n = settle (parts, n, options);
    }
  for (guint i = 0; i < n; i++)
    at_seam = at_seam || is_at_seam (&parts[i], options);
  for (; at_seam && n > 1; n--)
    parts[0] = join (&parts[0], &parts[n - 1], options);
  for (guint i = 0; i < n; i++)
    crops[i] = parts[i].crop;
  return n;
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
