// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/preview.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/gpu/account.h"

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
  const PdAutoencoder *off; /* that has no memory for even the smallest, or is lost; NULL: none */
  guint shrink; /* every side is divided by this, so that the memory holds the decoder */

  PdAutoencoderPass *pass; /* for latents of h × w */
  guint h, w;

  gint64 last_end, last_cost; /* µs */
};

static gboolean
wanted (guint step, gboolean complete, gpointer user_data)
{
  const PdPreview *self = user_data;
  gint64 pause = MAX (PAUSE, (SHARE - 1) * self->last_cost);

  if (self->off == self->model->autoencoder)
    return FALSE;
  if (self->every > 0)
    return complete && (step + 1) % self->every == 0;
  return g_get_monotonic_time () - self->last_end >= pause;
}

void
pd_preview_release (PdPreview *self)
{
  g_clear_pointer (&self->pass, pd_autoencoder_pass_free);
}

static gboolean
prepare (PdPreview *self, guint h, guint w, GError **error)
{
  const PdAutoencoderPassOptions options = { .decode = TRUE, .n = 1, .h = h, .w = w };

  if (self->pass != NULL && self->h == h && self->w == w)
    return TRUE;
  pd_preview_release (self);
  self->h = h;
  self->w = w;
  self->pass = pd_autoencoder_pass_new (self->model->autoencoder, &options, error);
  return self->pass != NULL;
}

guint64
pd_preview_device_bytes (PdPreview *self, guint h, guint w)
{
  PdDevice *device = self->model->denoiser->backend->device;
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

/* The latents become a picture that the listener gets. */
static gboolean
decode (PdPreview *self, const float *latents, gsize n_latents, GError **error)
{
  guint scale = self->model->autoencoder->info.scale;
  guint width = self->w * scale, height = self->h * scale;
  const gsize n = (gsize) width * height * 3;
  g_autofree float *picture = pd_try_new (float, n, _ ("the preview"), error);
  g_autofree guint8 *rgb = NULL;

  if (picture == NULL || (rgb = pd_try_new (guint8, n, _ ("the preview"), error)) == NULL ||
      !pd_autoencoder_decode (self->pass, latents, n_latents, picture, n, NULL, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      float value = picture[i] * 127.5f + 128.0f;

      rgb[i] = isfinite (value) ? (guint8) CLAMP (value, 0.0f, 255.0f) : 0;
    }
  self->listener->preview (width, height, rgb, self->listener->user_data);
  return TRUE;
}

/* Until another device does what this one did. Of a lost one the run tells. */
static void
give_up (PdPreview *self, const GError *error)
{
  g_autofree char *text = g_strdup_printf (_ ("there are no previews: %s"), error->message);

  self->off = self->model->autoencoder;
  self->shrink = 1;
  pd_preview_release (self);
  if (self->listener->note != NULL && !g_error_matches (error, PD_ERROR, PD_ERROR_DEVICE_LOST))
    self->listener->note (text, self->listener->user_data);
}

/* A preview that fails is no reason for the run to fail. */
static void
show (PdSize canvas, const float *clean, gpointer user_data)
{
  PdPreview *self = user_data;
  guint channels = self->model->denoiser->info.channels;
  gint64 start = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PdMosaic) mosaic = NULL;
  const float *small;

  for (;; self->shrink *= 2)
    {
      PdSize size;

      g_clear_error (&error);
      g_clear_pointer (&mosaic, pd_mosaic_free);
      mosaic = pd_mosaic_new (channels, canvas, MAX (1, MAX (canvas.h, canvas.w) / self->shrink),
                              &error);
      if (mosaic == NULL)
        {
          give_up (self, error);
          return;
        }
      small = pd_mosaic_clean (mosaic, &size);
      if (prepare (self, size.h, size.w, &error))
        break;
      if (MAX (size.h, size.w) / 2 < MIN_SIDE)
        {
          give_up (self, error);
          return;
        }
    }
  pd_mosaic_update (mosaic, NULL, 0, clean, 1, NULL);
  if (!decode (self, small, (gsize) channels * self->h * self->w, &error))
    give_up (self, error);
  self->last_end = g_get_monotonic_time ();
  self->last_cost = self->last_end - start;
}

PdPreview *
pd_preview_new (PdModel *model, const PdListener *listener, guint every)
{
  PdPreview *self = g_new (PdPreview, 1);
  guint native = model->denoiser->info.native;
  guint most = MAX_SIDE / model->autoencoder->info.scale;

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
