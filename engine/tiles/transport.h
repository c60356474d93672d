// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/recolor.h"

/* Gives the channels of @latent, taken together, the means and covariances that @to has, as far as
 * @share, 0 … 1: by the linear map that moves them least (Monge and Kantorovich's between normal
 * distributions, as Pitié and Kokaram 2007 take it for colours). A latent's channels are colours
 * and strokes of its small square, so that both are carried over; what is where stays. @from: what
 * of @latent counts; where that is less than two pixels all stays as it is.
 *
 * @limit, at least 1: of the contrast, which is the sum of the channels' variances, as a multiple
 * of what @from has. What would get more is a plain subject, of which that contrast would make
 * spots; it gets the less of it the plainer it is, down to a contrast as its own. */
void pd_transport (guint channels,
                   const PdRecolorFrom *from,
                   const PdRecolorFrom *to,
                   double share,
                   double limit,
                   float *latent);
