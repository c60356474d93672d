// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* The words of the command that starts the engine.
 * @command: words as a shell reads them. NULL: the installed engine, which is in the folder bin/
 * beside this program, where it was configured to be installed, or in PATH. Returns: (transfer
 * full) the words, NULL-terminated. Errors: PD_ERROR_NO_DEVICE. */
char **pd_engine_command_words (const char *command, GError **error);
