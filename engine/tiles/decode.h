// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/coder.h"

/* Receives the pixels of @rect of the picture: @rgb is [h][w][3], R'G'B' in 0 … 1. Every pixel of
 * the canvas comes once; with changes, only those of windows that have some. */
typedef gboolean (*PdPixelsWriteFunc) (const PdRect *rect,
                                       const float *rgb,
                                       gpointer user_data,
                                       GError **error);

/* Decodes @latents ([channels][height][width], in the UNet's scale) window by window: beside them
 * memory is needed for a batch of windows only, on the host and on the device. Errors: those of
 * pd_coder_run and of @write. */
gboolean pd_decode_canvas (const PdCoderOptions *options,
                           const float *latents,
                           PdPixelsWriteFunc write,
                           gpointer user_data,
                           const PdMonitor *monitor,
                           GError **error);
