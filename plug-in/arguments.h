// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request.h"

/* Reads "name=value …", words quoted as in a shell, into the request. What the image decides
 * (sizes, files) is no option. Errors: PD_ERROR_BAD_REQUEST that says which names or values there
 * are; the request is unchanged.
 */
gboolean pd_arguments_apply (PdRequest *request, const char *options, GError **error);
