// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/graph.h"

/* Outputs of inner modules that a caller wants to see, by module path; for verification. A wanted
 * output that fusion hides is computed a second time without it. */
typedef struct
{
  GHashTable *wanted; /* path -> PdTensor (NULL until built) */
} PdProbes;

gboolean pd_probes_want (const PdProbes *self, const char *path);
/* Keeps @tensor under @path if it is wanted. @self may be NULL. */
void pd_probes_keep (PdProbes *self, PdGraph *graph, const char *path, PdTensor *tensor);
