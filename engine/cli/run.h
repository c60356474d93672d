// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* Does what the verb argv[0] says, the name of one of pd_modes. @data_folder: where the embedded
 * model is. Returns: the exit status: 0, 1 (failed), 2 (usage). */
int pd_run_main (int argc, char **argv, const char *data_folder);
