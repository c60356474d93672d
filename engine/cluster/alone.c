// SPDX-License-Identifier: GPL-3.0-or-later
/* Without MPI. */
#include "engine/cluster/cluster.h"

gboolean
pd_cluster_join (const char *version, GError **error)
{
  return TRUE;
}

void
pd_cluster_leave (void)
{
}

guint
pd_cluster_rank (void)
{
  return 0;
}

guint
pd_cluster_size (void)
{
  return 1;
}

const char *
pd_cluster_host (guint rank)
{
  g_assert_not_reached ();
}

guint
pd_cluster_find_missing (void)
{
  return 0;
}

PdLink *
pd_cluster_link (guint rank, guint device)
{
  g_assert_not_reached ();
}

void
pd_cluster_serve (PdClusterHandler handler, gpointer user_data)
{
}

GBytes *
pd_cluster_shared (guint32 number, GCancellable *cancellable, GError **error)
{
  g_assert_not_reached ();
}
