// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/model/config.h"
#include "engine/model/layers.h"

/* diffusers' UNet2DConditionModel: its weights on the device. */
typedef struct _PdUNet PdUNet;

/* @backend is borrowed. Errors: PD_ERROR_BAD_MODEL (missing tensor, wrong shape, or a kind of UNet
 * that cannot be run), PD_ERROR_OUT_OF_MEMORY. */
PdUNet *pd_unet_new (const PdBackend *backend,
                     const PdUNetConfig *config,
                     PdCheckpoint *checkpoint,
                     GError **error);
void pd_unet_free (PdUNet *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdUNet, pd_unet_free)

const PdUNetConfig *pd_unet_config (const PdUNet *self);
gsize pd_unet_weight_bytes (const PdUNet *self);

/* The UNet for one shape, recorded. */
typedef struct _PdUNetPass PdUNetPass;

/* n latents of h × w, any h and w ≥ 1, with `tokens` text tokens each. @probes may be NULL. */
PdUNetPass *pd_unet_pass_new (PdUNet *unet,
                              guint n,
                              guint h,
                              guint w,
                              guint tokens,
                              PdProbes *probes,
                              gboolean timestamps,
                              GError **error);
void pd_unet_pass_free (PdUNetPass *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdUNetPass, pd_unet_pass_free)

PdGraph *pd_unet_pass_graph (PdUNetPass *self);

/* @sample: [n][in_channels][h][w]; @timestep: 0 … num_train_timesteps, need not be whole; @context:
 * [n][tokens][cross_attention_dim]; @prediction: [n][out_channels][h][w]. */
gboolean pd_unet_pass_run (PdUNetPass *self,
                           const float *sample,
                           double timestep,
                           const float *context,
                           float *prediction,
                           GCancellable *cancellable,
                           GError **error);
