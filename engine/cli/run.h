// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* The verbs that make a picture. argv[0] is the verb; data_folder: where the embedded model is.
 * Return the exit status: 0, 1 (failed), 2 (usage). */
int pd_run_generate (int argc, char **argv, const char *data_folder);
int pd_run_inpaint (int argc, char **argv, const char *data_folder);
int pd_run_restyle (int argc, char **argv, const char *data_folder);
int pd_run_upscale (int argc, char **argv, const char *data_folder);
