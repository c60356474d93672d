// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/family.h"

/* A whole text-to-image model, on the device. Members are for reading. */
typedef struct
{
  PdModelFiles *files;
  GPtrArray *stamps; /* PdFileStamp, of every file that was read */
  PdConditioner *conditioner;
  PdDenoiser *denoiser;
  PdAutoencoder *autoencoder;
} PdModel;

/* Loads every part of the model at @path, but @parts (may be NULL) from where they say; @backend is
 * borrowed. Nothing of the files is used afterwards. Errors: PD_ERROR_BAD_MODEL, also when a file
 * changes meanwhile, PD_ERROR_OUT_OF_MEMORY.
 */
PdModel *pd_model_load (const PdBackend *backend,
                        const char *path,
                        const PdModelParts *parts,
                        GError **error);
void pd_model_free (PdModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdModel, pd_model_free)

/* The path of a file that is another one than was read or was changed since; NULL: none. */
const char *pd_model_changed_file (const PdModel *self);
