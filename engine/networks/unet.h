// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"
#include "engine/networks/denoiser.h"

/* diffusers' UNet2DConditionModel: its weights on the device. It reads the condition "context", and
 * of a map the channels that it has beside those of the latent. @backend is borrowed. Errors:
 * PD_ERROR_BAD_MODEL (missing tensor, wrong shape, or a kind of UNet that cannot be run),
 * PD_ERROR_OUT_OF_MEMORY. */
PdDenoiser *pd_unet_new (const PdBackend *backend,
                         const PdUNetConfig *config,
                         PdCheckpoint *checkpoint,
                         GError **error);
