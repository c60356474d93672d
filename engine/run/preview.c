// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/preview.h"
#include "engine/gpu/account.h"
#include "engine/base/host-memory.h"

#include <math.h>

#include <glib/gi18n-lib.h>

enum
{
  MAX_SIDE = 512,    /* pixels */
  MIN_SIDE = 8,      /* latent pixels; smaller shows nothing */
  DEFAULT_SIDE = 64, /* latent pixels, of models that do not tell their native size */
  SHARE = 10,        /* previews take one part in so many of the time … */
};

static const gint64 PAUSE = G_USEC_PER_SEC / 2; /* … and come no more often, µs */

struct _PdPreview
{
  PdModel *model;
  const PdListener *listener;
  guint every;
  PdDenoisePreview hooks;
  gboolean off; /* there is no memory for even the smallest */
  guint shrink; /* every side is divided by this, so that the memory holds the decoder */

  PdVaePass *pass;     /* for latents of h × w; either … */
  PdTinyVaePass *tiny; /* … or */
  guint h, w;

  gint64 last_end, last_cost; /* µs */
};

static gboolean
wanted (guint step, gboolean complete, gpointer user_data)
{
  const PdPreview *self = user_data;
  gint64 pause = MAX (PAUSE, (SHARE - 1) * self->last_cost);

  if (self->off)
    return FALSE;
  if (self->every > 0)
    return complete && (step + 1) % self->every == 0;
  return g_get_monotonic_time () - self->last_end >= pause;
}

void
pd_preview_release (PdPreview *self)
{
  g_clear_pointer (&self->pass, pd_vae_pass_free);
  g_clear_pointer (&self->tiny, pd_tiny_vae_pass_free);
}

static gboolean
prepare (PdPreview *self, guint h, guint w, GError **error)
{
  if ((self->pass != NULL || self->tiny != NULL) && self->h == h && self->w == w)
    return TRUE;
  pd_preview_release (self);
  self->h = h;
  self->w = w;
  if (self->model->vae != NULL)
    self->pass = pd_vae_decoder_new (self->model->vae, 1, h, w, NULL, FALSE, error);
  else
    self->tiny = pd_tiny_vae_decoder_new (self->model->tiny_vae, 1, h, w, error);
  return self->pass != NULL || self->tiny != NULL;
}

guint64
pd_preview_device_bytes (PdPreview *self, guint h, guint w)
{
  PdDevice *device = pd_unet_backend (self->model->unet)->device;
  double scale = MIN (1.0, (double) self->hooks.side / MAX (h, w));
  guint64 used = pd_account_used (device), bytes;
  gboolean ok;

  pd_preview_release (self);
  pd_account_begin_rehearsal (device);
  ok = prepare (self, CLAMP ((guint) lround (h * scale), 1, h),
                CLAMP ((guint) lround (w * scale), 1, w), NULL);
  pd_preview_release (self);
  bytes = pd_account_end_rehearsal (device);
  return ok ? bytes - MIN (used, bytes) : 0;
}

/* The raw latents become a picture that the listener gets. */
static gboolean
decode (PdPreview *self, float *raw, gsize n_raw, GError **error)
{
  const PdVaeConfig *config = self->model->files->parts[PD_PART_VAE].config;
  guint scale = pd_model_scale (self->model);
  guint width = self->w * scale, height = self->h * scale;
  const gsize n = (gsize) width * height * 3;
  g_autofree float *picture = pd_try_new (float, n, _ ("the preview"), error);
  g_autofree guint8 *rgb = NULL;

  if (picture == NULL || (rgb = pd_try_new (guint8, n, _ ("the preview"), error)) == NULL)
    return FALSE;
  if (self->pass != NULL)
    {
      for (gsize i = 0; i < n_raw; i++)
        raw[i] = (float) (raw[i] / config->scaling_factor + config->shift_factor);
      if (!pd_vae_decode (self->pass, raw, n_raw, picture, n, NULL, error))
        return FALSE;
    }
  else if (!pd_tiny_vae_decode (self->tiny, raw, n_raw, picture, n, NULL, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      float value = picture[i] * 127.5f + 128.0f;

      rgb[i] = isfinite (value) ? (guint8) CLAMP (value, 0.0f, 255.0f) : 0;
    }
  self->listener->preview (width, height, rgb, self->listener->user_data);
  return TRUE;
}

static void
give_up (PdPreview *self, const GError *error)
{
  g_autofree char *text = g_strdup_printf (_ ("there are no previews: %s"), error->message);

  self->off = TRUE;
  pd_preview_release (self);
  if (self->listener->note != NULL)
    self->listener->note (text, self->listener->user_data);
}

/* A preview that fails is no reason for the run to fail. */
static void
show (guint h, guint w, const float *clean, gpointer user_data)
{
  PdPreview *self = user_data;
  guint channels = pd_model_latent_channels (self->model);
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PdMosaic) mosaic = NULL;
  g_autofree float *raw = NULL;
  const float *small;
  gsize n;

  for (;; self->shrink *= 2)
    {
      guint small_h, small_w;

      g_clear_error (&error);
      g_clear_pointer (&mosaic, pd_mosaic_free);
      mosaic = pd_mosaic_new (channels, h, w, MAX (1, MAX (h, w) / self->shrink), &error);
      if (mosaic == NULL)
        {
          give_up (self, error);
          return;
        }
      small = pd_mosaic_clean (mosaic, &small_h, &small_w);
      if (prepare (self, small_h, small_w, &error))
        break;
      if (MAX (small_h, small_w) / 2 < MIN_SIDE)
        {
          give_up (self, error);
          return;
        }
    }
  pd_mosaic_update (mosaic, NULL, 0, clean, 1, NULL);
  n = (gsize) channels * self->h * self->w;
  raw = pd_try_new (float, n, _ ("the preview"), &error);
  if (raw != NULL)
    memcpy (raw, small, n * sizeof *raw);
  if (raw == NULL || !decode (self, raw, n, &error))
    give_up (self, error);
  self->last_end = g_get_monotonic_time ();
  self->last_cost = self->last_end - start;
}

PdPreview *
pd_preview_new (PdModel *model, const PdListener *listener, guint every)
{
  PdPreview *self = g_new (PdPreview, 1);
  guint native = (guint) pd_unet_config (model->unet)->sample_size;
  guint most = MAX_SIDE / pd_model_scale (model);

  *self = (PdPreview){ .model = model,
                       .listener = listener,
                       .every = every,
                       .shrink = 1,
                       .hooks = { .side = MAX (1, MIN (native > 0 ? native : DEFAULT_SIDE, most)),
                                  .wanted = wanted,
                                  .show = show,
                                  .user_data = self } };
  return self;
}

void
pd_preview_free (PdPreview *self)
{
  if (self == NULL)
    return;
  pd_preview_release (self);
  g_free (self);
}

const PdDenoisePreview *
pd_preview_hooks (PdPreview *self)
{
  return &self->hooks;
}
