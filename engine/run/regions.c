// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/regions.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/pictures/notes.h"
#include "engine/pictures/picture.h"

/* Width of a rectangle's rim, latent pixels: half within, half without. */
static const double RIM = 4;

static const char mask_prefix[] = "mask=";

typedef struct
{
  char *prompt;
  PdRect rect; /* of the picture */
  char *path;  /* of a mask; NULL for a rectangle */
  GeglBuffer *mask;

  /* On the canvas: a rectangle's weight is that of its row times that of its column. */
  float *rows, *columns;
  float *weights; /* of a mask, [h][w] */
} Region;

struct _PdRegions
{
  PdSize picture, canvas;
  GPtrArray *regions; /* Region */
};

static void
region_free (gpointer data)
{
  Region *self = data;

  g_free (self->prompt);
  g_free (self->path);
  g_clear_object (&self->mask);
  g_free (self->rows);
  g_free (self->columns);
  g_free (self->weights);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Region, region_free)

static gboolean
refuse (const char *line, const char *problem, GError **error)
{
  g_autofree char *shown_line = g_utf8_make_valid (line, -1);
  g_autofree char *shown_problem = g_utf8_make_valid (problem, -1);

  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("region: “%s” is not possible: %s; expected x,y,width,height:prompt in pixels or "
                  "mask=FILE:prompt"),
               shown_line, shown_problem);
  return FALSE;
}

static gboolean
parse_rectangle (
    Region *self, const char *text, const char *line, guint width, guint height, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  guint64 numbers[4];
  g_autofree char *problem = NULL;

  if (g_strv_length (parts) != 4)
    return refuse (line, _ ("it does not begin with four numbers and a colon"), error);
  for (guint i = 0; i < 4; i++)
    if (!g_ascii_string_to_unsigned (g_strstrip (parts[i]), 10, 0, G_MAXUINT16 + 1, &numbers[i],
                                     NULL))
      {
        problem = g_strdup_printf (_ ("“%s” is no whole number from 0 to 65536"), parts[i]);
        return refuse (line, problem, error);
      }
  if (numbers[2] == 0 || numbers[3] == 0)
    return refuse (line, _ ("it is empty"), error);
  if (numbers[0] + numbers[2] > width || numbers[1] + numbers[3] > height)
    {
      problem = g_strdup_printf (_ ("it reaches beyond the picture, which has %u × %u pixels"),
                                 width, height);
      return refuse (line, problem, error);
    }
  self->rect =
      (PdRect){ (guint) numbers[1], (guint) numbers[0], (guint) numbers[3], (guint) numbers[2] };
  return TRUE;
}

static Region *
parse (const char *line, guint width, guint height, GError **error)
{
  g_autoptr (Region) self = g_new0 (Region, 1);
  g_auto (GStrv) halves = g_strsplit (line, ":", 2);

  if (g_strv_length (halves) != 2)
    {
      refuse (line, _ ("it has no colon"), error);
      return NULL;
    }
  self->prompt = g_strdup (g_strstrip (halves[1]));
  if (!*self->prompt)
    {
      refuse (line, _ ("it has no prompt"), error);
      return NULL;
    }
  if (!g_utf8_validate (self->prompt, -1, NULL))
    {
      refuse (line, _ ("its prompt is not valid UTF-8"), error);
      return NULL;
    }
  if (!g_str_has_prefix (halves[0], mask_prefix))
    return parse_rectangle (self, halves[0], line, width, height, error) ? g_steal_pointer (&self)
                                                                         : NULL;
  self->path = g_strdup (halves[0] + strlen (mask_prefix));
  if (*self->path)
    return g_steal_pointer (&self);
  refuse (line, _ ("it names no file"), error);
  return NULL;
}

static PdRegions *
parse_all (const char *text, guint width, guint height, GError **error)
{
  g_autoptr (PdRegions) self = g_new0 (PdRegions, 1);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  self->picture = (PdSize){ height, width };
  self->regions = g_ptr_array_new_with_free_func (region_free);
  for (guint i = 0; lines[i]; i++)
    {
      Region *region;

      if (!*g_strstrip (lines[i]))
        continue;
      if (self->regions->len == PD_REGIONS_MOST)
        {
          g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                       _ ("region: there are more than %d of them: leave some out"),
                       PD_REGIONS_MOST);
          return NULL;
        }
      region = parse (lines[i], width, height, error);
      if (region == NULL)
        return NULL;
      g_ptr_array_add (self->regions, region);
    }
  return g_steal_pointer (&self);
}

PdRegions *
pd_regions_new (const char *text, guint width, guint height, GError **error)
{
  g_autoptr (PdRegions) self = parse_all (text, width, height, error);

  for (guint i = 0; self != NULL && i < self->regions->len; i++)
    {
      Region *region = self->regions->pdata[i];

      if (region->path == NULL)
        continue;
      region->mask = pd_picture_load_mask (region->path, error);
      if (region->mask == NULL)
        {
          g_prefix_error (error, "%s", _ ("region: "));
          return NULL;
        }
    }
  return g_steal_pointer (&self);
}

void
pd_regions_free (PdRegions *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->regions, g_ptr_array_unref);
  g_free (self);
}

gboolean
pd_regions_check (const char *text, guint width, guint height, GError **error)
{
  g_autoptr (PdRegions) regions = parse_all (text, width, height, error);

  return regions != NULL;
}

guint
pd_regions_count (const PdRegions *self)
{
  return self->regions->len;
}

const char *
pd_regions_prompt (const PdRegions *self, guint region)
{
  return ((const Region *) self->regions->pdata[region])->prompt;
}

const GPtrArray *
pd_regions_notes (const PdRegions *self, guint region)
{
  GeglBuffer *mask = ((const Region *) self->regions->pdata[region])->mask;

  return mask != NULL ? pd_notes_of (mask) : NULL;
}

/* Rows @top … @bottom of a mask, 0 … 1. */
static void
read_rows (GeglBuffer *mask, guint top, guint bottom, float *values)
{
  gegl_buffer_get (
      mask, GEGL_RECTANGLE (0, (int) top, gegl_buffer_get_width (mask), (int) (bottom - top)), 1.0,
      babl_format ("Y float"), values, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
}

gboolean
pd_regions_digest (const PdRegions *self, GChecksum *checksum, GError **error)
{
  for (guint i = 0; i < self->regions->len; i++)
    {
      const Region *region = self->regions->pdata[i];
      guint width, height;
      g_autofree float *row = NULL;

      if (region->mask == NULL)
        continue;
      width = (guint) gegl_buffer_get_width (region->mask);
      height = (guint) gegl_buffer_get_height (region->mask);
      row = pd_try_new (float, width, _ ("a row of the mask"), error);
      if (row == NULL)
        return FALSE;
      for (guint y = 0; y < height; y++)
        {
          read_rows (region->mask, y, y + 1, row);
          g_checksum_update (checksum, (const guchar *) row, (gssize) (width * sizeof *row));
        }
    }
  return TRUE;
}

/* An axis of a canvas of @n latent pixels that shows @size pixels from @from on, of @whole. */
typedef struct
{
  guint n;
  double from, size;
  guint whole;
  gboolean wrap;
} Axis;

/* The weights of begin … begin + length along it. Where the picture ends there is no rim. */
static float *
axis_weights (const Axis *self, guint begin, guint length, GError **error)
{
  const guint n = self->n;
  const gboolean all = length == self->whole;
  double first = (begin - self->from) * n / self->size;
  double last = (begin + length - self->from) * n / self->size;
  float *weights = pd_try_new (float, n, _ ("the regions"), error);

  if (weights == NULL)
    return NULL;
  if (begin == 0 && (!self->wrap || all))
    first = -INFINITY;
  if (begin + length == self->whole && (!self->wrap || all))
    last = INFINITY;
  for (guint i = 0; i < n; i++)
    {
      weights[i] = 0;
      for (int round = self->wrap ? -1 : 0; round <= (self->wrap ? 1 : 0); round++)
        {
          double at = i + 0.5 + round * (double) n, inside = MIN (at - first, last - at);

          weights[i] = MAX (weights[i], (float) CLAMP (0.5 + inside / RIM, 0, 1));
        }
    }
  return weights;
}

/* The pixels [*first, *last) of the @n that a mask has along the axis that lie in latent pixel
 * @cell; at least one. */
static void
axis_cell (const Axis *self, guint cell, guint n, guint *first, guint *last)
{
  double scale = n / (double) self->whole;

  *first = (guint) CLAMP (floor ((self->from + self->size * cell / self->n) * scale), 0, n - 1);
  *last = (guint) CLAMP (ceil ((self->from + self->size * (cell + 1) / self->n) * scale),
                         *first + 1, n);
}

/* The mask's means over the latent pixels. */
static float *
mask_weights (GeglBuffer *mask, const Axis *y, const Axis *x, GError **error)
{
  guint mask_w = (guint) gegl_buffer_get_width (mask);
  guint mask_h = (guint) gegl_buffer_get_height (mask);
  g_autofree float *weights = pd_try_new (float, (gsize) y->n * x->n, _ ("the regions"), error);

  if (weights == NULL)
    return NULL;
  for (guint i = 0; i < y->n; i++)
    {
      g_autofree float *rows = NULL;
      guint top, bottom;

      axis_cell (y, i, mask_h, &top, &bottom);
      rows = pd_try_new (float, (gsize) (bottom - top) * mask_w, _ ("rows of the mask"), error);
      if (rows == NULL)
        return NULL;
      read_rows (mask, top, bottom, rows);
      for (guint j = 0; j < x->n; j++)
        {
          guint left, right;
          double sum = 0;

          axis_cell (x, j, mask_w, &left, &right);
          for (guint row = 0; row < bottom - top; row++)
            for (guint column = left; column < right; column++)
              sum += rows[(gsize) row * mask_w + column];
          weights[(gsize) i * x->n + j] =
              (float) CLAMP (sum / ((double) (bottom - top) * (right - left)), 0, 1);
        }
    }
  return g_steal_pointer (&weights);
}

gboolean
pd_regions_set_canvas (
    PdRegions *self, const PdRect *shown, PdSize canvas, PdTorus wrap, GError **error)
{
  const Axis y = { canvas.h, shown->y, shown->h, self->picture.h, (wrap & PD_TORUS_Y) != 0 };
  const Axis x = { canvas.w, shown->x, shown->w, self->picture.w, (wrap & PD_TORUS_X) != 0 };

  self->canvas = canvas;
  for (guint i = 0; i < self->regions->len; i++)
    {
      Region *region = self->regions->pdata[i];
      const PdRect *rect = &region->rect;

      g_clear_pointer (&region->rows, g_free);
      g_clear_pointer (&region->columns, g_free);
      g_clear_pointer (&region->weights, g_free);
      if (region->mask != NULL)
        {
          region->weights = mask_weights (region->mask, &y, &x, error);
          if (region->weights == NULL)
            return FALSE;
        }
      else if ((region->rows = axis_weights (&y, rect->y, rect->h, error)) == NULL ||
               (region->columns = axis_weights (&x, rect->x, rect->w, error)) == NULL)
        return FALSE;
    }
  return TRUE;
}

static float
weight_at (const PdRegions *self, const Region *region, guint y, guint x)
{
  if (region->weights != NULL)
    return region->weights[(gsize) y * self->canvas.w + x];
  return region->rows[y] * region->columns[x];
}

void
pd_regions_weights (guint region, const PdRect *rect, float *weights, gpointer user_data)
{
  const PdRegions *self = user_data;

  for (guint i = 0; i < rect->h; i++)
    for (guint j = 0; j < rect->w; j++)
      *weights++ = weight_at (self, self->regions->pdata[region], (rect->y + i) % self->canvas.h,
                              (rect->x + j) % self->canvas.w);
}
