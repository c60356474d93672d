// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"

#include <gio/gio.h>

/* Named settings: JSON objects as pd_request_set_json() reads them. A person's own are files
 * NAME.json in parallel-diffusion/presets of the configuration folder; some come with the program.
 */

typedef struct
{
  char *name;       /* shown; translated when it came with the program */
  char *file;       /* of one's own, NULL: it came with the program */
  const char *path; /* in the program's resources, NULL: it is one's own */
} PdPreset;

void pd_preset_free (PdPreset *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdPreset, pd_preset_free)

/* Returns: (transfer full) (element-type PdPreset) one's own by name, then the others */
GPtrArray *pd_presets_list (void);

/* Sets the parameters that the preset has, the others stay, as do files and a model's path, which
 * no preset chooses.
 * @note: (transfer full) what was left out for that, to be shown; NULL: nothing
 * Errors: the file cannot be read, or is not a request: names it; the request is unchanged. */
gboolean pd_preset_apply (const PdPreset *self, PdRequest *request, char **note, GError **error);

/* Writes everything that does not belong to one picture or place, replacing a preset of that name;
 * the file is whole or unchanged whatever happens.
 * Errors: the name cannot be a file's, the folder cannot be written. */
gboolean pd_presets_save (const char *name, PdRequest *request, GError **error);

/* @self: one of the person's own */
gboolean pd_preset_delete (const PdPreset *self, GError **error);
