// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/sites.h"

/* The statistics of a network's group norms, to be shared by passes over the tiles of one canvas. A
 * norm knows its tile alone, so neighbouring tiles are made lighter or darker, each on its own;
 * with the statistics of the canvas in all of them they are not. For one pass. */
typedef struct _PdNormExchange PdNormExchange;

/* Of one group: what it has. */
typedef struct
{
  float mean, variance;
} PdNormMoments;

/* Of one group: what is changed of it. */
typedef struct
{
  float offset; /* added to the mean */
  float factor; /* of the variance */
} PdNormShift;

/* For a pass of @images images of a network with the sites of @survey.
 * Errors: PD_ERROR_OUT_OF_MEMORY. */
PdNormExchange *
pd_norm_exchange_new (const PdBackend *backend, const GArray *survey, guint images, GError **error);
void pd_norm_exchange_free (PdNormExchange *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdNormExchange, pd_norm_exchange_free)

PdHook *pd_norm_exchange_hook (PdNormExchange *self);

/* Moments of one image of a network with the sites of @survey. */
guint pd_norm_exchange_count (const GArray *survey);

/* For all further runs, [images][count]; to be called before the first. */
gboolean pd_norm_exchange_write (PdNormExchange *self, const PdNormShift *shifts, GError **error);

/* What the images of the last run have by themselves, [images][count]. */
gboolean pd_norm_exchange_read (PdNormExchange *self, PdNormMoments *own, GError **error);
