// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/layers.h"

/* The statistics of a UNet's group norms, to be shared by passes over the tiles of one canvas. A
 * norm knows its tile alone, so neighbouring tiles are made lighter or darker, each on its own;
 * with the statistics of the canvas in all of them they are not. */
typedef struct _PdNorms PdNorms;

/* Of one group. */
typedef struct
{
  float mean, variance;
} PdMoments;

/* For one pass of @images images, whose UNet has @layers norms of @groups groups each.
 * Errors: PD_ERROR_OUT_OF_MEMORY. */
PdNorms *
pd_norms_new (const PdBackend *backend, guint layers, guint groups, guint images, GError **error);
void pd_norms_free (PdNorms *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdNorms, pd_norms_free)

/* The next norm, in the order in which the UNet is built. */
PdTensor *pd_norms_group_norm (
    PdNorms *self, PdGraph *graph, PdTensor *x, const PdNorm *norm, const PdNormArgs *args);

guint pd_norms_images (const PdNorms *self);

/* Moments of one image: layers · groups. */
guint pd_norms_count (const PdNorms *self);

/* For all further runs, [images][count]: what is added to the means, and factors of the variances.
 */
gboolean pd_norms_write (PdNorms *self, const PdMoments *given, GError **error);

/* What the images of the last run have by themselves, [images][count]. */
gboolean pd_norms_read (PdNorms *self, PdMoments *own, GError **error);
