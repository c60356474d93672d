// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/origin.h"
#include "engine/base/error.h"

#include <glib/gi18n-lib.h>
#include <libgimp/gimp.h>
#include <math.h>

enum
{
  SIDE = 32,             /* longest side of a small picture, pixels */
  LARGEST = 4096 * 4096, /* pixels of a drawable that is worth being read for that */
};

/* A small picture that tells whether something was mirrored or rotated. */
typedef struct
{
  int width, height; /* 0: there is none */
  float values[SIDE * SIDE];
} Small;

/* A group the layer was in, or the image itself. */
typedef struct
{
  gint32 group; /* 0: the image */
  int position; /* in it */
} Level;

struct _PdOrigin
{
  PdPlace place;
  GeglBuffer *selection;
  int width, height;
  GeglRectangle layer;
  GArray *levels; /* from the innermost on */
  Small small_layer, small_selection;
  GimpImageBaseType base_type;
  GimpPrecision precision;
  GimpColorProfile *profile; /* NULL: none */
  double x_resolution, y_resolution;
};

/* Greater mean differences are no accident, smaller ones may be. */
static const double different = 0.02;

static GeglRectangle
extent_of (gint32 layer)
{
  int x = 0, y = 0;

  gimp_drawable_offsets (layer, &x, &y);
  return *GEGL_RECTANGLE (x, y, gimp_drawable_width (layer), gimp_drawable_height (layer));
}

static Small
make_small (gint32 drawable)
{
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (drawable);
  const GeglRectangle *extent = buffer != NULL ? gegl_buffer_get_extent (buffer) : NULL;
  Small small = { 0 };
  double factor;

  if (extent == NULL || (gint64) extent->width * extent->height > LARGEST || extent->width < 1 ||
      extent->height < 1)
    return small;
  factor = MIN (1.0, (double) SIDE / MAX (extent->width, extent->height));
  small.width = MAX (1, (int) (extent->width * factor));
  small.height = MAX (1, (int) (extent->height * factor));
  gegl_buffer_get (buffer, GEGL_RECTANGLE (0, 0, small.width, small.height), factor,
                   babl_format ("Y' float"), small.values, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
  return small;
}

/* @way: 0 … 7; 1 mirrors left and right, 2 top and bottom, 4 swaps x and y before that
 * Returns: the mean difference of @a turned that way from @b; infinite for other sizes */
static double
difference (const Small *a, const Small *b, guint way)
{
  const gboolean swap = way & 4;
  const int width = swap ? a->height : a->width, height = swap ? a->width : a->height;
  double sum = 0.0;

  if (width != b->width || height != b->height || width == 0)
    return INFINITY;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        const int u = way & 1 ? width - 1 - x : x;
        const int v = way & 2 ? height - 1 - y : y;
        const float was = a->values[swap ? u * a->width + v : v * a->width + u];
        const float is = b->values[y * width + x];

        sum += isfinite (was) && isfinite (is) ? fabs ((double) was - (double) is) : 0.0;
      }
  return sum / (width * height);
}

/* Returns: the way that one has been turned to become the other, 0 if it has not. */
static guint
find_turn (const Small *was, const Small *is)
{
  const double changed = difference (was, is, 0);

  if (changed <= different)
    return 0;
  for (guint way = 1; way < 8; way++)
    {
      const double rest = difference (was, is, way);

      if (rest <= different || rest < changed / 4)
        return way;
    }
  return 0;
}

static gboolean
has_layer (const PdOrigin *self)
{
  return gimp_item_is_valid (self->place.layer) &&
         gimp_item_get_image (self->place.layer) == self->place.image &&
         gimp_image_get_item_position (self->place.image, self->place.layer) >= 0;
}

PdOrigin *
pd_origin_new (const PdPlace *place, GeglBuffer *selection)
{
  PdOrigin *self = g_new0 (PdOrigin, 1);
  const gint32 image = place->image;

  self->place = *place;
  self->selection = selection != NULL ? g_object_ref (selection) : NULL;
  self->width = gimp_image_width (image);
  self->height = gimp_image_height (image);
  self->layer = extent_of (place->layer);
  self->levels = g_array_new (FALSE, FALSE, sizeof (Level));
  for (gint32 item = place->layer; item > 0; item = gimp_item_get_parent (item))
    {
      const Level level = { MAX (gimp_item_get_parent (item), 0),
                            gimp_image_get_item_position (image, item) };

      g_array_append_val (self->levels, level);
    }
  self->small_layer = make_small (place->layer);
  if (selection != NULL)
    self->small_selection = make_small (gimp_image_get_selection (image));
  self->base_type = gimp_image_base_type (image);
  self->precision = gimp_image_get_precision (image);
  self->profile = gimp_image_get_color_profile (image);
  gimp_image_get_resolution (image, &self->x_resolution, &self->y_resolution);
  return self;
}

void
pd_origin_free (PdOrigin *self)
{
  if (self == NULL)
    return;
  g_clear_object (&self->selection);
  g_clear_object (&self->profile);
  g_array_unref (self->levels);
  g_free (self);
}

const PdPlace *
pd_origin_get_place (const PdOrigin *self)
{
  return &self->place;
}

/* Whether the selection as it is now is the old one, moved and cut off at the image's borders. */
static gboolean
is_moved_selection (const PdOrigin *self, GeglBuffer *now, int dx, int dy)
{
  const GeglRectangle *target = &self->place.target;
  const Babl *format = babl_format ("Y float");
  const GeglRectangle moved = { target->x + dx, target->y + dy, target->width, target->height };
  GeglRectangle part;
  g_autofree float *was = NULL;
  g_autofree float *is = NULL;

  if (!gegl_rectangle_intersect (&part, &moved, gegl_buffer_get_extent (now)))
    return FALSE;
  was = g_new (float, part.width);
  is = g_new (float, part.width);
  for (int y = 0; y < part.height; y++)
    {
      const GeglRectangle row = { part.x, part.y + y, part.width, 1 };
      const GeglRectangle old_row = { row.x - dx, row.y - dy, row.width, 1 };

      gegl_buffer_get (self->selection, &old_row, 1.0, format, was, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
      gegl_buffer_get (now, &row, 1.0, format, is, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      for (int x = 0; x < part.width; x++)
        if (fabsf (was[x] - is[x]) > 1.0f / 255)
          return FALSE;
    }
  return TRUE;
}

/* Tells from a selection how an image was cropped: one of its sides at least is still seen. */
static gboolean
find_moved_selection (const PdOrigin *self, const GeglRectangle *bounds, GeglRectangle *where)
{
  const GeglRectangle *target = &self->place.target;
  const int dx[] = { bounds->x - target->x, bounds->x + bounds->width - target->x - target->width };
  const int dy[] = { bounds->y - target->y,
                     bounds->y + bounds->height - target->y - target->height };
  g_autoptr (GeglBuffer) now =
      gimp_drawable_get_buffer (gimp_image_get_selection (self->place.image));

  for (guint i = 0; i < 4; i++)
    {
      const GeglRectangle moved = { target->x + dx[i % 2], target->y + dy[i / 2], target->width,
                                    target->height };
      const GeglRectangle image = *gegl_buffer_get_extent (now);
      GeglRectangle seen;

      /* All that is selected now must have been, too. */
      if (!gegl_rectangle_intersect (&seen, &moved, &image) ||
          !gegl_rectangle_equal (&seen, bounds) ||
          !is_moved_selection (self, now, dx[i % 2], dy[i / 2]))
        continue;
      *where = moved;
      return TRUE;
    }
  return FALSE;
}

static GeglRectangle
scaled_by (const GeglRectangle *area, double x_factor, double y_factor)
{
  const int x = (int) lround (area->x * x_factor), y = (int) lround (area->y * y_factor);

  return *GEGL_RECTANGLE (x, y, MAX (1, (int) lround ((area->x + area->width) * x_factor) - x),
                          MAX (1, (int) lround ((area->y + area->height) * y_factor) - y));
}

static gboolean
is_near (const GeglRectangle *a, const GeglRectangle *b, int tolerance)
{
  return abs (a->x - b->x) <= tolerance && abs (a->y - b->y) <= tolerance &&
         abs (a->width - b->width) <= tolerance && abs (a->height - b->height) <= tolerance;
}

/* @bounds: of the selection as it is now; NULL: nothing is selected */
static gboolean
find_scaled (const PdOrigin *self, const GeglRectangle *bounds, GeglRectangle *where)
{
  const double x_factor = (double) gimp_image_width (self->place.image) / self->width;
  const double y_factor = (double) gimp_image_height (self->place.image) / self->height;
  const GeglRectangle scaled = scaled_by (&self->place.target, x_factor, y_factor);

  if (bounds != NULL && self->selection != NULL && !is_near (bounds, &scaled, 2))
    return FALSE;
  if (has_layer (self))
    {
      const GeglRectangle layer = scaled_by (&self->layer, x_factor, y_factor);
      const GeglRectangle now = extent_of (self->place.layer);
      const Small small = make_small (self->place.layer);

      if (!is_near (&layer, &now, 2) ||
          (!(bounds != NULL && self->selection != NULL) &&
           difference (&self->small_layer, &small, 0) > 2 * different))
        return FALSE;
    }
  else if (bounds == NULL || self->selection == NULL)
    return FALSE;
  *where = scaled;
  return TRUE;
}

static gboolean
has_turned (const PdOrigin *self, gboolean selected)
{
  Small small = { 0 };
  guint way = 0;

  if (self->selection != NULL && selected)
    {
      small = make_small (gimp_image_get_selection (self->place.image));
      way = find_turn (&self->small_selection, &small);
    }
  if (!has_layer (self))
    return way != 0;
  small = make_small (self->place.layer);
  /* Something else may have been selected. */
  return find_turn (&self->small_layer, &small) != 0 ||
         (way != 0 && difference (&self->small_layer, &small, way) <= different);
}

PdOriginChange
pd_origin_find (const PdOrigin *self, GeglRectangle *where)
{
  const gint32 image = self->place.image;
  const gboolean same_size =
      gimp_image_width (image) == self->width && gimp_image_height (image) == self->height;
  gboolean selected = FALSE;
  GeglRectangle bounds, layer;
  int x1, y1, x2, y2;

  *where = self->place.target;
  gimp_selection_bounds (image, &selected, &x1, &y1, &x2, &y2);
  bounds = *GEGL_RECTANGLE (x1, y1, x2 - x1, y2 - y1);
  if (has_turned (self, selected))
    return PD_ORIGIN_LOST;
  if (has_layer (self))
    {
      layer = extent_of (self->place.layer);
      if (layer.width == self->layer.width && layer.height == self->layer.height)
        {
          where->x += layer.x - self->layer.x;
          where->y += layer.y - self->layer.y;
          return gegl_rectangle_equal (where, &self->place.target) ? PD_ORIGIN_SAME
                                                                   : PD_ORIGIN_MOVED;
        }
    }
  if (same_size)
    return PD_ORIGIN_SAME;
  if (self->selection != NULL && selected && find_moved_selection (self, &bounds, where))
    return PD_ORIGIN_MOVED;
  return find_scaled (self, selected ? &bounds : NULL, where) ? PD_ORIGIN_SCALED : PD_ORIGIN_LOST;
}

void
pd_origin_find_slot (const PdOrigin *self, gint32 *parent, int *position)
{
  const gint32 image = self->place.image;

  if (has_layer (self))
    {
      *parent = MAX (gimp_item_get_parent (self->place.layer), 0);
      *position = gimp_image_get_item_position (image, self->place.layer);
      return;
    }
  for (guint i = 0; i < self->levels->len; i++)
    {
      const Level *level = &g_array_index (self->levels, Level, i);
      int n = 0;

      if (level->group != 0 &&
          (!gimp_item_is_valid (level->group) || !gimp_item_is_group (level->group) ||
           gimp_item_get_image (level->group) != image))
        continue;
      if (level->group != 0)
        g_free (gimp_item_get_children (level->group, &n));
      else
        g_free (gimp_image_get_layers (image, &n));
      *parent = level->group;
      *position = CLAMP (level->position, 0, n);
      return;
    }
  *parent = *position = 0;
}

gint32
pd_origin_new_image (const PdOrigin *self, int width, int height, GError **error)
{
  const GimpImageBaseType base_type = self->base_type;
  gint32 image = gimp_image_new_with_precision (width, height, base_type, self->precision);

  if (image == -1)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY, _ ("GIMP cannot make the image: %s"),
                   gimp_get_pdb_error ());
      return -1;
    }
  gimp_image_undo_disable (image);
  if (self->profile != NULL)
    gimp_image_set_color_profile (image, self->profile);
  gimp_image_set_resolution (image, self->x_resolution, self->y_resolution);
  return image;
}
