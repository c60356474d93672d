// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/family-sd.h"
#include "engine/networks/tiny-vae.h"
#include "engine/networks/unet.h"
#include "engine/networks/vae.h"

static gboolean
recognises (const PdModelFiles *files)
{
  PdNetworkClass vae = files->parts[PD_PART_VAE].class;

  return files->parts[PD_PART_UNET].class == PD_CLASS_UNET_2D_CONDITION &&
         files->parts[PD_PART_TEXT_ENCODER].class == PD_CLASS_CLIP_TEXT &&
         (vae == PD_CLASS_AUTOENCODER_KL || vae == PD_CLASS_AUTOENCODER_TINY);
}

static PdDenoiser *
denoiser_new (const PdBackend *backend, const PdModelFiles *files, GError **error)
{
  const PdPartFiles *unet = &files->parts[PD_PART_UNET];

  return pd_unet_new (backend, unet->config, unet->checkpoint, error);
}

static PdAutoencoder *
autoencoder_new (const PdBackend *backend, const PdModelFiles *files, GError **error)
{
  const PdPartFiles *vae = &files->parts[PD_PART_VAE];

  return vae->class == PD_CLASS_AUTOENCODER_KL
             ? pd_vae_new (backend, vae->config, vae->checkpoint, error)
             : pd_tiny_vae_new (backend, vae->config, vae->checkpoint, error);
}

static PdAutoencoderInfo
autoencoder_info (const PdModelFiles *files)
{
  const PdPartFiles *vae = &files->parts[PD_PART_VAE];

  return vae->class == PD_CLASS_AUTOENCODER_KL ? pd_vae_info (vae->config)
                                               : pd_tiny_vae_info (vae->config);
}

const PdFamily pd_family_sd = {
  .recognises = recognises,
  .conditioner_new = pd_conditioner_new,
  .denoiser_new = denoiser_new,
  .autoencoder_new = autoencoder_new,
  .autoencoder_info = autoencoder_info,
};
