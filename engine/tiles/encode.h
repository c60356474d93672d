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

/* Encodes a picture of width · scale × height · scale window by window to @latents
 * ([channels][height][width], in the UNet's scale), sampled from the autoencoder's distribution
 * with draw @draw of @noise; an AutoencoderTiny has no distribution. Errors:
 * those of pd_coder_run and of @read. */
gboolean pd_encode_canvas (const PdCoderOptions *options,
                           PdPixelsReadFunc read,
                           gpointer user_data,
                           const PdNoiseSource *noise,
                           guint32 draw,
                           float *latents,
                           PdCoderProgressFunc progress,
                           gpointer progress_data,
                           GCancellable *cancellable,
                           GError **error);
