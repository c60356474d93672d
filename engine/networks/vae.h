// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"
#include "engine/networks/autoencoder.h"

/* diffusers' AutoencoderKL: its weights on the device. @backend is borrowed. Errors:
 * PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY. */
PdAutoencoder *pd_vae_new (const PdBackend *backend,
                           const PdVaeConfig *config,
                           PdCheckpoint *checkpoint,
                           GError **error);

/* The halo is 4/7 of the decoder's reach without its norms and attention. The rest of the reach
 * counts too little: with the embedded model (reach 14, halo 8) neighbouring windows differ by
 * 0.1/255 at most where they meet. The encoder's reach is smaller. */
PdAutoencoderInfo pd_vae_info (const PdVaeConfig *config);
