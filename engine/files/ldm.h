// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/checkpoint.h"
#include "engine/files/config.h"

/* Checkpoints in one file with the names of CompVis' latent diffusion
 * (https://github.com/CompVis/latent-diffusion): their parts, sizes and names. */

/* The sizes of one file's parts; what its tensors do not tell is what was published for SD 1.x. */
typedef struct
{
  gboolean has_unet, has_vae, has_text_encoder;
  PdUNetConfig unet;
  PdVaeConfig vae;
  PdTextConfig text;
  const char *vae_prefix, *text_prefix; /* of the names of their tensors; static */
  gboolean vae_is_modern;               /* after the prefix its tensors have diffusers' names */
} PdLdmConfig;

/* @parts: bits 1 << PdPart of those that are looked for. Fails with PD_ERROR_BAD_MODEL if a part's
 * tensors are not those of an SD 1.x model. */
gboolean
pd_ldm_config_infer (PdLdmConfig *self, const PdSafetensors *file, guint parts, GError **error);

/* The same for a file from which one part is taken, a VAE or a text encoder: there its names may
 * also stand without a prefix. */
gboolean pd_ldm_config_infer_part (PdLdmConfig *self,
                                   const PdSafetensors *file,
                                   PdPart part,
                                   GError **error);

/* What comes before the names of a text encoder's tensors, if @name is that of one: a static
 * string. Files have these names with and without "text_model.", as versions of transformers wrote
 * them, after what the whole file calls the part. NULL if it is none. */
const char *pd_ldm_text_prefix (const char *name);

/* diffusers' name of today for the VAE's tensor @name, whose attention older versions named
 * otherwise. */
char *pd_ldm_modern_vae_name (const char *name);

/* transformers' name of the text encoder's tensor @name, or NULL if it is none. */
char *pd_ldm_map_text_name (const char *name);

/* diffusers' name of the file's tensor @name, or NULL if it does not belong to @part. */
char *pd_ldm_map_name (const PdLdmConfig *self, PdPart part, const char *name);
