// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/environment.h"

#include <glib/gi18n-lib.h>

static const struct
{
  const char *name, *meaning;
} variables[PD_ENVIRONMENT_N] = {
  [PD_ENVIRONMENT_DATA] = { "PARALLEL_DIFFUSION_DATA",
                            N_ ("folder to find models/ in, instead of the program's own") },
  [PD_ENVIRONMENT_DEBUG] = { "PD_DEBUG",
                             N_ ("what to tell on standard error, with commas between:\n"
                                 "plan, graph, submit, cache, wire, or all") },
  [PD_ENVIRONMENT_VALIDATION] = { "PD_VALIDATION",
                                  N_ ("1: use the Vulkan validation layer;\n"
                                      "gpu: let it look at each access of a kernel") },
  [PD_ENVIRONMENT_MAX_STORAGE_RANGE] = { "PD_MAX_STORAGE_RANGE",
                                         N_ ("bytes that a kernel may bind at once, for tests") },
  [PD_ENVIRONMENT_JOURNAL_SECONDS] = { "PD_JOURNAL_SECONDS",
                                       N_ ("seconds from one saved state of a run to the next") },
  [PD_ENVIRONMENT_CONFINE] = { "PD_CONFINE", N_ ("no: give up no rights to files and calls") },
  [PD_ENVIRONMENT_CONFINE_READ] = { "PD_CONFINE_READ",
                                    N_ ("paths that serve may read, one a line") },
  [PD_ENVIRONMENT_CONFINE_WRITE] = { "PD_CONFINE_WRITE",
                                     N_ ("folders that serve may write to, one a line") },
  [PD_ENVIRONMENT_VECTOR_WIDTH] = { "LP_NATIVE_VECTOR_WIDTH",
                                    N_ ("bits of a vector on lavapipe; 512 if it is not set and\n"
                                        "the processor has AVX-512") },
  [PD_ENVIRONMENT_MESA_CACHE] = { "MESA_SHADER_CACHE_DIR",
                                  N_ ("where Mesa keeps compiled kernels; one folder per width\n"
                                      "of vectors if it is not set") },
  [PD_ENVIRONMENT_NVIDIA_CACHE] = { "__GL_SHADER_DISK_CACHE_PATH",
                                    N_ ("where NVIDIA's driver keeps compiled kernels") },
  [PD_ENVIRONMENT_GEGL_SWAP] = { "GEGL_SWAP",
                                 N_ ("where GEGL puts what does not fit into memory") },
};

const char *
pd_environment_name (PdEnvironment variable)
{
  return variables[variable].name;
}

const char *
pd_environment_get (PdEnvironment variable)
{
  return g_getenv (variables[variable].name);
}

const char *
pd_environment_meaning (PdEnvironment variable)
{
  return _ (variables[variable].meaning);
}
