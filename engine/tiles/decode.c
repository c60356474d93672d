// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gi18n-lib.h>

#include "engine/tiles/decode.h"
#include "engine/base/host-memory.h"

typedef struct
{
  const float *latents;
  PdPixelsWriteFunc write;
  gpointer user_data;
  float *piece; /* of a window's picture */
} Decoding;

static gboolean
fill (PdCoder *coder, guint image, const PdCoderPart *part, gpointer user_data, GError **error)
{
  const Decoding *self = user_data;
  guint height = coder->options.height, width = coder->options.width;
  float *window = coder->latents + image * coder->latent_elements;

  for (guint c = 0; c < coder->channels; c++)
    for (guint i = 0; i < part->h; i++)
      {
        const float *row = self->latents + ((gsize) c * height + (part->y + i) % height) * width;
        float *target = window + ((gsize) c * coder->h + part->to_y + i) * coder->w + part->to_x;

        for (guint j = 0; j < part->w; j++)
          target[j] = row[(part->x + j) % width];
      }
  return TRUE;
}

static gboolean
take (PdCoder *coder, guint image, guint window, gpointer user_data, GError **error)
{
  Decoding *self = user_data;
  const float *picture = coder->pixels + image * coder->pixel_elements;
  guint scale = coder->scale, pitch = coder->w * scale;
  g_autoptr (GArray) pieces = NULL;
  PdCore y, x;
  PdRect core;

  pd_windows_core (&coder->windows, window, &y, &x);
  core = (PdRect){ y.start + y.first, x.start + x.first, y.length, x.length };
  pieces = pd_windows_pieces (&coder->windows, scale, &core);
  /* Windows become smaller at most. */
  if (self->piece == NULL)
    self->piece = pd_try_new (float, coder->pixel_elements, _ ("the autoencoder's windows"), error);
  if (self->piece == NULL)
    return FALSE;
  for (guint i = 0; i < pieces->len; i++)
    {
      const PdPiece *piece = &g_array_index (pieces, PdPiece, i);
      float *target = self->piece;

      for (guint row = 0; row < piece->on.h; row++)
        {
          gsize from = (gsize) (y.first * scale + piece->from_y + row) * pitch + x.first * scale +
                       piece->from_x;

          for (gsize e = 3 * from; e < 3 * (from + piece->on.w); e++)
            *target++ = CLAMP (picture[e] / 2 + 0.5f, 0.0f, 1.0f);
        }
      if (!self->write (&piece->on, self->piece, self->user_data, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
pd_decode_canvas (const PdCoderOptions *options,
                  const float *latents,
                  PdPixelsWriteFunc write,
                  gpointer user_data,
                  const PdMonitor *monitor,
                  GError **error)
{
  Decoding self = { .latents = latents, .write = write, .user_data = user_data };
  gboolean ok = pd_coder_run (options, TRUE, fill, take, &self, monitor, error);

  g_free (self.piece);
  return ok;
}
