// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/model/model-files.h"

/* The single-file half of pd_model_files_open; self->path is set. */
gboolean pd_single_file_open (PdModelFiles *self, const char *config_folder, GError **error);

/* The schedule and tokenizer of a folder in a pipeline's layout, as far as it has them. */
gboolean pd_model_files_load_common (PdModelFiles *self, const char *folder, GError **error);
