// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"
#include "engine/networks/autoencoder.h"

/* diffusers' AutoencoderTiny (TAESD): an autoencoder without norms and attention, so that what a
 * pixel becomes depends on its neighbourhood alone. Works on the pipeline's latents. @backend is
 * borrowed. Errors: PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY. */
PdAutoencoder *pd_tiny_vae_new (const PdBackend *backend,
                                const PdTinyVaeConfig *config,
                                PdCheckpoint *checkpoint,
                                GError **error);

/* The halos are what a latent pixel's picture depends on, and the latent pixels whose pictures it
 * depends on. */
PdAutoencoderInfo pd_tiny_vae_info (const PdTinyVaeConfig *config);
