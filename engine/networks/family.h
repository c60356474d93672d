// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/autoencoder.h"
#include "engine/networks/conditioner.h"
#include "engine/networks/denoiser.h"

/* A family of models: which networks they are made of. A new one is a file family-NAME.c and a row
 * in family.c. Nothing of @files is used once a part is made. */
typedef struct
{
  gboolean (*recognises) (const PdModelFiles *files);
  PdConditioner *(*conditioner_new) (const PdBackend *backend,
                                     const PdModelFiles *files,
                                     GError **error);
  PdDenoiser *(*denoiser_new) (const PdBackend *backend, const PdModelFiles *files, GError **error);
  PdAutoencoder *(*autoencoder_new) (const PdBackend *backend,
                                     const PdModelFiles *files,
                                     GError **error);
  /* Without weights, of files that have an autoencoder. */
  PdAutoencoderInfo (*autoencoder_info) (const PdModelFiles *files);
} PdFamily;

/* The family of a model whose parts are all there. Errors: PD_ERROR_BAD_MODEL. */
const PdFamily *pd_family_find (const PdModelFiles *files, GError **error);
