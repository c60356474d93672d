// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/safetensors.h"

typedef enum
{
  PD_PART_UNET,
  PD_PART_VAE,
  PD_PART_TEXT_ENCODER,
} PdPart;
enum
{
  PD_N_PARTS = PD_PART_TEXT_ENCODER + 1
};

/* "unet", "vae", "text_encoder": the folders of the diffusers layout. */
const char *pd_part_name (PdPart part);

/* The weights of one model part under the names diffusers (transformers for the text encoder) gives
 * its parameters, whatever the file's own names are. Nothing is copied: the data are read from the
 * files, which the checkpoint holds open. May be read from any thread. */
typedef struct _PdCheckpoint PdCheckpoint;

/* A folder of the diffusers layout, with one of
 *   diffusion_pytorch_model.safetensors, model.safetensors (looked for first for a text encoder),
 *   pytorch_model.safetensors, the same with .fp16 before .safetensors, several files listed in
 *   ….safetensors.index.json, or a single file of another name that ends in .safetensors. */
PdCheckpoint *pd_checkpoint_open_folder (const char *folder, PdPart part, GError **error);

/* Whether @folder has files of weights, in whatever format. */
gboolean pd_checkpoint_folder_has_weights (const char *folder);

/* One file with diffusers' names (for a VAE the attention's old ones, query key value proj_attn,
 * too; for a text encoder with or without "text_model." or what whole files put before it). */
PdCheckpoint *pd_checkpoint_open_file (const char *path, PdPart part, GError **error);

void pd_checkpoint_free (PdCheckpoint *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdCheckpoint, pd_checkpoint_free)

/* The file or folder, for messages. */
const char *pd_checkpoint_get_path (const PdCheckpoint *self);

gboolean pd_checkpoint_has (PdCheckpoint *self, const char *name);

/* Whether the name of some tensor begins with @prefix. */
gboolean pd_checkpoint_has_prefix (PdCheckpoint *self, const char *prefix);

/* The tensor of diffusers' @name as the file has it, of any shape and dtype; NULL if there is none.
 */
const PdTensorInfo *pd_checkpoint_find (PdCheckpoint *self, const char *name);

/* The tensor of diffusers' @name with shape @dims (-1: any size). A matrix stored as a 1×1
 * convolution, or the reverse, is given the wanted number of dimensions. The dtype is one of the
 * floating-point ones; the scale that files of 8-bit weights have beside a weight is in the info.
 * Fails with PD_ERROR_BAD_MODEL, naming the tensor and what was expected and found. The info lives
 * as long as the checkpoint; its name is the file's own. */
const PdTensorInfo *pd_checkpoint_get (
    PdCheckpoint *self, const char *name, guint n_dims, const gint64 *dims, GError **error);

/* Diffusers' names of all tensors of this part, in the order of the data. */
GPtrArray *pd_checkpoint_list (PdCheckpoint *self);
