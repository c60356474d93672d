// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* The verb that makes the engine a service: JSON-RPC on standard input and output, until the input
 * ends. argv[0] is the verb; data_folder: where the embedded models are. Returns the exit status:
 * 0, or 2 (usage). */
int pd_service_main (int argc, char **argv, const char *data_folder);
