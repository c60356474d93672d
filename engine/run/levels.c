// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/run/levels.h"
#include "engine/tiles/guide.h"
#include "engine/tiles/resample.h"

enum
{
  DRAWS = 1 << 24, /* numbers of noise arrays that are a level's own */
  STRIP = 64,      /* rows of a picture that is only enlarged, at once */
  MAX_SIDE = 65536,
};

/* How a level is kept near the one before, see PdGuide. */
static const double RESIDUAL = 1, PULL = 1, RADIUS = 2;

static const char pixel_format[] = "R'G'B' float";

guint
pd_levels_of (const PdRequest *request, guint native, guint scale, PdLevel levels[PD_MAX_LEVELS])
{
  if (request->mode == PD_REQUEST_MODE_UPSCALE)
    return pd_levels_enlarge (request->width, request->height, request->scale, levels);
  return pd_levels_plan (request->mode == PD_REQUEST_MODE_GENERATE ? request->progressive
                                                                   : PD_PROGRESSIVE_OFF,
                         request->width, request->height, native, scale, levels);
}

/* One level and the picture it starts from. */
typedef struct
{
  PdSession *session;
  PdLevel level;
  GeglBuffer *before; /* NULL: from noise */
  PdEnlargement enlargement;
  GeglBuffer *output;
} Rise;

static gboolean
read_before (guint x, guint y, guint w, guint h, float *rgb, gpointer user_data, GError **error)
{
  const Rise *self = user_data;

  gegl_buffer_get (self->before, GEGL_RECTANGLE ((int) x, (int) y, (int) w, (int) h), 1.0,
                   babl_format (pixel_format), rgb, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  return TRUE;
}

static gboolean
read_enlarged (guint x, guint y, guint w, guint h, float *rgb, gpointer user_data, GError **error)
{
  const Rise *self = user_data;

  if (!pd_enlarge (&self->enlargement, x, y, w, h, rgb, error))
    return FALSE;
  for (gsize i = 0; i < (gsize) w * h * 3; i++)
    rgb[i] = CLAMP (rgb[i], 0.0f, 1.0f);
  return TRUE;
}

static void
set_before (Rise *self, GeglBuffer *before)
{
  guint seamless = self->session->seamless;

  self->before = before;
  self->enlargement = (PdEnlargement){ .from_h = (guint) gegl_buffer_get_height (before),
                                       .from_w = (guint) gegl_buffer_get_width (before),
                                       .to_h = self->level.height,
                                       .to_w = self->level.width,
                                       .wrap_y = seamless & PD_TORUS_Y,
                                       .wrap_x = seamless & PD_TORUS_X,
                                       .read = read_before,
                                       .user_data = self };
}

static gboolean
set_canvas (PdSession *session, const PdLevel *level, double strength, GError **error)
{
  guint scale = session->model->autoencoder->info.scale;

  return pd_session_set_canvas (session, (level->height + scale - 1) / scale,
                                (level->width + scale - 1) / scale, strength, error);
}

/* A level without steps. */
static gboolean
only_enlarge (Rise *self, GError **error)
{
  guint width = self->level.width, height = self->level.height;
  g_autofree float *rgb = pd_try_new (float, (gsize) width *STRIP * 3, _ ("enlarging"), error);

  if (rgb == NULL)
    return FALSE;
  for (guint y = 0; y < height; y += STRIP)
    {
      guint rows = MIN (STRIP, height - y);

      if (g_cancellable_set_error_if_cancelled (self->session->cancellable, error) ||
          !read_enlarged (0, y, width, rows, rgb, self, error))
        return FALSE;
      gegl_buffer_set (self->output, GEGL_RECTANGLE (0, (int) y, (int) width, (int) rows), 0,
                       babl_format (pixel_format), rgb, GEGL_AUTO_ROWSTRIDE);
    }
  return TRUE;
}

/* Noise of the level, of which @share is what inversion finds in @reference instead of random
 * (Wang et al. 2023, noise inversion of tiled diffusion; both parts keep the variance). */
static float *
inverted_noise (PdSession *session, const float *reference, double share, GError **error)
{
  const gsize n = session->n_elements;
  g_autofree float *noise = pd_try_new (float, n, _ ("the canvas"), error), *inverted = NULL;
  double norm = sqrt (share * share + (1 - share) * (1 - share));
  PdNoiseLevel level;

  if (noise == NULL || (inverted = pd_try_new (float, n, _ ("the canvas"), error)) == NULL)
    return NULL;
  memcpy (inverted, reference, n * sizeof *inverted);
  if (!pd_session_invert (session, inverted, &level, error))
    return NULL;
  pd_session_draw_noise (session, noise);
  for (gsize i = 0; i < session->n_elements; i++)
    {
      double found = (inverted[i] - level.alpha * reference[i]) / level.sigma;

      noise[i] = (float) ((share * found + (1 - share) * noise[i]) / norm);
    }
  return g_steal_pointer (&noise);
}

static gboolean
denoise_again (Rise *self, float *latent, GError **error)
{
  PdSession *session = self->session;
  double inversion = session->request->inversion;
  g_autofree float *reference = pd_try_new (float, session->n_elements, _ ("the canvas"), error);
  g_autofree float *noise = NULL;
  PdGuide guide = { .channels = session->channels,
                    .height = session->h,
                    .width = session->w,
                    .wrap_y = self->enlargement.wrap_y,
                    .wrap_x = self->enlargement.wrap_x,
                    .reference = reference,
                    .seed = session->seed,
                    .residual = RESIDUAL,
                    .pull = PULL,
                    .radius = RADIUS };
  gboolean ok;

  if (reference == NULL || !pd_session_encode_from (session, read_enlarged, self, reference, error))
    return FALSE;
  if (session->request->mode == PD_REQUEST_MODE_UPSCALE && inversion > 0)
    {
      guide.noise = noise = inverted_noise (session, reference, inversion, error);
      if (noise == NULL)
        return FALSE;
    }
  else
    guide.draw = session->n_draws++;
  if (!pd_guide_start (&guide, session->schedule, latent, error))
    return FALSE;
  pd_session_add_adjust (session,
                         &(PdAdjust){ pd_guide_adjust_latent, pd_guide_adjust_clean, &guide });
  session->clean = reference;
  ok = pd_session_denoise (session, latent, error);
  session->clean = NULL;
  return ok;
}

static gboolean
denoise_noise (PdSession *session, float *latent, GError **error)
{
  pd_session_draw_noise (session, latent);
  for (gsize i = 0; i < session->n_elements; i++)
    latent[i] = (float) (latent[i] * pd_schedule_init_sigma (session->schedule));
  return pd_session_denoise (session, latent, error);
}

/* The latent is left to @latent, or NULL where there was no need of one. */
static gboolean
run_level (Rise *self, double strength, float **latent, GError **error)
{
  PdSession *session = self->session;
  guint scale = session->model->autoencoder->info.scale;
  g_autofree float *result = NULL;

  if (!set_canvas (session, &self->level, strength, error))
    return FALSE;
  session->report->full_width = session->w * scale;
  session->report->full_height = session->h * scale;
  if (pd_schedule_n_calls (session->schedule) == 0)
    return only_enlarge (self, error);
  result = pd_try_new (float, session->n_elements, _ ("the canvas"), error);
  if (result == NULL)
    return FALSE;
  if (!(self->before == NULL ? denoise_noise (session, result, error)
                             : denoise_again (self, result, error)) ||
      !pd_session_decode (session, result, self->output, error))
    return FALSE;
  *latent = g_steal_pointer (&result);
  return TRUE;
}

/* What a level costs beside the others: its pixels are coded once and denoised in proportion to the
 * strength. */
static double
cost (const PdLevel *level, double strength)
{
  static const double coding = 0.1; /* of denoising with strength 1 */

  return (double) level->width * level->height * (coding + strength);
}

static GeglBuffer *
new_picture (const PdLevel *level)
{
  return gegl_buffer_new (GEGL_RECTANGLE (0, 0, (int) level->width, (int) level->height),
                          babl_format ("R'G'B' u16"));
}

/* The level that an interrupted run stands at, counted from 0, and the picture that it starts from.
 */
static gboolean
resume (PdSession *session,
        const PdLevel *levels,
        guint n,
        guint *at,
        GeglBuffer **before,
        GError **error)
{
  const float *base;
  guint h, w, level = pd_session_resume_level (session, &base, &h, &w) - 1;
  g_autoptr (GeglBuffer) picture = NULL;

  if (level == 0 || level >= n)
    return TRUE;
  if (!set_canvas (session, &levels[level - 1], 1, error))
    return FALSE;
  if (session->h != h || session->w != w)
    return TRUE;
  picture = new_picture (&levels[level - 1]);
  if (!pd_session_decode (session, base, picture, error))
    return FALSE;
  *at = level;
  g_set_object (before, picture);
  session->base = base;
  session->base_h = h;
  session->base_w = w;
  return TRUE;
}

static gboolean
run_levels (PdSession *session,
            const PdLevel *levels,
            guint n,
            const double *strengths,
            const PdImages *images,
            GError **error)
{
  gboolean upscale = session->request->mode == PD_REQUEST_MODE_UPSCALE;
  g_autoptr (GeglBuffer) before = upscale ? g_object_ref (images->input) : NULL;
  g_autofree float *kept = NULL;
  double total = 0, done = 0;
  guint first = 0;

  for (guint i = 0; i < n; i++)
    total += cost (&levels[i], strengths[i]);
  if (!pd_session_encode_text (session, error) ||
      !resume (session, levels, n, &first, &before, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GeglBuffer) output = NULL;
      g_autofree float *latent = NULL;
      Rise rise = { .session = session, .level = levels[i] };

      session->level = i + 1;
      session->n_draws = i * DRAWS;
      session->from = done / total;
      done += cost (&levels[i], strengths[i]);
      session->to = done / total;
      if (i < first)
        continue;
      output = i + 1 < n ? new_picture (&levels[i]) : g_object_ref (images->output);
      rise.output = output;
      if (before != NULL)
        set_before (&rise, before);
      if (!run_level (&rise, strengths[i], &latent, error))
        return FALSE;
      g_set_object (&before, output);
      g_free (kept);
      session->base = kept = g_steal_pointer (&latent);
      session->base_h = session->h;
      session->base_w = session->w;
    }
  return TRUE;
}

gboolean
pd_levels_run (
    PdSession *session, const PdLevel *levels, guint n, const PdImages *images, GError **error)
{
  const PdRequest *request = session->request;
  guint first_rise = request->mode == PD_REQUEST_MODE_UPSCALE ? 1 : 0;
  double strengths[PD_MAX_LEVELS];
  gboolean ok;

  if (MAX (levels[n - 1].width, levels[n - 1].height) > MAX_SIDE)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%u × %u pixels, %d times as large, would be %u × %u; at most %d a side can "
                      "be made: choose a smaller scale"),
                   request->width, request->height, request->scale, levels[n - 1].width,
                   levels[n - 1].height, MAX_SIDE);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    strengths[i] =
        i + first_rise == 0 ? 1 : pd_level_strength (request->level_strength, i + first_rise);
  session->report->width = levels[n - 1].width;
  session->report->height = levels[n - 1].height;
  session->n_levels = n;
  ok = run_levels (session, levels, n, strengths, images, error);
  session->base = NULL;
  return ok;
}
