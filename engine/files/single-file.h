// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"

/* Takes those of @parts (bits 1 << PdPart) that are in the file self->path, in the CompVis/LDM
 * layout of SD 1.x. What its tensors do not tell comes from @config_folder, laid out as a
 * pipeline's folder; NULL: none. */
gboolean
pd_single_file_open (PdModelFiles *self, const char *config_folder, guint parts, GError **error);

/* Takes @part, a VAE or a text encoder, from the .safetensors file @path, which need not be more
 * than that. What its tensors do not tell comes from config.json beside it, in the folder named
 * like it, or in @config_folder/PART/ (may be NULL), whichever suits its sizes first. */
gboolean pd_single_file_open_part (
    PdModelFiles *self, PdPart part, const char *path, const char *config_folder, GError **error);

/* NAME/ for NAME.safetensors, if it is there. Free with g_free. */
char *pd_single_file_folder (const char *path);
