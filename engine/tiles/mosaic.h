// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

#include "engine/base/rect.h"

/* A small copy of the clean canvas while it is denoised: what this step's tiles predict where they
 * are done, what the step before predicted elsewhere. */
typedef struct _PdMosaic PdMosaic;

/* Of a canvas of @canvas, in its proportions, at most @side latent pixels a side. Nothing is
 * known at first: 0 everywhere. */
PdMosaic *pd_mosaic_new (guint channels, PdSize canvas, guint side, GError **error);
void pd_mosaic_free (PdMosaic *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdMosaic, pd_mosaic_free)

/* The clean canvas is now from_latent · latent + from_prediction · prediction / mass, all of the
 * canvas's size ([channels][h][w], mass without channels), where the mass is more than 0.
 * @latent may be NULL if from_latent is 0; @mass NULL: 1 everywhere. */
void pd_mosaic_update (PdMosaic *self,
                       const float *latent,
                       double from_latent,
                       const float *prediction,
                       double from_prediction,
                       const float *mass);

/* What is known now is what the next step starts from. */
void pd_mosaic_keep (PdMosaic *self);

/* Returns: [channels][h][w] of @size, borrowed. */
const float *pd_mosaic_clean (const PdMosaic *self, PdSize *size);
