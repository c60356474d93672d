// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/config.h"
#include "engine/networks/layers.h"
#include "engine/networks/norms.h"
#include "engine/networks/sharing.h"

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
const PdBackend *pd_unet_backend (const PdUNet *self);

/* The UNet for one shape, recorded. */
typedef struct _PdUNetPass PdUNetPass;

typedef struct
{
  guint n, h, w;    /* n latents of h × w pixels, any h and w ≥ 1 */
  guint tokens;     /* of each latent's text */
  PdProbes *probes; /* may be NULL */
  gboolean timestamps;
  gboolean wide; /* activations are f32 whatever the backend's are */

  /* Attention between images of the canvas (engine/networks/sharing.h). */
  PdShare share;
  PdBank *bank;   /* to be written or read; borrowed */
  guint branches; /* of guidance: the batch is branches · tiles images, branch by branch */

  gboolean norms; /* statistics of group norms can be read and given; they are to be written, with
                     pd_norms_write, before the first run */
} PdUNetPassOptions;

PdUNetPass *pd_unet_pass_new (PdUNet *unet, const PdUNetPassOptions *options, GError **error);
void pd_unet_pass_free (PdUNetPass *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdUNetPass, pd_unet_pass_free)

PdGraph *pd_unet_pass_graph (PdUNetPass *self);

/* NULL unless asked for. */
PdNorms *pd_unet_pass_norms (PdUNetPass *self);

/* pd_norms_count of a pass with norms. */
guint pd_unet_n_moments (const PdUNet *self);

/* How much the bank's tokens count in a pass that reads it: 1 as one more tile, 0 not at all. The
 * same for all further runs; 1 in a new pass. */
void pd_unet_pass_set_bank_strength (PdUNetPass *self, double strength);

/* What a run reads and writes, with the lengths of the arrays. */
typedef struct
{
  const float *sample; /* [n][in_channels][h][w] */
  gsize n_sample;
  double timestep;      /* 0 … num_train_timesteps, need not be whole */
  const float *context; /* [n][tokens][cross_attention_dim] */
  gsize n_context;
  float *prediction; /* [n][out_channels][h][w] */
  gsize n_prediction;
} PdUNetRun;

/* Errors: PD_ERROR_BAD_MODEL (lengths that are not the pass's: nothing is written),
 * PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST, G_IO_ERROR_CANCELLED. */
gboolean pd_unet_pass_run (PdUNetPass *self,
                           const PdUNetRun *run,
                           GCancellable *cancellable,
                           GError **error);
