// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"

/* What the readers of the layouts share. */

/* Takes @checkpoint (owned) as @part, with the @size bytes of @config. Returns: whether @checkpoint
 * is not NULL, as after a failure. */
gboolean pd_model_files_take (PdModelFiles *self,
                              PdPart part,
                              PdNetworkClass class,
                              PdCheckpoint *checkpoint,
                              gconstpointer config,
                              gsize size);

/* Takes the schedule and the tokenizer of @folder, which is laid out as a pipeline's, as far as it
 * has them. */
gboolean pd_model_files_load_common (PdModelFiles *self, const char *folder, GError **error);

/* Where @part is looked for if the file self->path lacks it: NAME.PART followed by @suffix for
 * NAME.safetensors. Free with g_free. */
char *pd_model_files_beside (const PdModelFiles *self, PdPart part, const char *suffix);
