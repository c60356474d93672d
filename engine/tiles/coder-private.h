// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/tiles/coder.h"

/* A coder alone: windows on one device, here or elsewhere. */

/* Latent pixels that a window needs around its core. */
guint pd_coder_halo (const PdAutoencoder *autoencoder, gboolean decode);

/* Lists its windows; nothing is on the device yet. @link: to a device of another process, of which
 * the autoencoder of @options has the sizes; borrowed; NULL: that is where it runs. */
gboolean pd_coder_init (
    PdCoder *self, const PdCoderOptions *options, PdLink *link, gboolean decode, GError **error);
void pd_coder_clear (PdCoder *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PdCoder, pd_coder_clear)

/* Statistics of the canvas are needed: it is not one window of its own. */
gboolean pd_coder_needs_sample (const PdCoder *self);

/* Makes room for a sample of the canvas, which is then to be filled as image 0, and the pass that
 * reads it. */
gboolean pd_coder_begin_sample (PdCoder *self, GError **error);

/* Reads the sample, if one was begun, and is ready to run windows. */
gboolean pd_coder_get_ready (PdCoder *self, GCancellable *cancellable, GError **error);

/* The pass for windows, recorded. */
gboolean pd_coder_make_pass (PdCoder *self, GError **error);

/* Runs @count images of the batch. */
gboolean pd_coder_run_batch (PdCoder *self, guint count, GCancellable *cancellable, GError **error);

/* Makes room for @n windows. */
gboolean pd_coder_resize (PdCoder *self, guint n, GError **error);

/* It is of windows from here on. */
void pd_coder_end_sample (PdCoder *self);

/* What @count images are made of, and what they become, with its bytes. */
float *pd_coder_source (PdCoder *self, guint count, gsize *bytes);
float *pd_coder_result (PdCoder *self, guint count, gsize *bytes);

/* The same at the other end of its link. */
gboolean pd_coder_far_get_ready (PdCoder *self, GCancellable *cancellable, GError **error);
gboolean
pd_coder_far_run_batch (PdCoder *self, guint count, GCancellable *cancellable, GError **error);
void pd_coder_far_end (PdCoder *self);
