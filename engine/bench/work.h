// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"

/* Floating-point operations (two per multiply-add) of the products of a model part, counted from
 * its configuration. Norms, activations and softmax are left out. */
typedef struct
{
  double convolution, linear, attention;
} PdWork;

double pd_work_total (const PdWork *self);

/* n latents of h × w with `tokens` text tokens each. */
PdWork pd_work_of_unet (const PdUNetConfig *config, guint n, guint h, guint w, guint tokens);
/* Decoding one latent of h × w. */
PdWork pd_work_of_vae_decoder (const PdVaeConfig *config, guint h, guint w);
PdWork pd_work_of_tiny_vae_decoder (const PdTinyVaeConfig *config, guint h, guint w);
/* One sequence. */
PdWork pd_work_of_text_encoder (const PdTextConfig *config, guint tokens);
