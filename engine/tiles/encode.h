// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/diffusion/noise.h"
#include "engine/tiles/coder.h"

/* Gives the pixels of @rect of the picture: @rgb becomes [h][w][3], R'G'B' in 0 … 1. Pixels are
 * asked for more than once. */
typedef gboolean (*PdPixelsReadFunc) (const PdRect *rect,
                                      float *rgb,
                                      gpointer user_data,
                                      GError **error);

/* A picture to be encoded. */
typedef struct
{
  PdPixelsReadFunc read;
  gpointer user_data;
  const PdNoiseSource
      *noise;   /* by which latents are sampled from the autoencoder's distribution … */
  guint32 draw; /* … with this draw; an AutoencoderTiny has no distribution */
} PdEncodeSource;

/* Encodes a picture of width · scale × height · scale window by window to @latents
 * ([channels][height][width], as the denoiser takes them), which stay as they are in windows where
 * nothing changes. @monitor may be NULL. Errors: those of
 * pd_coder_run and of the source. */
gboolean pd_encode_canvas (const PdCoderOptions *options,
                           const PdEncodeSource *source,
                           float *latents,
                           const PdMonitor *monitor,
                           GError **error);
