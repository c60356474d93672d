// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* parallel-diffusion bench [OPTION…]: how fast the kernels and a model run, as shares of what the
 * device does at best. argv[0] is the verb. @data_folder: where the embedded models are. Returns
 * the exit status. */
int pd_bench_main (int argc, char **argv, const char *data_folder);
