// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* parallel-diffusion verify DIR [OPTION…]: computes what the files of reference tensors of a folder
 * expect and compares. argv[0] is the verb. Returns the exit status: 0 all that is covered passed,
 * 1 something failed, 2 usage. */
int pd_verify_main (int argc, char **argv);
