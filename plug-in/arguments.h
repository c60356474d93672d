// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"

/* Reads "name=value …", words quoted as in a shell, into the request. What the image decides
 * (sizes, files) is no option. Errors: PD_ERROR_BAD_REQUEST that says which names or values there
 * are; the request is unchanged.
 */
gboolean pd_arguments_apply (PdRequest *request, const char *options, GError **error);

/* Names options of the command line in a message of the engine as they are called here: “--steps
 * 20” is steps=20 for the procedure and “Steps” in the dialog. Returns: (transfer full) the
 * message. */
char *pd_arguments_name_options (const char *message, gboolean in_dialog);
