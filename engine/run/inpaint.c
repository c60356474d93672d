// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/inpaint.h"

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/pictures/picture.h"
#include "engine/run/interrupt.h"
#include "engine/run/rim.h"

enum
{
  COLORS = 3,
  ROWS = 64,       /* of pixels worked on at once */
  DRAWS = 1 << 24, /* numbers of noise arrays that are a part's own */
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

/* A part of the run. */
typedef struct
{
  PdSession *session;
  const PdImages *images;
  const PdStage *stage;
  const PdCrop *crop;
} Part;

/* Lays a part over the output. @finished: its latent, from the journal; NULL: it is made, and
 * *@latent gets it. */
static gboolean
run_part (const Part *self, const float *finished, float **latent, GError **error)
{
  PdSession *session = self->session;
  const PdImages *images = self->images;
  const PdCrop *crop = self->crop;
  const PdRect *part = &crop->part;
  const PdRequest *request = session->request;
  const GeglRectangle place = pd_picture_rectangle (part);
  g_autoptr (GeglBuffer) input = pd_crop_take (crop, images->input, pixel_format);
  g_autoptr (GeglBuffer) mask = pd_crop_take (crop, images->mask, mask_format);
  g_autoptr (GeglBuffer) work = NULL, made = NULL;
  const PdStageInput stage = { input, mask };
  g_auto (Layers) layers = { .original = images->output, .mask = images->mask, .place = *part };

  if (part->w != request->width || part->h != request->height)
    session->seamless = PD_TORUS_NONE;
  session->area = *part;
  if (self->stage->strength >= 1 && session->model->denoiser->info.map_channels == 0)
    {
      /* What will be gone must not be seen: the autoencoder spreads it into the latents that stay.
       * The surroundings are carried on in its place. */
      g_auto (Layers)
          filled = { .original = input, .mask = mask, .place = pd_rect_of (crop->work) };

      if (!lay_over (&filled, FALSE, error))
        return FALSE;
    }
  /* What is not made anew, far from the mask, is there for the colours at the rim. */
  work = gegl_buffer_dup (input);
  if (finished != NULL ? !pd_stage_decode (session, self->stage, &stage, finished, work, error)
                       : !pd_stage_run (session, self->stage, &stage, work, latent, error))
    return FALSE;
  made = crop->work.w == part->w && crop->work.h == part->h
             ? g_object_ref (work)
             : pd_picture_scale (work, part->w, part->h, pixel_format);
  layers.made = made;
  gegl_buffer_copy (images->input, &place, GEGL_ABYSS_NONE, images->output, &place);
  return lay_over (&layers, images->apart, error);
}

/* Latents of parts that are done, one after the other: what a journal of the run starts from. */
typedef struct
{
  float *values; /* may be NULL */
  gsize n;
} Done;

static void
done_clear (Done *self)
{
  g_free (self->values);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Done, done_clear)

static gboolean
done_add (Done *self, const float *latent, gsize n, GError **error)
{
  float *values = pd_try_new (float, self->n + n, _ ("the canvas"), error);

  if (values == NULL)
    return FALSE;
  if (self->n > 0)
    memcpy (values, self->values, self->n * sizeof *values);
  memcpy (values + self->n, latent, n * sizeof *values);
  g_free (self->values);
  *self = (Done){ values, self->n + n };
  return TRUE;
}

static gsize
latent_size (const PdSession *session, const PdStage *stage)
{
  const gsize scale = session->model->autoencoder->info.scale;

  return session->channels * ((stage->height + scale - 1) / scale) *
         ((stage->width + scale - 1) / scale);
}

/* Parts that the journal has whole, and their latents. */
static guint
find_finished (const PdSession *session, const PdStage *stages, guint n, const float **latents)
{
  guint h, w, finished = pd_interrupt_level (session, latents, &h, &w) - 1;
  gsize size = 0;

  for (guint i = 0; i < MIN (finished, n); i++)
    size += latent_size (session, &stages[i]);
  return finished < n && size == (gsize) session->channels * h * w ? finished : 0;
}

static gboolean
run_parts (PdSession *session,
           const PdStage *stages,
           const PdCrop *crops,
           guint n,
           const PdImages *images,
           GError **error)
{
  PdRecorder *recorder = &session->recorder;
  g_auto (Done) done = { 0 };
  const float *finished;
  guint n_finished = find_finished (session, stages, n, &finished);
  double total = 0, before = 0;

  for (guint i = 0; i < n; i++)
    total += stages[i].weight;
  for (guint i = 0; i < n; i++)
    {
      const Part part = { session, images, &stages[i], &crops[i] };
      const gsize size = latent_size (session, &stages[i]);
      g_autofree float *latent = NULL;

      recorder->level = i + 1;
      session->n_draws = i * DRAWS;
      recorder->from = before / total;
      before += stages[i].weight;
      recorder->to = before / total;
      if (!run_part (&part, i < n_finished ? finished : NULL, &latent, error))
        return FALSE;
      if (i + 1 < n && !done_add (&done, latent != NULL ? latent : finished, size, error))
        return FALSE;
      if (i < n_finished)
        finished += size;
      session->base = done.values;
      session->base_h = 1;
      session->base_w = (guint) (done.n / session->channels);
    }
  return TRUE;
}

gboolean
pd_inpaint_run (PdSession *session,
                const PdStage *stages,
                const PdCrop *crops,
                guint n,
                const PdImages *images,
                GError **error)
{
  gboolean ok;

  session->recorder.n_levels = n;
  ok = pd_session_encode_text (session, error) &&
       run_parts (session, stages, crops, n, images, error);
  session->base = NULL;
  return ok;
}
