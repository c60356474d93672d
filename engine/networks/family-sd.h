// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/family.h"

/* Stable Diffusion 1.x and 2.x: CLIP's text encoder, a UNet with cross-attention, and an
 * AutoencoderKL or an AutoencoderTiny. */
extern const PdFamily pd_family_sd;
