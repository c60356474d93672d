// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/coder-private.h"

#include <math.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

enum
{
  COLORS = 3,
  SAMPLE = 64, /* side of the sample, latent pixels */
};

void
pd_coder_clear (PdCoder *self)
{
  if (self->link != NULL && self->ready)
    pd_coder_far_end (self);
  g_clear_pointer (&self->pass, pd_autoencoder_pass_free);
  g_clear_pointer (&self->statistics, pd_sample_statistics_free);
  pd_windows_clear (&self->windows);
  g_free (self->listed);
  g_free (self->latents);
  g_free (self->log_variance);
  g_free (self->pixels);
  *self = (PdCoder){ 0 };
}

guint
pd_coder_halo (const PdAutoencoder *autoencoder, gboolean decode)
{
  return decode ? autoencoder->info.halo_decode : autoencoder->info.halo_encode;
}

gboolean
pd_coder_resize (PdCoder *self, guint n, GError **error)
{
  const char *what = _ ("the autoencoder's windows");

  g_clear_pointer (&self->latents, g_free);
  g_clear_pointer (&self->log_variance, g_free);
  g_clear_pointer (&self->pixels, g_free);
  self->n_latents = n * self->latent_elements;
  self->n_pixels = n * self->pixel_elements;
  return (self->latents = pd_try_new (float, self->n_latents, what, error)) != NULL &&
         (self->log_variance = pd_try_new (float, self->n_latents, what, error)) != NULL &&
         (self->pixels = pd_try_new (float, self->n_pixels, what, error)) != NULL;
}

/* Weights beyond the range of f16 are why other numbers of the same model may help. */
static void
set_not_finite (const PdAutoencoder *autoencoder, GError **error)
{
  if (autoencoder->info.needs_statistics && autoencoder->backend->weights == PD_FORMAT_F16)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                 _ ("The autoencoder gave a value that is not a number: the model may be damaged, "
                    "or need the precision f32"));
  else
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                 _ ("The autoencoder gave a value that is not a number: the model is damaged"));
}

float *
pd_coder_source (PdCoder *self, guint count, gsize *bytes)
{
  *bytes = count * (self->decode ? self->latent_elements : self->pixel_elements) * sizeof (float);
  return self->decode ? self->latents : self->pixels;
}

float *
pd_coder_result (PdCoder *self, guint count, gsize *bytes)
{
  *bytes = count * (self->decode ? self->pixel_elements : self->latent_elements) * sizeof (float);
  return self->decode ? self->pixels : self->latents;
}

gboolean
pd_coder_run_batch (PdCoder *self, guint count, GCancellable *cancellable, GError **error)
{
  gsize bytes;
  const float *result = pd_coder_result (self, count, &bytes);
  const PdMoments moments = { self->latents, self->log_variance, self->n_latents };
  gboolean ok;

  if (self->link != NULL)
    return pd_coder_far_run_batch (self, count, cancellable, error);
  if (self->decode)
    ok = pd_autoencoder_decode (self->pass, self->latents, self->n_latents, self->pixels,
                                self->n_pixels, cancellable, error);
  else
    ok = pd_autoencoder_encode (self->pass, self->pixels, self->n_pixels, &moments, cancellable,
                                error);
  if (!ok)
    return FALSE;
  for (gsize i = 0; i < bytes / sizeof *result; i++)
    if (!isfinite (result[i]))
      {
        set_not_finite (self->options.autoencoder, error);
        return FALSE;
      }
  return TRUE;
}

static gboolean
make_pass (PdCoder *self, guint n, PdSampleMode mode, GError **error)
{
  const PdAutoencoderPassOptions options = {
    .decode = self->decode, .n = n, .h = self->h, .w = self->w, .hooks = self->hooks
  };

  if (!pd_coder_resize (self, n, error))
    return FALSE;
  if (self->statistics != NULL)
    self->hooks[0] = pd_sample_statistics_hook (self->statistics, mode);
  self->pass = pd_autoencoder_pass_new (self->options.autoencoder, &options, error);
  return self->pass != NULL;
}

/* Of a window, or of the sample. */
static void
set_size (PdCoder *self, guint h, guint w)
{
  self->h = h;
  self->w = w;
  self->latent_elements = (gsize) self->channels * h * w;
  self->pixel_elements = (gsize) COLORS * h * w * self->scale * self->scale;
}

void
pd_coder_end_sample (PdCoder *self)
{
  set_size (self, self->windows.grid.y.tile, self->windows.grid.x.tile);
  self->sampled = FALSE;
}

/* On a torus its border, which sees zeros, does not count and is no part of the canvas. */
static guint
sample_side (const PdCoder *self, const PdGridAxis *axis)
{
  return MIN (MIN (SAMPLE, self->options.tile), axis->canvas + (axis->wrap ? axis->overlap : 0));
}

/* The passes are made before anything is read or written, so that a smaller window can be tried
 * when the device's memory does not hold them. */
gboolean
pd_coder_begin_sample (PdCoder *self, GError **error)
{
  PdAutoencoder *autoencoder = self->options.autoencoder;
  const PdGridAxis *y = &self->windows.grid.y, *x = &self->windows.grid.x;
  const PdSampleAxis axes[] = { { sample_side (self, y), y->canvas, y->wrap },
                                { sample_side (self, x), x->canvas, x->wrap } };
  g_autoptr (GArray) survey = NULL;

  set_size (self, axes[0].sample, axes[1].sample);
  self->sampled = TRUE;
  if (self->link != NULL)
    return pd_coder_resize (self, 1, error);
  survey = pd_autoencoder_survey (autoencoder, self->decode, axes[0].sample, axes[1].sample);
  self->statistics = pd_sample_statistics_new (autoencoder->backend, survey, axes, error);
  return self->statistics != NULL && make_pass (self, 1, PD_SAMPLE_GATHER, error);
}

gboolean
pd_coder_make_pass (PdCoder *self, GError **error)
{
  return make_pass (self, self->options.batch, PD_SAMPLE_USE, error);
}

static gboolean
get_ready_here (PdCoder *self, GCancellable *cancellable, GError **error)
{
  if (self->sampled)
    {
      if (!pd_coder_run_batch (self, 1, cancellable, error))
        return FALSE;
      g_clear_pointer (&self->pass, pd_autoencoder_pass_free);
      pd_coder_end_sample (self);
    }
  return pd_coder_make_pass (self, error);
}

static gboolean
get_ready_far (PdCoder *self, GCancellable *cancellable, GError **error)
{
  if (!pd_coder_far_get_ready (self, cancellable, error))
    return FALSE;
  pd_coder_end_sample (self);
  return pd_coder_resize (self, self->options.batch, error);
}

gboolean
pd_coder_get_ready (PdCoder *self, GCancellable *cancellable, GError **error)
{
  self->ready = self->link != NULL ? get_ready_far (self, cancellable, error)
                                   : get_ready_here (self, cancellable, error);
  return self->ready;
}

/* Those that have something to do. */
static gboolean
list_windows (PdCoder *self, GError **error)
{
  const guint n = pd_windows_count (&self->windows);

  self->n_listed = 0;
  self->listed = pd_try_new (guint, n, _ ("the autoencoder's windows"), error);
  for (guint window = 0; self->listed != NULL && window < n; window++)
    {
      PdCore y, x;

      pd_windows_core (&self->windows, window, &y, &x);
      if (pd_changes_touch (self->options.changes,
                            &(PdRect){ y.start + y.first, x.start + x.first, y.length, x.length }))
        self->listed[self->n_listed++] = window;
    }
  return self->listed != NULL;
}

gboolean
pd_coder_init (
    PdCoder *self, const PdCoderOptions *options, PdLink *link, gboolean decode, GError **error)
{
  *self = (PdCoder){ .options = *options,
                     .link = link,
                     .decode = decode,
                     .channels = options->autoencoder->info.channels,
                     .scale = options->autoencoder->info.scale };
  if (!pd_windows_init (&self->windows, (PdSize){ options->height, options->width }, options->tile,
                        pd_coder_halo (options->autoencoder, decode), options->wrap, error))
    return FALSE;
  pd_coder_end_sample (self);
  if (!list_windows (self, error))
    return FALSE;
  self->options.batch = CLAMP (options->batch, 1, MAX (self->n_listed, 1));
  return TRUE;
}

gboolean
pd_coder_needs_sample (const PdCoder *self)
{
  const PdGrid *grid = &self->windows.grid;

  return self->options.autoencoder->info.needs_statistics &&
         (pd_windows_count (&self->windows) > 1 || grid->y.wrap || grid->x.wrap);
}
