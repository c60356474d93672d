// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/style.h"

#include <math.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/half.h"
#include "engine/base/host-memory.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/storage.h"
#include "engine/request/mode.h"
#include "engine/tiles/recolor.h"

/* Encoding the style draws no noise that the canvas has. */
static const guint STYLE_DRAW = G_MAXUINT32 - 2;

enum
{
  CHANNELS = 4, /* of a pixel that is read, alpha among them */
};

static const float GREY = 0.5f;

gboolean
pd_style_is_wanted (const PdRequest *request, gboolean given)
{
  return given && pd_mode_takes (request->mode, "style");
}

gboolean
pd_style_check (const PdModel *model, const PdRequest *request, GError **error)
{
  const PdDenoiserInfo *info = &model->denoiser->info;
  guint side = info->native > 0 ? info->native : 64;
  g_autoptr (GArray) survey = NULL;

  if (info->map_channels > 0)
    {
      pd_error_set_bad_model (error,
                              _ ("%s: a model that was made for inpainting cannot take on a style; "
                                 "choose another model"),
                              model->files->path);
      return FALSE;
    }
  survey = pd_denoiser_survey (model->denoiser, side, side);
  if (!pd_style_is_possible (survey))
    {
      pd_error_set_bad_model (error,
                              _ ("%s: the model has no layers in which a style could take part; "
                                 "choose another model"),
                              model->files->path);
      return FALSE;
    }
  if (request->sync == PD_SYNC_NONE)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("A style is not possible with --sync none; use --sync attention"));
      return FALSE;
    }
  return TRUE;
}

PdSize
pd_style_size (const PdSession *session, guint width, guint height)
{
  guint scale = session->model->autoencoder->info.scale, native = pd_session_native_size (session);
  double factor = 1;

  if (width == 0 || height == 0)
    return (PdSize){ native / scale, native / scale };
  factor = MIN (1, native / sqrt ((double) width * height));
  return (PdSize){ (guint) MAX (lround (height * factor / scale), 1),
                   (guint) MAX (lround (width * factor / scale), 1) };
}

/* The style at the size of its canvas, on grey where it is transparent. */
static gboolean
read_style (const PdRect *rect, float *rgb, gpointer user_data, GError **error)
{
  const PdSession *session = user_data;
  GeglBuffer *style = session->style_picture;
  guint scale = session->model->autoencoder->info.scale;
  const GeglRectangle place = pd_picture_rectangle (rect);
  const gsize n = pd_rect_area (rect);
  g_autofree float *pixels = pd_try_new (float, n *CHANNELS, _ ("the style"), error);
  double factor =
      MIN (1, sqrt ((double) session->w * session->h * scale * scale /
                    ((double) gegl_buffer_get_width (style) * gegl_buffer_get_height (style))));

  if (pixels == NULL)
    return FALSE;
  gegl_buffer_get (style, &place, factor, babl_format ("R'G'B'A float"), pixels,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
  for (gsize i = 0; i < n; i++)
    for (guint c = 0; c < 3; c++)
      {
        float alpha = pixels[i * CHANNELS + 3], value = pixels[i * CHANNELS + c];

        if (!isfinite (alpha) || !isfinite (value))
          alpha = value = 0;
        alpha = CLAMP (alpha, 0.0f, 1.0f);
        rgb[i * 3 + c] = alpha * CLAMP (value, 0.0f, 1.0f) + (1 - alpha) * GREY;
      }
  return pd_storage_check (error);
}

/* A function of PdInversion. */
static void
keep_style (guint call, const float *latent, gpointer user_data)
{
  PdSession *session = user_data;

  memcpy (session->style_path + call * session->n_elements, latent,
          session->n_elements * sizeof *latent);
}

/* With the style's canvas taken up. */
static gboolean
follow_style (PdSession *session, GError **error)
{
  const PdSessionInversion inversion = {
    .rounds = PD_STYLE_ROUNDS,
    .no_prompt = TRUE,
    .whole = TRUE,
    .visit = keep_style,
    .visit_data = session,
  };
  const gsize n = session->n_elements;
  guint calls = pd_schedule_n_calls (session->schedule);
  g_autofree float *latent = pd_try_new (float, n, _ ("the style"), error);
  PdNoiseLevel level;

  g_free (session->style_path);
  session->style_path = pd_try_new (float, (calls + 1) * n, _ ("the style"), error);
  session->style_calls = calls;
  session->style_steps = session->steps;
  session->style_size = (PdSize){ session->h, session->w };
  if (latent == NULL || session->style_path == NULL ||
      !pd_session_encode_from (session, read_style, session, latent, error))
    return FALSE;
  keep_style (calls, latent, session);
  return pd_session_invert (session, &inversion, latent, &level, error);
}

gboolean
pd_style_prepare (PdSession *session, GError **error)
{
  guint scale = session->model->autoencoder->info.scale;
  const PdStage canvas = { .width = session->w * scale,
                           .height = session->h * scale,
                           .steps = session->steps,
                           .strength = session->strength };
  const guint draws = session->n_draws, calls = pd_schedule_n_calls (session->schedule);
  const PdTorus seamless = session->seamless;
  PdStage alone = canvas;
  PdSize size;
  gboolean ok;

  if (session->style_picture == NULL || session->request->style_strength <= 0 || calls == 0 ||
      (session->style_path != NULL && session->style_steps == session->steps &&
       session->style_calls >= calls))
    return TRUE;
  size = pd_style_size (session, (guint) gegl_buffer_get_width (session->style_picture),
                        (guint) gegl_buffer_get_height (session->style_picture));
  alone.width = size.w * scale;
  alone.height = size.h * scale;
  session->seamless = PD_TORUS_NONE;
  session->n_draws = STYLE_DRAW;
  ok = pd_session_set_stage (session, &alone, error) && follow_style (session, error);
  session->seamless = seamless;
  session->n_draws = draws;
  return ok && pd_session_set_stage (session, &canvas, error);
}

const PdStyle *
pd_style_of_canvas (const PdSession *session, const guint16 *content, PdStyle *style)
{
  gsize n = session->channels * pd_size_area (session->style_size);
  guint calls = pd_schedule_n_calls (session->schedule);

  if (session->style_path == NULL)
    return NULL;
  *style = (PdStyle){ .h = session->style_size.h,
                      .w = session->style_size.w,
                      .calls = calls,
                      .path = session->style_path + (session->style_calls - calls) * n,
                      .condition = session->no_prompt,
                      .share = session->request->style_strength,
                      .content = content };
  return style;
}

const PdStyle *
pd_style_plan (const PdSession *session, PdStyle *style)
{
  static const guint16 some_content = 0;
  GeglBuffer *picture = session->style_picture;
  guint width = picture != NULL ? (guint) gegl_buffer_get_width (picture) : 0;
  guint height = picture != NULL ? (guint) gegl_buffer_get_height (picture) : 0;
  PdSize size = pd_style_size (session, width, height);
  gboolean redraws = session->request->mode == PD_REQUEST_MODE_STYLE;

  if (!session->styled || session->request->style_strength <= 0)
    return NULL;
  *style = (PdStyle){ .h = size.h,
                      .w = size.w,
                      .condition = session->no_prompt,
                      .share = session->request->style_strength,
                      .content = redraws ? &some_content : NULL };
  return style;
}

/* What the canvas shows, in all calls. */
typedef struct
{
  guint16 *values;
  gsize n;
} Content;

/* A function of PdInversion. */
static void
keep_content (guint call, const float *latent, gpointer user_data)
{
  const Content *self = user_data;

  for (gsize i = 0; i < self->n; i++)
    self->values[call * self->n + i] = pd_half_from_float (latent[i]);
}

gboolean
pd_style_start (PdSession *session,
                const float *clean,
                const float *cells,
                float *noise,
                float *latent,
                guint16 **content,
                GError **error)
{
  const gsize n = session->n_elements, plane = (gsize) session->h * session->w;
  gboolean styled = session->style_path != NULL;
  guint calls = pd_schedule_n_calls (session->schedule);
  g_autofree guint16 *values =
      styled ? pd_try_new (guint16, calls * n, _ ("the canvas"), error) : NULL;
  Content keep = { values, n };
  const PdSessionInversion inversion = { .rounds = PD_STYLE_ROUNDS,
                                         .no_prompt = TRUE,
                                         .noise = noise,
                                         .visit = styled ? keep_content : NULL,
                                         .visit_data = &keep };
  PdNoiseLevel level;

  /* Followed alone, then drawn with what it shows beside it. */
  session->recorder.inversion = PD_STYLE_ROUNDS / (PD_STYLE_ROUNDS + (styled ? 2.0 : 1.0));
  memcpy (latent, clean, n * sizeof *latent);
  if ((styled && values == NULL) || !pd_session_invert (session, &inversion, latent, &level, error))
    return FALSE;
  for (gsize i = 0; noise != NULL && i < n; i++)
    noise[i] = (float) ((latent[i] - level.alpha * clean[i]) / level.sigma);
  if (styled)
    {
      g_autofree float *before = pd_try_new (float, n, _ ("the canvas"), error);
      PdStyle style;
      const PdStyle *of_canvas = pd_style_of_canvas (session, NULL, &style);
      const PdRecolorFrom from = { before, plane, cells };
      const PdRecolorFrom to = { of_canvas->path, (gsize) style.h * style.w, NULL };

      if (before == NULL)
        return FALSE;
      memcpy (before, latent, n * sizeof *before);
      pd_recolor (session->channels, &from, &to, style.share, latent);
    }
  *content = g_steal_pointer (&values);
  return TRUE;
}
