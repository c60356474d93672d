// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"
#include "plug-in/engine-client.h"

/* Settings that are kept from session to session, in parallel-diffusion/settings.json in the folder
 * of the user's settings: {"engine-command": "…", "confine-engine": true, "request": {…}}. The
 * command, words as a shell reads them, starts the engine; without it the installed one is started.
 * With false, the engine keeps all rights of the user's. */

/* Sets the parameters of the last request; what cannot be read is left as it is, with a message in
 * the log. Returns: whether there were any. */
gboolean pd_settings_load (PdRequest *request);

/* Returns: (transfer full) an engine as the settings ask for it. */
PdEngineClient *pd_settings_new_client (void);

/* Keeps the parameters. Errors: of GFileError. */
gboolean pd_settings_save (PdRequest *request, GError **error);
