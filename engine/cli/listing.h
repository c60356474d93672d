// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* The verbs that list what there is. argv[0] is the verb; data_folder: where the embedded model is.
 * Return the exit status: 0, 1 (failed), 2 (usage). */
int pd_listing_devices (int argc, char **argv, const char *data_folder);
int pd_listing_models (int argc, char **argv, const char *data_folder);
