// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/run/inpaint.h"
#include "engine/base/host-memory.h"

#include "engine/pictures/picture.h"
#include "engine/run/region.h"
#include "engine/run/rim.h"
#include "engine/tiles/keep.h"

enum
{
  COLORS = 3,
  ROWS = 64, /* of pixels worked on at once */
};

static const char pixel_format[] = "R'G'B' float", mask_format[] = "Y float";

/* The mask at the latents' size: the largest value of each cell, so that a line thinner than a
 * latent is let go as fully as an area is. What that makes anew beyond the mask is hidden when the
 * result is laid over the original. */
static float *
mask_latents (const PdSession *session, GeglBuffer *mask, GError **error)
{
  guint scale = session->model->autoencoder->info.scale, width = session->w * scale;
  const gsize n = (gsize) session->h * session->w;
  g_autofree float *latents = pd_try_new0 (float, n, _ ("the canvas"), error), *rows = NULL;

  if (latents == NULL ||
      (rows = pd_try_new (float, (gsize) width *scale, _ ("rows of the mask"), error)) == NULL)
    return NULL;
  for (guint y = 0; y < session->h; y++)
    {
      gegl_buffer_get (mask, GEGL_RECTANGLE (0, (int) (y * scale), (int) width, (int) scale), 1.0,
                       babl_format (mask_format), rows, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
      for (gsize i = 0; i < (gsize) width * scale; i++)
        {
          float *latent = latents + (gsize) y * session->w + i % width / scale;

          *latent = MAX (*latent, MIN (rows[i], 1.0f));
        }
    }
  return g_steal_pointer (&latents);
}

/* The clean latent of the canvas, made from @input and @mask, which have its size. */
static gboolean
make_latent (PdSession *session, GeglBuffer *input, GeglBuffer *mask, float *latent, GError **error)
{
  gsize n = session->n_elements;
  g_autofree float *clean = pd_try_new (float, n, _ ("the canvas"), error);
  g_autofree float *noise = NULL, *cells = NULL;
  PdKeep keep = { .channels = session->channels, .height = session->h, .width = session->w };

  if (clean == NULL || (noise = pd_try_new (float, n, _ ("the canvas"), error)) == NULL ||
      !pd_session_encode (session, input, clean, error) ||
      (cells = mask_latents (session, mask, error)) == NULL)
    return FALSE;
  keep.clean = clean;
  keep.noise = noise;
  keep.mask = cells;
  pd_session_draw_noise (session, noise);
  if (pd_schedule_n_calls (session->schedule) == 0)
    memcpy (latent, clean, n * sizeof *latent);
  else if (session->strength < 1)
    pd_schedule_add_noise (session->schedule, 0, session->n_elements, clean, noise, latent);
  else
    for (gsize i = 0; i < n; i++)
      latent[i] = (float) (noise[i] * pd_schedule_init_sigma (session->schedule));
  pd_session_add_adjust (session, &(PdAdjust){ .latent = pd_keep_before_step, .user_data = &keep });
  if (!pd_session_denoise (session, latent, error))
    return FALSE;
  pd_keep_finish (&keep, latent);
  return TRUE;
}

/* Rows of a region: what was there, what was made and the mask. */
typedef struct
{
  GeglBuffer *original; /* holds the region from x, y on, also the mask */
  GeglBuffer *mask;
  GeglBuffer *made; /* NULL: nothing, black; of the region, from 0, 0 on */
  guint x, y, w, h;
  float *original_rows, *made_rows, *mask_rows;
} Layers;

static void
layers_clear (Layers *self)
{
  g_free (self->original_rows);
  g_free (self->made_rows);
  g_free (self->mask_rows);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Layers, layers_clear)

static gboolean
layers_start (Layers *self, GError **error)
{
  const gsize pixels = (gsize) self->w * ROWS;
  const char *what = _ ("rows of the picture");

  return (self->original_rows = pd_try_new (float, pixels *COLORS, what, error)) != NULL &&
         (self->made_rows = pd_try_new0 (float, pixels *COLORS, what, error)) != NULL &&
         (self->mask_rows = pd_try_new (float, pixels, what, error)) != NULL;
}

/* Reads row @y of the region and those after. Returns: where they are in the original. */
static GeglRectangle
layers_read (const Layers *self, guint y, guint *rows)
{
  GeglRectangle place = { (int) self->x, (int) (self->y + y), (int) self->w, 0 };

  *rows = MIN (ROWS, self->h - y);
  place.height = (int) *rows;
  gegl_buffer_get (self->original, &place, 1.0, babl_format (pixel_format), self->original_rows,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  gegl_buffer_get (self->mask, &place, 1.0, babl_format (mask_format), self->mask_rows,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  if (self->made != NULL)
    gegl_buffer_get (self->made, GEGL_RECTANGLE (0, (int) y, place.width, place.height), 1.0,
                     babl_format (pixel_format), self->made_rows, GEGL_AUTO_ROWSTRIDE,
                     GEGL_ABYSS_NONE);
  else
    memset (self->made_rows, 0, (gsize) *rows * self->w * COLORS * sizeof (float));
  return place;
}

/* Lays what was made, its colours matched at the rim, over the original; where the mask is 0 that
 * stays as it is. @apart: where the mask is not 0 nothing of it stays. */
static gboolean
lay_over (Layers *self, gboolean apart, GError **error)
{
  g_autoptr (PdRim) rim = pd_rim_new (self->w, self->h, error);
  guint rows;

  if (rim == NULL || !layers_start (self, error))
    return FALSE;
  for (guint y = 0; y < self->h; y += rows)
    {
      layers_read (self, y, &rows);
      pd_rim_add (rim, y, rows, self->original_rows, self->made_rows, self->mask_rows);
    }
  if (!pd_rim_solve (rim, error))
    return FALSE;
  for (guint y = 0; y < self->h; y += rows)
    {
      GeglRectangle place = layers_read (self, y, &rows);

      pd_rim_apply (rim, y, rows, self->made_rows);
      for (gsize i = 0; i < (gsize) rows * self->w; i++)
        for (guint c = 0; c < COLORS && self->mask_rows[i] > 0; c++)
          {
            float *value = &self->original_rows[i * COLORS + c];
            float made = CLAMP (self->made_rows[i * COLORS + c], 0.0f, 1.0f);

            *value += (apart ? 1 : MIN (self->mask_rows[i], 1.0f)) * (made - *value);
          }
      gegl_buffer_set (self->original, &place, 0, babl_format (pixel_format), self->original_rows,
                       GEGL_AUTO_ROWSTRIDE);
    }
  return TRUE;
}

gboolean
pd_inpaint_run (PdSession *session, const PdImages *images, double strength, GError **error)
{
  guint scale = session->model->autoencoder->info.scale;
  guint width = (guint) gegl_buffer_get_width (images->input);
  guint height = (guint) gegl_buffer_get_height (images->input);
  g_autoptr (GeglBuffer) input = NULL, mask = NULL, made = NULL, work = NULL;
  g_autofree float *latent = NULL;
  GeglRectangle bounds;
  PdRegion region;

  if (!pd_region_bounds (images->mask, &bounds, error))
    return FALSE;
  pd_region_plan (&region, &bounds, width, height, session->request->padding,
                  pd_session_native_size (session), scale);
  if (region.w != width || region.h != height)
    session->seamless = PD_TORUS_NONE;
  session->area = (GeglRectangle){ (int) region.x, (int) region.y, (int) region.w, (int) region.h };
  if (!pd_session_set_canvas (session, (region.work_h + scale - 1) / scale,
                              (region.work_w + scale - 1) / scale, strength, error))
    return FALSE;
  session->report->full_width = session->w * scale;
  session->report->full_height = session->h * scale;

  input = pd_region_take (&region, images->input, pixel_format);
  mask = pd_region_take (&region, images->mask, mask_format);
  if (strength >= 1)
    {
      /* What will be gone must not be seen: the autoencoder spreads it into the latents that stay.
       * The surroundings are carried on in its place. */
      g_auto (Layers)
          layers = { .original = input, .mask = mask, .w = region.work_w, .h = region.work_h };

      if (!lay_over (&layers, FALSE, error))
        return FALSE;
    }
  latent = pd_try_new (float, session->n_elements, _ ("the canvas"), error);
  if (latent == NULL || !pd_session_encode_text (session, error) ||
      !make_latent (session, input, mask, latent, error))
    return FALSE;
  work = pd_picture_new (region.work_w, region.work_h, pixel_format);
  if (!pd_session_decode (session, latent, work, error))
    return FALSE;
  made = region.work_w == region.w && region.work_h == region.h
             ? g_object_ref (work)
             : pd_picture_scale (work, region.w, region.h, pixel_format);

  gegl_buffer_copy (images->input, NULL, GEGL_ABYSS_NONE, images->output, NULL);
  {
    g_auto (Layers) layers = { .original = images->output,
                               .mask = images->mask,
                               .made = made,
                               .x = region.x,
                               .y = region.y,
                               .w = region.w,
                               .h = region.h };

    return lay_over (&layers, images->apart, error);
  }
}
