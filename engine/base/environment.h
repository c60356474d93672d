// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* The environment variables that the program reads, all of them, apart from those of its libraries
 * and drivers. They are read through this table and nowhere else. */
typedef enum
{
  PD_ENVIRONMENT_DATA,
  PD_ENVIRONMENT_DEBUG,
  PD_ENVIRONMENT_VALIDATION,
  PD_ENVIRONMENT_MAX_STORAGE_RANGE,
  PD_ENVIRONMENT_JOURNAL_SECONDS,
  PD_ENVIRONMENT_CONFINE,
  PD_ENVIRONMENT_CONFINE_READ,
  PD_ENVIRONMENT_CONFINE_WRITE,
  PD_ENVIRONMENT_VECTOR_WIDTH,
  PD_ENVIRONMENT_MESA_CACHE,
  PD_ENVIRONMENT_NVIDIA_CACHE,
  PD_ENVIRONMENT_GEGL_SWAP,
  PD_ENVIRONMENT_N,
} PdEnvironment;

const char *pd_environment_name (PdEnvironment variable);
/* The value; NULL if it is not set. */
const char *pd_environment_get (PdEnvironment variable);
/* What the variable does, in the user's language: lines of at most 60 characters. */
const char *pd_environment_meaning (PdEnvironment variable);
