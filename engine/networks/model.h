// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/networks/family.h"

/* What of a model works on tiles, once more, on another device. */
typedef struct
{
  PdDenoiser *denoiser;
  PdAutoencoder *autoencoder;
} PdModelCopy;

/* A whole text-to-image model, on the device. Members are for reading. */
typedef struct
{
  PdModelFiles *files;
  GPtrArray *stamps;          /* PdFileStamp, of every file that was read */
  PdConditioner *conditioner; /* NULL if it is for tiles alone */
  PdDenoiser *denoiser;
  PdAutoencoder *autoencoder;
  GArray *copies; /* PdModelCopy */
} PdModel;

/* Loads every part of the model at @path, but @parts (may be NULL) from where they say; @backend is
 * borrowed. Nothing of the files is used
 * afterwards but by pd_model_add_copy. Errors: PD_ERROR_BAD_MODEL, also when a file
 * changes meanwhile, PD_ERROR_OUT_OF_MEMORY.
 */
PdModel *pd_model_load (const PdBackend *backend,
                        const char *path,
                        const PdModelParts *parts,
                        GError **error);
void pd_model_free (PdModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdModel, pd_model_free)

/* The same without what reads prompts, for a device that is given conditions: no conditioner. */
PdModel *pd_model_load_for_tiles (const PdBackend *backend,
                                  const char *path,
                                  const PdModelParts *parts,
                                  GError **error);

/* Tells models of one kind apart whose weights differ: of denoiser and autoencoder, the names and
 * shapes of all tensors and the first values of each; reading gigabytes again would take too long.
 * Returns: (transfer full) hexadecimal digits. Errors: PD_ERROR_BAD_MODEL, G_IO_ERROR. */
char *pd_model_digest (const PdModel *self, GError **error);

/* Adds a copy on the device of @backend, which is borrowed. Errors: those of pd_model_load. */
gboolean pd_model_add_copy (PdModel *self, const PdBackend *backend, GError **error);

/* What is on the device of copy @a and of copy @b, 0 being the model's own, changes places. */
void pd_model_swap (PdModel *self, guint a, guint b);

/* Has prompts encoded on the model's own device, after a change of places. Errors: those of
 * pd_model_load. */
gboolean pd_model_move_conditioner (PdModel *self, GError **error);

/* The path of a file that is another one than was read or was changed since; NULL: none. */
const char *pd_model_changed_file (const PdModel *self);
