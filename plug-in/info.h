// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "plug-in/engine-client.h"

/* Asks the engine for its version, devices and models and lets the best device compute one small
 * thing; runs a main loop meanwhile.
 * Returns: (transfer full) lines of text for people. Errors: what is wrong: those of
 * PdEngineClient, no model. */
char *pd_info_collect (PdEngineClient *client, GError **error);
