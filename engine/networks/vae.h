// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"
#include "engine/networks/globals.h"
#include "engine/networks/layers.h"

/* diffusers' AutoencoderKL: its weights on the device. */
typedef struct _PdVae PdVae;

/* @backend is borrowed. Errors: PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY. */
PdVae *pd_vae_new (const PdBackend *backend,
                   const PdVaeConfig *config,
                   PdCheckpoint *checkpoint,
                   GError **error);
void pd_vae_free (PdVae *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdVae, pd_vae_free)

const PdBackend *pd_vae_backend (const PdVae *self);

/* Pixels per latent pixel, along each side. */
guint pd_vae_scale (const PdVaeConfig *config);

/* Latent pixels around a window beyond which nothing shows: 4/7 of the decoder's reach without its
 * norms and attention. The rest of the reach counts too little: with the embedded model (reach 14,
 * halo 8) neighbouring windows differ by 0.1/255 at most where they meet. The encoder's reach is
 * smaller. */
guint pd_vae_halo (const PdVaeConfig *config);

/* The encoder or decoder for one shape, recorded. */
typedef struct _PdVaePass PdVaePass;

typedef struct
{
  gboolean decode;
  guint n, h, w;      /* latents; pictures of h · scale × w · scale */
  PdProbes *probes;   /* may be NULL; only without globals */
  PdGlobals *globals; /* may be NULL: each image has its own statistics and attends to itself */
  PdGlobalsMode globals_mode;
  gboolean timestamps;
} PdVaePassOptions;

PdVaePass *pd_vae_pass_new (PdVae *vae, const PdVaePassOptions *options, GError **error);

/* For an encoder or decoder that gathers from a sample of the canvas; @axes in latent pixels. */
PdGlobals *
pd_vae_globals_new (PdVae *self, gboolean decode, const PdGlobalsAxis axes[2], GError **error);

/* Without globals, of n latents of h × w (pictures of h · scale × w · scale). @probes may be NULL.
 */
PdVaePass *pd_vae_decoder_new (
    PdVae *vae, guint n, guint h, guint w, PdProbes *probes, gboolean timestamps, GError **error);
PdVaePass *pd_vae_encoder_new (
    PdVae *vae, guint n, guint h, guint w, PdProbes *probes, gboolean timestamps, GError **error);
void pd_vae_pass_free (PdVaePass *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdVaePass, pd_vae_pass_free)

PdGraph *pd_vae_pass_graph (PdVaePass *self);

/* @latents: [n][latent_channels][h][w], raw (the pipeline's divided by scaling_factor, plus
 * shift_factor); @picture: [n][h · scale][w · scale][out_channels], about -1 … 1, not clamped;
 * @n_latents, @n_picture: the arrays' lengths. Errors: PD_ERROR_BAD_MODEL (lengths that are not the
 * pass's: nothing is written), and those of a graph's run. */
gboolean pd_vae_decode (PdVaePass *self,
                        const float *latents,
                        gsize n_latents,
                        float *picture,
                        gsize n_picture,
                        GCancellable *cancellable,
                        GError **error);

/* @picture: [n][h · scale][w · scale][in_channels] in -1 … 1; @mean and @log_variance:
 * [n][latent_channels][h][w], raw; the logarithm is clamped to -30 … 20. @n_picture, @n_latents:
 * the arrays' lengths, the latter of both. Errors: as decoding. */
gboolean pd_vae_encode (PdVaePass *self,
                        const float *picture,
                        gsize n_picture,
                        float *mean,
                        float *log_variance,
                        gsize n_latents,
                        GCancellable *cancellable,
                        GError **error);
