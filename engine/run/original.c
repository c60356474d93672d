// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/original.h"

#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <math.h>

#include "engine/base/host-memory.h"
#include "engine/pictures/picture.h"
#include "engine/tiles/resample.h"

enum
{
  ROWS = 64, /* of pixels worked on at once */
};

/* Beyond what conversions err by. */
static const float slack = 0.002f;

static const float neutral = PD_PICTURE_NEUTRAL;

static const char rgb_format[] = "R'G'B' float", rgba_format[] = "R'G'B'A float";

void
pd_original_clear (PdOriginal *self)
{
  g_clear_object (&self->shown);
  g_clear_object (&self->exact);
  g_clear_object (&self->work);
}

static gboolean
has_alpha (GeglBuffer *buffer)
{
  return babl_format_has_alpha (gegl_buffer_get_format (buffer));
}

/* "u8", "u16", …, of the first component. */
static const char *
type_name (GeglBuffer *buffer)
{
  return babl_get_name (babl_format_get_type (gegl_buffer_get_format (buffer), 0));
}

static gboolean
is_integer (GeglBuffer *buffer)
{
  return g_str_equal (type_name (buffer), "u8") || g_str_equal (type_name (buffer), "u16");
}

/* Makes @pixels, R'G'B'A, finite and counts what the model cannot be shown. */
static void
count (PdOriginal *self, float *pixels, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      float *p = pixels + 4 * i;

      if (!isfinite (p[0]) || !isfinite (p[1]) || !isfinite (p[2]) || !isfinite (p[3]))
        {
          self->n_not_finite++;
          p[3] = 0;
        }
      p[3] = CLAMP (p[3], 0.0f, 1.0f);
      if (p[3] <= 0)
        p[0] = p[1] = p[2] = neutral;
      self->n_outside +=
          MIN (MIN (p[0], p[1]), p[2]) < -slack || MAX (MAX (p[0], p[1]), p[2]) > 1 + slack;
    }
}

static float
flat (float color, float alpha)
{
  return alpha < 1 ? neutral + alpha * (color - neutral) : color;
}

/* In place: R'G'B' of 0 … 1. */
static void
flatten (float *pixels, gsize n)
{
  for (gsize i = 0; i < n; i++)
    for (int c = 0; c < 3; c++)
      pixels[3 * i + c] = flat (CLAMP (pixels[4 * i + c], 0.0f, 1.0f), pixels[4 * i + 3]);
}

/* As many bits as the input, so that both programs show the model the same. */
static const char *
shown_format (GeglBuffer *input)
{
  if (!is_integer (input))
    return rgb_format;
  return g_str_equal (type_name (input), "u8") ? "R'G'B' u8" : "R'G'B' u16";
}

static PdRect
part_of (const PdOriginal *self, guint i, GeglBuffer *picture)
{
  if (self->n_parts > 0)
    return self->parts[i];
  return (PdRect){ 0, 0, (guint) gegl_buffer_get_height (picture),
                   (guint) gegl_buffer_get_width (picture) };
}

/* The rows of @part from @y on that are worked on at once. */
static GeglRectangle
band_of (const PdRect *part, guint y)
{
  return (GeglRectangle){ (int) part->x, (int) (part->y + y), (int) part->w,
                          (int) MIN (ROWS, part->h - y) };
}

static gsize
band_pixels (const GeglRectangle *band)
{
  return (gsize) band->width * (gsize) band->height;
}

gboolean
pd_original_open (PdOriginal *self, const PdImages *images, GError **error)
{
  GeglBuffer *input = images->input;
  g_autofree float *pixels = NULL;
  g_autoptr (GeglBuffer) shown = NULL, exact = NULL;
  guint width, height;

  if (input == NULL)
    return TRUE;
  self->shown = g_object_ref (input);
  if (!has_alpha (input) && is_integer (input))
    return TRUE;
  width = (guint) gegl_buffer_get_width (input);
  height = (guint) gegl_buffer_get_height (input);
  pixels = pd_try_new (float, (gsize) 4 * width * ROWS, _ ("rows of the picture"), error);
  if (pixels == NULL)
    return FALSE;
  shown = pd_picture_new (width, height, shown_format (input));
  exact = pd_picture_new (width, height, rgba_format);
  for (guint i = 0; i < MAX (self->n_parts, 1); i++)
    {
      const PdRect part = part_of (self, i, input);

      for (guint y = 0; y < part.h; y += ROWS)
        {
          const GeglRectangle band = band_of (&part, y);

          gegl_buffer_get (input, &band, 1.0, babl_format (rgba_format), pixels,
                           GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
          count (self, pixels, band_pixels (&band));
          gegl_buffer_set (exact, &band, 0, babl_format (rgba_format), pixels, GEGL_AUTO_ROWSTRIDE);
          flatten (pixels, band_pixels (&band));
          gegl_buffer_set (shown, &band, 0, babl_format (rgb_format), pixels, GEGL_AUTO_ROWSTRIDE);
        }
    }
  if (!has_alpha (input) && self->n_not_finite == 0 && self->n_outside == 0)
    return TRUE;
  g_set_object (&self->shown, shown);
  self->exact = g_steal_pointer (&exact);
  self->work = pd_picture_new ((guint) gegl_buffer_get_width (images->output),
                               (guint) gegl_buffer_get_height (images->output), rgb_format);
  return TRUE;
}

/* The share of what lies outside sRGB that a new version keeps. */
static float
kept_share (const PdRequest *request)
{
  if (request->mode != PD_REQUEST_MODE_RESTYLE)
    return 0;
  return (float) CLAMP (1 - 2 * request->strength, 0, 1);
}

void
pd_original_note (const PdOriginal *self,
                  const PdRequest *request,
                  const PdImages *images,
                  const PdListener *listener)
{
  g_autofree char *not_finite = NULL, *outside = NULL;

  if (listener == NULL || listener->note == NULL)
    return;
  if (self->n_not_finite > 0)
    {
      not_finite = g_strdup_printf (_ ("%" PRIu64
                                       " pixels of the picture are not finite numbers: they count "
                                       "as transparent"),
                                    self->n_not_finite);
      listener->note (not_finite, listener->user_data);
    }
  if (self->n_outside > 0 && (is_integer (images->output) || kept_share (request) < 1))
    {
      outside = g_strdup_printf (
          _ ("%" PRIu64 " pixels of the picture have colours outside sRGB, which are cut"),
          self->n_outside);
      listener->note (outside, listener->user_data);
    }
}

/* What was made of a colour of that alpha as the model saw it, without the grey. */
static float
unmix (float made, float alpha)
{
  if (alpha >= 1)
    return made;
  return alpha > 0 ? CLAMP (neutral + (made - neutral) / alpha, 0.0f, 1.0f) : neutral;
}

/* How pixels of a run without enlargement are finished. */
typedef struct
{
  float share;     /* of what lies outside that is kept */
  gboolean fills;  /* what is new is opaque */
  gboolean apart;  /* see PdImages */
  gboolean keeps;  /* all of the original */
  gboolean opaque; /* the output has no alpha */
} Finish;

/* @p: of the original; becomes the result. @made: R'G'B'. */
static void
finish_pixel (const Finish *how, float *p, const float *made, float mask)
{
  const float m = how->apart && mask > 0 ? 1 : CLAMP (mask, 0.0f, 1.0f), a = p[3];
  const float alpha = how->fills ? m + (1 - m) * a : a;
  const float outside = how->share * m + 1 - m;

  if (m <= 0 || how->keeps)
    {
      for (int c = 0; c < 3 && how->opaque; c++)
        p[c] = flat (p[c], a);
      return;
    }
  for (int c = 0; c < 3; c++)
    {
      const float excess = outside * a * (p[c] - CLAMP (p[c], 0.0f, 1.0f));

      if (how->opaque)
        p[c] = made[c] + excess;
      else if (how->fills)
        p[c] = (made[c] - (1 - m) * (1 - a) * neutral + excess) / alpha;
      else
        p[c] = unmix (made[c], a) + (a > 0 ? excess / a : 0);
    }
  p[3] = alpha;
}

/* What stays, all of it: as it is, or on grey where the output has no alpha. */
static void
copy_input (const PdImages *images, float *pixels)
{
  const PdRect all = { 0, 0, (guint) gegl_buffer_get_height (images->input),
                       (guint) gegl_buffer_get_width (images->input) };
  PdOriginal unused = { 0 };

  if (has_alpha (images->output) || !has_alpha (images->input))
    {
      gegl_buffer_copy (images->input, NULL, GEGL_ABYSS_NONE, images->output, NULL);
      return;
    }
  for (guint y = 0; y < all.h; y += ROWS)
    {
      const GeglRectangle band = band_of (&all, y);

      gegl_buffer_get (images->input, &band, 1.0, babl_format (rgba_format), pixels,
                       GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      count (&unused, pixels, band_pixels (&band));
      flatten (pixels, band_pixels (&band));
      gegl_buffer_set (images->output, &band, 0, babl_format (rgb_format), pixels,
                       GEGL_AUTO_ROWSTRIDE);
    }
}

static gboolean
finish_same_size (const PdOriginal *self,
                  const PdRequest *request,
                  const PdImages *images,
                  GError **error)
{
  const gsize n = (gsize) gegl_buffer_get_width (self->exact) * ROWS;
  const gboolean restyle = request->mode == PD_REQUEST_MODE_RESTYLE;
  const Finish how = { .share = kept_share (request),
                       .fills = request->mode == PD_REQUEST_MODE_INPAINT,
                       .apart = images->apart && images->mask != NULL,
                       .keeps = restyle && request->strength == 0 && self->n_outside > 0,
                       .opaque = !has_alpha (images->output) };
  const char *what = _ ("rows of the picture");
  g_autofree float *pixels = pd_try_new (float, 4 * n, what, error), *made = NULL, *mask = NULL;

  if (pixels == NULL || (made = pd_try_new (float, 3 * n, what, error)) == NULL ||
      (mask = pd_try_new (float, n, what, error)) == NULL)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    mask[i] = 1;
  if (self->n_parts > 0)
    copy_input (images, pixels);
  for (guint k = 0; k < MAX (self->n_parts, 1); k++)
    {
      const PdRect part = part_of (self, k, self->exact);

      for (guint y = 0; y < part.h; y += ROWS)
        {
          const GeglRectangle band = band_of (&part, y);

          gegl_buffer_get (self->exact, &band, 1.0, NULL, pixels, GEGL_AUTO_ROWSTRIDE,
                           GEGL_ABYSS_NONE);
          gegl_buffer_get (self->work, &band, 1.0, NULL, made, GEGL_AUTO_ROWSTRIDE,
                           GEGL_ABYSS_NONE);
          if (images->mask != NULL)
            gegl_buffer_get (images->mask, &band, 1.0, babl_format ("Y float"), mask,
                             GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
          for (gsize i = 0; i < band_pixels (&band); i++)
            {
              finish_pixel (&how, pixels + 4 * i, made + 3 * i, mask[i]);
              if (how.opaque)
                pixels[4 * i + 3] = 1;
            }
          gegl_buffer_set (images->output, &band, 0, babl_format (rgba_format), pixels,
                           GEGL_AUTO_ROWSTRIDE);
        }
    }
  return TRUE;
}

/* A PdSourceReadFunc: alpha as grey. */
static gboolean
read_alpha (const PdRect *rect, float *rgb, gpointer user_data, GError **error)
{
  const GeglRectangle place = pd_picture_rectangle (rect);
  const gsize n = pd_rect_area (rect);
  g_autofree float *alpha = pd_try_new (float, 2 * n, _ ("rows of the picture"), error);

  if (alpha == NULL)
    return FALSE;
  gegl_buffer_get (user_data, &place, 1.0, babl_format ("YA float"), alpha, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  for (gsize i = 0; i < n; i++)
    rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = alpha[2 * i + 1];
  return TRUE;
}

static gboolean
finish_enlarged (const PdOriginal *self,
                 const PdRequest *request,
                 const PdImages *images,
                 GError **error)
{
  GeglRectangle band = *gegl_buffer_get_extent (self->work);
  const int height = band.height;
  const gsize n = (gsize) band.width * ROWS;
  const PdEnlargement enlargement = { .from = { (guint) gegl_buffer_get_height (self->exact),
                                                (guint) gegl_buffer_get_width (self->exact) },
                                      .to = { (guint) height, (guint) band.width },
                                      .wrap = request->seamless,
                                      .read = read_alpha,
                                      .user_data = self->exact };
  const char *what = _ ("rows of the picture");
  g_autofree float *pixels = pd_try_new (float, 4 * n, what, error), *made = NULL, *alpha = NULL;

  if (!has_alpha (images->output))
    {
      gegl_buffer_copy (self->work, NULL, GEGL_ABYSS_NONE, images->output, NULL);
      return TRUE;
    }
  if (pixels == NULL || (made = pd_try_new (float, 3 * n, what, error)) == NULL ||
      (alpha = pd_try_new (float, 3 * n, what, error)) == NULL)
    return FALSE;
  for (; band.y < height; band.y += ROWS)
    {
      PdRect rows;

      band.height = MIN (ROWS, height - band.y);
      rows = (PdRect){ (guint) band.y, 0, (guint) band.height, (guint) band.width };
      gegl_buffer_get (self->work, &band, 1.0, NULL, made, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      if (!pd_enlarge (&enlargement, &rows, alpha, error))
        return FALSE;
      for (gsize i = 0; i < (gsize) band.width * (guint) band.height; i++)
        {
          float *p = pixels + 4 * i;

          p[3] = CLAMP (alpha[3 * i], 0.0f, 1.0f);
          for (int c = 0; c < 3; c++)
            p[c] = unmix (made[3 * i + c], p[3]);
        }
      gegl_buffer_set (images->output, &band, 0, babl_format (rgba_format), pixels,
                       GEGL_AUTO_ROWSTRIDE);
    }
  return TRUE;
}

gboolean
pd_original_finish (const PdOriginal *self,
                    const PdRequest *request,
                    const PdImages *images,
                    GError **error)
{
  return request->mode == PD_REQUEST_MODE_UPSCALE ? finish_enlarged (self, request, images, error)
                                                  : finish_same_size (self, request, images, error);
}
