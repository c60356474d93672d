// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/link.h"

/* The processes that mpirun started together. The first one, rank 0, has the request and its files,
 * and calls the others, which do nothing but answer. Where the program was built without MPI, or
 * was started by itself, there is one. */

/* Joins the others, if there are any; to be called before the process gives up rights, because then
 * no more connections can be made. All have to be of this @version. Returns: FALSE if they are not,
 * with an error. */
gboolean pd_cluster_join (const char *version, GError **error);

/* Waits until all leave. To be called by rank 0 too, whatever became of the run:
 * it ends the others. */
void pd_cluster_leave (void);

guint pd_cluster_rank (void);

/* How many processes there are. */
guint pd_cluster_size (void);

/* The machine that process @rank is on, for rank 0. */
const char *pd_cluster_host (guint rank);

/* Of rank 0: asks all others whether they are there, which they say at once whatever their devices
 * do, and waits a moment for it. Returns: the first one that does not answer, to which links
 * fail then; 0 if there is none; pd_cluster_size if that does not become known, for a connection
 * has broken and MPI is busy with that. */
guint pd_cluster_find_missing (void);

/* A link to device @device of process @rank, for rank 0. */
PdLink *pd_cluster_link (guint rank, guint device);

enum
{
  PD_CLUSTER_DEVICES_MAX = 16, /* of a process */
};

/* Does what rank 0 calls for, on a thread for each device. Returns: (transfer full) floating, the
 * reply; NULL with an error. */
typedef GVariant *(*PdClusterHandler) (guint device,
                                       guint method,
                                       GVariant *params,
                                       GCancellable *cancellable,
                                       gpointer user_data,
                                       GError **error);

/* Of the other ranks: answers until rank 0 leaves. SIGINT and SIGTERM end it some seconds later, so
 * that rank 0, which got the signal, too, if all did, can end its work with them. */
void pd_cluster_serve (PdClusterHandler handler, gpointer user_data);

/* For a handler: what rank 0 gave to all by pd_link_share; waits until it is here. Returns:
 * (transfer full); NULL with an error when there is no such number, or no longer, or it was
 * cancelled, or there was no memory for it. */
GBytes *pd_cluster_shared (guint32 number, GCancellable *cancellable, GError **error);
