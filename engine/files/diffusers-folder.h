// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/model-files.h"

/* Takes those of @wanted (bits 1 << PdPart) that are in the folder self->path, which is laid out as
 * a pipeline's folder or is that of one part. */
gboolean pd_diffusers_folder_open (PdModelFiles *self, guint wanted, GError **error);

/* Takes @part from @folder, which holds config.json and weights. */
gboolean
pd_diffusers_folder_open_part (PdModelFiles *self, PdPart part, const char *folder, GError **error);

/* Whether @folder has a config.json that says that it is @part. */
gboolean pd_diffusers_folder_holds (const char *folder, PdPart part);
