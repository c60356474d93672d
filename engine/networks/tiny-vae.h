// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"
#include "engine/networks/layers.h"

/* diffusers' AutoencoderTiny (TAESD): an autoencoder without norms and attention, so that what a
 * pixel becomes depends on its neighbourhood alone. Works on the pipeline's latents. */
typedef struct _PdTinyVae PdTinyVae;

/* @backend is borrowed. Errors: PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY. */
PdTinyVae *pd_tiny_vae_new (const PdBackend *backend,
                            const PdTinyVaeConfig *config,
                            PdCheckpoint *checkpoint,
                            GError **error);
void pd_tiny_vae_free (PdTinyVae *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdTinyVae, pd_tiny_vae_free)

/* Pixels per latent pixel, along each side. */
guint pd_tiny_vae_scale (const PdTinyVaeConfig *config);

/* Latent pixels around a latent pixel that its picture depends on, or, encoding, whose pictures it
 * depends on. */
guint pd_tiny_vae_halo (const PdTinyVaeConfig *config, gboolean decode);

/* The encoder or decoder for one shape, recorded. */
typedef struct _PdTinyVaePass PdTinyVaePass;

/* Of n latents of h × w. */
PdTinyVaePass *pd_tiny_vae_decoder_new (PdTinyVae *vae, guint n, guint h, guint w, GError **error);
PdTinyVaePass *pd_tiny_vae_encoder_new (PdTinyVae *vae, guint n, guint h, guint w, GError **error);
void pd_tiny_vae_pass_free (PdTinyVaePass *self);
PdGraph *pd_tiny_vae_pass_graph (PdTinyVaePass *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdTinyVaePass, pd_tiny_vae_pass_free)

/* @latents: [n][latent_channels][h][w]; @picture: [n][h · scale][w · scale][out_channels], about
 * -1 … 1; @n_latents, @n_picture: the arrays' lengths. Errors: PD_ERROR_BAD_MODEL (lengths that are
 * not the pass's: nothing is written), and those of a graph's run. */
gboolean pd_tiny_vae_decode (PdTinyVaePass *self,
                             const float *latents,
                             gsize n_latents,
                             float *picture,
                             gsize n_picture,
                             GCancellable *cancellable,
                             GError **error);
gboolean pd_tiny_vae_encode (PdTinyVaePass *self,
                             const float *picture,
                             gsize n_picture,
                             float *latents,
                             gsize n_latents,
                             GCancellable *cancellable,
                             GError **error);
