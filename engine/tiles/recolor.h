// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Latents that get the statistics of others. */

/* A latent, [channels][pixels]. */
typedef struct
{
  const float *values;
  gsize pixels;
  const float *weights; /* [pixels]: how much each counts; NULL: all alike */
} PdRecolorFrom;

/* Gives every channel of @latent the mean and deviation that @to has, as far as @share, 0 … 1
 * (adaptive instance normalisation of whole canvases); @from: what of @latent counts. A channel of
 * which less than two pixels count stays as it is. */
void pd_recolor (guint channels,
                 const PdRecolorFrom *from,
                 const PdRecolorFrom *to,
                 double share,
                 float *latent);
