// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/stage-run.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"
#include "engine/pictures/picture.h"
#include "engine/request/mode.h"
#include "engine/run/style.h"
#include "engine/tiles/guide.h"
#include "engine/tiles/keep.h"
#include "engine/tiles/resample.h"

enum
{
  COLORS = 3,
  STRIP = 64, /* rows of a picture that is only enlarged, at once */
};

/* How a level is kept near the one before, see PdGuide. */
static const double PULL = 1, RADIUS = 2;

/* What an inpainting model's autoencoder sees instead of the hole. */
static const float GREY = 0.5f;

static const char pixel_format[] = "R'G'B' float", mask_format[] = "Y float";

typedef struct
{
  PdSession *session;
  const PdStage *stage;
  const PdStageInput *input;
  PdEnlargement enlargement; /* PD_START_ENLARGED */
  float *cells;              /* [h][w]: the mask at the latents' size, where it says what is kept */
} Run;

static void
run_clear (Run *self)
{
  g_free (self->cells);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* Noise for the whole canvas; NULL with an error. */
static float *
draw_noise (PdSession *session, GError **error)
{
  float *noise = pd_try_new (float, session->n_elements, _ ("the canvas"), error);

  if (noise != NULL)
    pd_session_draw_noise (session, noise);
  return noise;
}

static void
start_from_noise (const PdSession *session, const float *noise, float *latent)
{
  double sigma = pd_schedule_init_sigma (session->schedule);

  for (gsize i = 0; i < session->n_elements; i++)
    latent[i] = (float) (noise[i] * sigma);
}

static gboolean
run_noise (Run *self, float *latent, GError **error)
{
  PdSession *session = self->session;

  pd_session_draw_noise (session, latent);
  start_from_noise (session, latent, latent);
  return pd_session_denoise (session, &(PdSessionDenoise){ .invents = TRUE }, latent, error);
}

/* The mask at the latents' size: the largest value of each cell, so that a line thinner than a
 * latent is let go as fully as an area is. What that paints beyond the mask is hidden when the
 * result is laid over the original. */
static gboolean
shrink_mask (const PdSession *session, GeglBuffer *mask, float *cells, GError **error)
{
  guint scale = session->model->autoencoder->info.scale, width = session->w * scale;
  g_autofree float *rows = pd_try_new (float, (gsize) width *scale, _ ("rows of the mask"), error);

  if (rows == NULL)
    return FALSE;
  memset (cells, 0, (gsize) session->h * session->w * sizeof *cells);
  for (guint y = 0; y < session->h; y++)
    {
      gegl_buffer_get (mask, GEGL_RECTANGLE (0, (int) (y * scale), (int) width, (int) scale), 1.0,
                       babl_format (mask_format), rows, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
      for (gsize i = 0; i < (gsize) width * scale; i++)
        {
          float *cell = cells + (gsize) y * session->w + i % width / scale;

          *cell = MAX (*cell, MIN (rows[i], 1.0f));
        }
    }
  return TRUE;
}

/* The picture without what the mask shows. */
static gboolean
read_around_mask (const PdRect *rect, float *rgb, gpointer user_data, GError **error)
{
  const Run *self = user_data;
  const GeglRectangle place = pd_picture_rectangle (rect);
  const gsize n = pd_rect_area (rect);
  g_autofree float *mask = pd_try_new (float, n, _ ("rows of the mask"), error);

  if (mask == NULL || !pd_session_read_pixels (rect, rgb, self->input->picture, error))
    return FALSE;
  gegl_buffer_get (self->input->mask, &place, 1.0, babl_format (mask_format), mask,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
  for (gsize i = 0; i < n * COLORS; i++)
    if (mask[i / COLORS] >= 0.5f)
      rgb[i] = GREY;
  return TRUE;
}

/* The mask as models for inpainting were trained with it: whether the first pixel of each cell is
 * to be painted (diffusers' StableDiffusionInpaintPipeline). */
static gboolean
sample_mask (const PdSession *session, GeglBuffer *mask, float *cells, GError **error)
{
  guint scale = session->model->autoencoder->info.scale, width = session->w * scale;
  g_autofree float *row = pd_try_new (float, width, _ ("rows of the mask"), error);

  for (guint y = 0; row != NULL && y < session->h; y++)
    {
      gegl_buffer_get (mask, GEGL_RECTANGLE (0, (int) (y * scale), (int) width, 1), 1.0,
                       babl_format (mask_format), row, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
      for (guint x = 0; x < session->w; x++)
        cells[(gsize) y * session->w + x] = row[x * scale] >= 0.5f;
    }
  return row != NULL;
}

/* What a UNet for inpainting reads beside the latent. */
static float *
make_map (Run *self, GError **error)
{
  PdSession *session = self->session;
  const PdDenoiserInfo *info = &session->model->denoiser->info;
  gsize plane = (gsize) session->h * session->w;
  g_autofree float *map = pd_try_new (float, info->map_channels *plane, _ ("the canvas"), error);

  if (map == NULL || !sample_mask (session, self->input->mask, map, error) ||
      !pd_session_encode_from (session, read_around_mask, self, map + plane, error))
    return NULL;
  return g_steal_pointer (&map);
}

/* The latent of the input at the noise of the first step. */
static gboolean
noise_picture (Run *self, float *latent, GError **error)
{
  PdSession *session = self->session;
  g_autofree float *noise = NULL;

  if (!pd_session_encode_from (session, pd_session_read_pixels, self->input->picture, latent,
                               error) ||
      (noise = draw_noise (session, error)) == NULL)
    return FALSE;
  if (pd_schedule_n_calls (session->schedule) > 0)
    pd_schedule_add_noise (session->schedule, 0, session->n_elements, latent, noise, latent);
  return TRUE;
}

/* The model itself knows what stays. */
static gboolean
run_with_map (Run *self, float *latent, GError **error)
{
  PdSession *session = self->session;
  const PdDenoiserInfo *info = &session->model->denoiser->info;
  PdMap map = { info->map_channels, session->h, session->w, NULL };
  g_autofree float *values = NULL;

  if (session->strength >= 1)
    {
      pd_session_draw_noise (session, latent);
      start_from_noise (session, latent, latent);
    }
  else if (!noise_picture (self, latent, error))
    return FALSE;
  map.values = values = make_map (self, error);
  return values != NULL &&
         pd_session_denoise (session, &(PdSessionDenoise){ .map = &map }, latent, error);
}

static gboolean
run_picture (Run *self, float *latent, GError **error)
{
  return noise_picture (self, latent, error) &&
         pd_session_denoise (self->session, &(PdSessionDenoise){ 0 }, latent, error);
}

/* What the mask does not show is put back before every step. */
static gboolean
run_masked (Run *self, float *latent, GError **error)
{
  PdSession *session = self->session;
  const gsize n = session->n_elements;
  g_autofree float *clean = pd_try_new (float, n, _ ("the canvas"), error), *noise = NULL;
  PdKeep keep = { .channels = session->channels,
                  .size = { session->h, session->w },
                  .mask = self->cells };
  const PdSessionDenoise denoise = { .clean = clean,
                                     .adjust_latent = pd_keep_before_step,
                                     .adjust_data = &keep };

  if (clean == NULL ||
      !pd_session_encode_from (session, pd_session_read_pixels, self->input->picture, clean,
                               error) ||
      (noise = draw_noise (session, error)) == NULL)
    return FALSE;
  keep.clean = clean;
  keep.noise = noise;
  if (pd_schedule_n_calls (session->schedule) == 0)
    memcpy (latent, clean, n * sizeof *latent);
  else if (session->strength >= 1)
    start_from_noise (session, noise, latent);
  else
    pd_schedule_add_noise (session->schedule, 0, n, clean, noise, latent);
  if (!pd_session_denoise (session, &denoise, latent, error))
    return FALSE;
  pd_keep_finish (&keep, latent);
  return TRUE;
}

/* What the input shows, drawn anew in the style. */
static gboolean
run_style (Run *self, float *latent, GError **error)
{
  PdSession *session = self->session;
  const gsize n = session->n_elements;
  g_autofree float *clean = pd_try_new (float, n, _ ("the canvas"), error), *noise = NULL;
  g_autofree guint16 *content = NULL;
  PdKeep keep = { .channels = session->channels,
                  .size = { session->h, session->w },
                  .mask = self->cells };
  PdSessionDenoise denoise = { .clean = clean };

  if (clean == NULL ||
      !pd_session_encode_from (session, pd_session_read_pixels, self->input->picture, clean, error))
    return FALSE;
  if (pd_schedule_n_calls (session->schedule) == 0)
    {
      memcpy (latent, clean, n * sizeof *latent);
      return TRUE;
    }
  if ((self->cells != NULL && (noise = draw_noise (session, error)) == NULL) ||
      !pd_style_start (session, clean, self->cells, noise, latent, &content, error))
    return FALSE;
  denoise.content = content;
  if (self->cells != NULL)
    {
      keep.clean = clean;
      keep.noise = noise;
      denoise.adjust_latent = pd_keep_before_step;
      denoise.adjust_data = &keep;
    }
  if (!pd_session_denoise (session, &denoise, latent, error))
    return FALSE;
  if (self->cells != NULL)
    pd_keep_finish (&keep, latent);
  return TRUE;
}

static gboolean
read_before (const PdRect *rect, float *rgb, gpointer user_data, GError **error)
{
  const Run *self = user_data;
  const GeglRectangle place = pd_picture_rectangle (rect);

  gegl_buffer_get (self->input->picture, &place, 1.0, babl_format (pixel_format), rgb,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  return TRUE;
}

static gboolean
read_enlarged (const PdRect *rect, float *rgb, gpointer user_data, GError **error)
{
  const Run *self = user_data;

  if (!pd_enlarge (&self->enlargement, rect, rgb, error))
    return FALSE;
  for (gsize i = 0; i < pd_rect_area (rect) * COLORS; i++)
    rgb[i] = CLAMP (rgb[i], 0.0f, 1.0f);
  return TRUE;
}

static void
set_enlargement (Run *self)
{
  GeglBuffer *before = self->input->picture;

  self->enlargement = (PdEnlargement){ .from = { (guint) gegl_buffer_get_height (before),
                                                 (guint) gegl_buffer_get_width (before) },
                                       .to = { self->stage->height, self->stage->width },
                                       .wrap = self->session->seamless,
                                       .read = read_before,
                                       .user_data = self };
}

/* A level without steps. */
static gboolean
only_enlarge (Run *self, GeglBuffer *output, GError **error)
{
  guint width = self->stage->width, height = self->stage->height;
  g_autofree float *rgb = pd_try_new (float, (gsize) width *STRIP *COLORS, _ ("enlarging"), error);

  if (rgb == NULL)
    return FALSE;
  for (guint y = 0; y < height; y += STRIP)
    {
      const PdRect strip = { y, 0, MIN (STRIP, height - y), width };
      const GeglRectangle place = pd_picture_rectangle (&strip);

      if (g_cancellable_set_error_if_cancelled (self->session->cancellable, error) ||
          !read_enlarged (&strip, rgb, self, error))
        return FALSE;
      gegl_buffer_set (output, &place, 0, babl_format (pixel_format), rgb, GEGL_AUTO_ROWSTRIDE);
    }
  return TRUE;
}

/* @noise becomes that of the level, of which @share is what inversion finds in @reference instead
 * of random (Wang et al. 2023, noise inversion of tiled diffusion; both parts keep the variance).
 */
static gboolean
inverted_noise (
    PdSession *session, const float *reference, double share, float *noise, GError **error)
{
  const gsize n = session->n_elements;
  g_autofree float *inverted = pd_try_new (float, n, _ ("the canvas"), error);
  double norm = sqrt (share * share + (1 - share) * (1 - share));
  PdNoiseLevel level;

  if (inverted == NULL)
    return FALSE;
  memcpy (inverted, reference, n * sizeof *inverted);
  if (!pd_session_invert (session, &(PdSessionInversion){ 0 }, inverted, &level, error))
    return FALSE;
  pd_session_draw_noise (session, noise);
  for (gsize i = 0; i < n; i++)
    {
      double found = (inverted[i] - level.alpha * reference[i]) / level.sigma;

      noise[i] = (float) ((share * found + (1 - share) * noise[i]) / norm);
    }
  return TRUE;
}

/* The picture before, enlarged, noised and denoised again, and kept near itself. */
static gboolean
run_enlarged (Run *self, float *latent, GError **error)
{
  PdSession *session = self->session;
  double inversion = pd_mode_enlarges (session->request->mode) ? session->request->inversion : 0;
  g_autofree float *reference = pd_try_new (float, session->n_elements, _ ("the canvas"), error);
  PdGuide guide = { .channels = session->channels,
                    .size = { session->h, session->w },
                    .wrap = self->enlargement.wrap,
                    .reference = reference,
                    .pull = PULL,
                    .radius = RADIUS };
  const PdSessionDenoise denoise = { .clean = reference,
                                     .adjust_clean = pd_guide_adjust_clean,
                                     .adjust_data = &guide };

  if (reference == NULL || !pd_session_encode_from (session, read_enlarged, self, reference, error))
    return FALSE;
  if (inversion <= 0)
    pd_session_draw_noise (session, latent);
  else if (!inverted_noise (session, reference, inversion, latent, error))
    return FALSE;
  pd_schedule_add_noise (session->schedule, 0, session->n_elements, reference, latent, latent);
  return pd_session_denoise (session, &denoise, latent, error);
}

/* A model that reads the mask itself denoises what stays, too, so that all of it has the same
 * noise. */
gboolean
pd_stage_mark_changes (PdSession *session, GeglBuffer *mask, float **cells, GError **error)
{
  g_autofree float *made = NULL;

  *cells = NULL;
  if (mask == NULL || session->model->denoiser->info.map_channels > 0)
    return TRUE;
  made = pd_try_new (float, (gsize) session->h * session->w, _ ("the canvas"), error);
  if (made == NULL || !shrink_mask (session, mask, made, error) ||
      !pd_session_set_changes (session, made, error))
    return FALSE;
  *cells = g_steal_pointer (&made);
  return TRUE;
}

gboolean
pd_stage_run (PdSession *session,
              const PdStage *stage,
              const PdStageInput *input,
              GeglBuffer *output,
              float **latent,
              GError **error)
{
  guint scale = session->model->autoencoder->info.scale;
  g_auto (Run) self = { .session = session, .stage = stage, .input = input };
  g_autofree float *result = NULL;
  gboolean ok;

  if (!pd_session_set_stage (session, stage, error) || !pd_style_prepare (session, error) ||
      !pd_stage_mark_changes (session, input->mask, &self.cells, error))
    return FALSE;
  session->recorder.report->full_width = session->w * scale;
  session->recorder.report->full_height = session->h * scale;
  if (stage->start == PD_START_ENLARGED)
    {
      set_enlargement (&self);
      if (pd_schedule_n_calls (session->schedule) == 0)
        return only_enlarge (&self, output, error);
    }
  result = pd_try_new (float, session->n_elements, _ ("the canvas"), error);
  if (result == NULL)
    return FALSE;
  if (stage->start == PD_START_NOISE)
    ok = run_noise (&self, result, error);
  else if (stage->start == PD_START_ENLARGED)
    ok = run_enlarged (&self, result, error);
  else if (session->request->mode == PD_REQUEST_MODE_STYLE)
    ok = run_style (&self, result, error);
  else if (session->model->denoiser->info.map_channels > 0)
    ok = run_with_map (&self, result, error);
  else if (self.cells != NULL)
    ok = run_masked (&self, result, error);
  else
    ok = run_picture (&self, result, error);
  if (!ok || !pd_session_decode (session, result, output, error))
    return FALSE;
  if (latent != NULL)
    *latent = g_steal_pointer (&result);
  return TRUE;
}

gboolean
pd_stage_decode (PdSession *session,
                 const PdStage *stage,
                 const PdStageInput *input,
                 const float *latent,
                 GeglBuffer *output,
                 GError **error)
{
  g_auto (Run) self = { .session = session, .stage = stage, .input = input };

  return pd_session_set_stage (session, stage, error) &&
         pd_stage_mark_changes (session, input->mask, &self.cells, error) &&
         pd_session_decode (session, latent, output, error);
}
