// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"

/* The single-file half of pd_model_files_open; self->path is set. @parts: bits 1 << PdPart of those
 * that are taken from it. */
gboolean
pd_single_file_open (PdModelFiles *self, const char *config_folder, guint parts, GError **error);

/* Takes @part, a VAE or a text encoder, from the .safetensors file @path, which need not be more
 * than that. What its tensors do not tell comes from config.json beside it, in the folder named
 * like it, or in @config_folder/PART/ (may be NULL), whichever suits its sizes first. */
gboolean pd_single_file_open_part (
    PdModelFiles *self, PdPart part, const char *path, const char *config_folder, GError **error);

/* Where a part is looked for that the file @path lacks: NAME.vae.safetensors for NAME.safetensors.
 * Free with g_free. */
char *pd_single_file_beside (const char *path, PdPart part);

/* NAME/ for NAME.safetensors, if it is there. Free with g_free. */
char *pd_single_file_folder (const char *path);

/* Takes @part from @path, as PdModelParts has it; @config_folder: of the model. */
gboolean pd_model_files_take_part (
    PdModelFiles *self, PdPart part, const char *path, const char *config_folder, GError **error);

/* The schedule and tokenizer of a folder in a pipeline's layout, as far as it has them. */
gboolean pd_model_files_load_common (PdModelFiles *self, const char *folder, GError **error);
