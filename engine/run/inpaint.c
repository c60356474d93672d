// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/inpaint.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/pictures/picture.h"
#include "engine/run/rim.h"

enum
{
  COLORS = 3,
  ROWS = 64, /* of pixels worked on at once */
};

static const char pixel_format[] = "R'G'B' float", mask_format[] = "Y float";

/* Rows of a part: what was there, what was made and the mask. */
typedef struct
{
  GeglBuffer *original; /* holds the part at its place, also the mask */
  GeglBuffer *mask;
  GeglBuffer *made; /* NULL: nothing, black; of the part, from 0, 0 on */
  PdRect place;
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
  const gsize pixels = (gsize) self->place.w * ROWS;
  const char *what = _ ("rows of the picture");

  return (self->original_rows = pd_try_new (float, pixels *COLORS, what, error)) != NULL &&
         (self->made_rows = pd_try_new0 (float, pixels *COLORS, what, error)) != NULL &&
         (self->mask_rows = pd_try_new (float, pixels, what, error)) != NULL;
}

/* Reads row @y of the part and those after. Returns: where they are in the original. */
static GeglRectangle
layers_read (const Layers *self, guint y, guint *rows)
{
  GeglRectangle place = pd_picture_rectangle (&self->place);

  *rows = MIN (ROWS, self->place.h - y);
  place.y += (int) y;
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
    memset (self->made_rows, 0, (gsize) *rows * self->place.w * COLORS * sizeof (float));
  return place;
}

/* Lays what was made, its colours matched at the rim, over the original; where the mask is 0 that
 * stays as it is. @apart: where the mask is not 0 nothing of it stays. */
static gboolean
lay_over (Layers *self, gboolean apart, GError **error)
{
  g_autoptr (PdRim) rim = pd_rim_new (self->place.w, self->place.h, error);
  guint rows;

  if (rim == NULL || !layers_start (self, error))
    return FALSE;
  for (guint y = 0; y < self->place.h; y += rows)
    {
      layers_read (self, y, &rows);
      pd_rim_add (rim, y, rows, self->original_rows, self->made_rows, self->mask_rows);
    }
  if (!pd_rim_solve (rim, error))
    return FALSE;
  for (guint y = 0; y < self->place.h; y += rows)
    {
      GeglRectangle place = layers_read (self, y, &rows);

      pd_rim_apply (rim, y, rows, self->made_rows);
      for (gsize i = 0; i < (gsize) rows * self->place.w; i++)
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
pd_inpaint_run (PdSession *session,
                const PdStage *stage,
                const PdCrop *crop,
                const PdImages *images,
                GError **error)
{
  g_autoptr (GeglBuffer) input = pd_crop_take (crop, images->input, pixel_format);
  g_autoptr (GeglBuffer) mask = pd_crop_take (crop, images->mask, mask_format);
  g_autoptr (GeglBuffer) work = NULL, made = NULL;
  const PdRect *part = &crop->part;

  if (part->w != session->request->width || part->h != session->request->height)
    session->seamless = PD_TORUS_NONE;
  session->area = *part;
  if (stage->strength >= 1 && session->model->denoiser->info.map_channels == 0)
    {
      /* What will be gone must not be seen: the autoencoder spreads it into the latents that stay.
       * The surroundings are carried on in its place. */
      g_auto (Layers)
          layers = { .original = input, .mask = mask, .place = pd_rect_of (crop->work) };

      if (!lay_over (&layers, FALSE, error))
        return FALSE;
    }
  /* What is not made anew, far from the mask, is there for the colours at the rim. */
  work = gegl_buffer_dup (input);
  if (!pd_session_encode_text (session, error) ||
      !pd_stage_run (session, stage, &(PdStageInput){ input, mask }, work, NULL, error))
    return FALSE;
  made = crop->work.w == part->w && crop->work.h == part->h
             ? g_object_ref (work)
             : pd_picture_scale (work, part->w, part->h, pixel_format);

  gegl_buffer_copy (images->input, NULL, GEGL_ABYSS_NONE, images->output, NULL);
  {
    g_auto (Layers)
        layers = { .original = images->output, .mask = images->mask, .made = made, .place = *part };

    return lay_over (&layers, images->apart, error);
  }
}
