// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request.h"

/* What is kept from session to session, in parallel-diffusion/settings.json in the folder of the
 * user's settings: {"engine-command": "…", "request": {…}}. The command, words as a shell reads
 * them, starts the engine; without it the installed one is started. */

/* Sets the parameters of the last request; what cannot be read is left as it is, with a message in
 * the log. Either may be NULL.
 * engine_command: (transfer full) NULL if there is none */
void pd_settings_load (PdRequest *request, char **engine_command);

/* Keeps the parameters. Errors: of GFileError. */
gboolean pd_settings_save (PdRequest *request, GError **error);
