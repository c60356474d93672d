// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/probes.h"

gboolean
pd_probes_want (const PdProbes *self, const char *path)
{
  return self != NULL && g_hash_table_contains (self->wanted, path);
}

void
pd_probes_keep (PdProbes *self, PdGraph *graph, const char *path, PdTensor *tensor)
{
  if (pd_probes_want (self, path))
    g_hash_table_replace (self->wanted, g_strdup (path), pd_graph_output (graph, tensor));
}
