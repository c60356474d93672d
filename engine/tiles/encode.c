// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/diffusion/noise.h"
#include "engine/base/host-memory.h"
#include "engine/tiles/encode.h"

typedef struct
{
  const PdEncodeSource *source;
  float *latents;
  float *piece;  /* of a window's picture, or of the sample's */
  gsize n_piece; /* its elements */
} Encoding;

static gboolean
fill (PdCoder *coder, guint image, const PdCoderPart *part, gpointer user_data, GError **error)
{
  Encoding *self = user_data;
  guint scale = coder->scale;
  float *picture = coder->pixels + image * coder->pixel_elements;
  const PdRect rect = { part->y, part->x, part->h, part->w };
  g_autoptr (GArray) pieces = pd_windows_pieces (&coder->windows, scale, &rect);

  if (self->n_piece < coder->pixel_elements)
    {
      g_free (self->piece);
      self->n_piece = coder->pixel_elements;
      self->piece = pd_try_new (float, self->n_piece, _ ("the autoencoder's windows"), error);
    }
  if (self->piece == NULL)
    return FALSE;
  for (guint i = 0; i < pieces->len; i++)
    {
      const PdPiece *piece = &g_array_index (pieces, PdPiece, i);
      const float *source = self->piece;

      if (!self->source->read (&piece->on, self->piece, self->source->user_data, error))
        return FALSE;
      for (guint row = 0; row < piece->on.h; row++)
        {
          gsize to = (gsize) (part->to_y * scale + piece->from_y + row) * coder->w * scale +
                     part->to_x * scale + piece->from_x;

          for (gsize e = 3 * to; e < 3 * (to + piece->on.w); e++)
            picture[e] = 2 * *source++ - 1;
        }
    }
  return TRUE;
}

static gboolean
take (PdCoder *coder, guint image, guint window, gpointer user_data, GError **error)
{
  const Encoding *self = user_data;
  const PdCoderOptions *options = &coder->options;
  gsize canvas = (gsize) options->height * options->width;
  gsize pixels = (gsize) coder->h * coder->w;
  const float *mean = coder->latents + image * coder->latent_elements;
  const float *log_variance = coder->log_variance + image * coder->latent_elements;
  PdCore y, x;

  pd_windows_core (&coder->windows, window, &y, &x);
  for (guint c = 0; c < coder->channels; c++)
    for (guint row = 0; row < y.length; row++)
      {
        gsize line = (gsize) ((y.start + y.first + row) % options->height) * options->width;
        gsize from = c * pixels + (gsize) (y.first + row) * coder->w + x.first;

        for (guint column = 0; column < x.length; column++, from++)
          {
            gsize to = c * canvas + line + (x.start + x.first + column) % options->width;
            float noise;

            pd_noise_source_draw (self->source->noise, self->source->draw, to, 1, &noise);
            self->latents[to] =
                pd_autoencoder_latent (options->autoencoder, mean[from], log_variance[from], noise);
          }
      }
  return TRUE;
}

gboolean
pd_encode_canvas (const PdCoderOptions *options,
                  const PdEncodeSource *source,
                  float *latents,
                  const PdMonitor *monitor,
                  GError **error)
{
  Encoding self = { .source = source, .latents = latents };
  gboolean ok = pd_coder_run (options, FALSE, fill, take, &self, monitor, error);

  g_free (self.piece);
  return ok;
}
