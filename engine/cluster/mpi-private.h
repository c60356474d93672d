// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <mpi.h>

#include "engine/cluster/cluster.h"

/* Messages between rank 0 and another one, by tag. A call and its answer have the device's. */
enum
{
  PD_MPI_CANCEL, /* to the others: number of a call, guint32 */
  PD_MPI_LEAVE,  /* to the others: nothing; a byte if each ends by itself */
  PD_MPI_SHARE,  /* to the others: a piece of a share comes */
  PD_MPI_HERE,   /* to the others: nothing; comes back at once, with a byte after a signal */
  PD_MPI_VERSION,
  PD_MPI_DEVICE,
};

/* A call is its number, which no other one has, the method and what it gets. An answer is a call's
 * number, whether it went well, and the reply, or an error as (sis). */
#define PD_MPI_CALL "(uuv)"
#define PD_MPI_ANSWER "(ubv)"

/* µs. An MPI library waits by turning round, and would take a processor from what is computed. */
enum
{
  PD_MPI_MOVING_PAUSE = 20,
  PD_MPI_LEAST_PAUSE = 50,
  PD_MPI_MOST_PAUSE = 1000,
  PD_MPI_IDLE_PAUSE = 10000,
};

/* Of all calls of MPI, none of which waits. */
extern GMutex pd_mpi_lock;

/* Whether what was begun is over; @ok: and went well. */
gboolean pd_mpi_test (MPI_Request *request, gboolean *ok);

/* Waits for its end, to which process @rank has to do its part (MPI_ANY_SOURCE: all). Returns:
 * FALSE if it failed, or that is missing: then the library may still use its bytes. */
gboolean pd_mpi_finish (MPI_Request *request, int rank);

/* Sends @n bytes. Returns: FALSE if they cannot be sent; see pd_mpi_finish. */
gboolean pd_mpi_send (int rank, int tag, const void *data, gsize n);

/* The next message of @rank with @tag (which may be MPI_ANY_TAG), if one has come. *data: (transfer
 * full), NULL if there was none. Returns: FALSE if the other one is gone. */
gboolean pd_mpi_receive (int rank, int *tag, guint8 **data, gsize *n);

/* @message: taken, if it floats. */
gboolean pd_mpi_send_variant (int rank, int tag, GVariant *message);

/* @data: (transfer full). Returns: (transfer full) NULL if it is nothing of @type. */
GVariant *pd_mpi_read_variant (guint8 *data, gsize n, const char *type);

/* The processes that rank 0 sees, of which it keeps watch; to be called by all. */
void pd_mpi_peers_open (int rank, int size);

/* To be called again and again while something is waited for. Returns: FALSE if process @rank has
 * not said for long that it is there; of other processes than rank 0 TRUE. */
gboolean pd_mpi_is_here (int rank);

/* Returns: the first of the others that is not here; 0 if there is none. */
int pd_mpi_first_missing (void);

/* Returns: whether all are here to end together. */
gboolean pd_mpi_peers_close (void);

/* The process will end by itself. To end together is to wait for what started them, too, which may
 * be waiting for their end. */
void pd_mpi_part (void);

/* @rank: of the missing one; 0: which it is is not known. */
void pd_mpi_set_missing (GError **error, int rank);

/* A function of PdLinkClass, beside the bytes that it counts. */
gboolean pd_mpi_share (
    gconstpointer data, gsize bytes, guint32 *number, GCancellable *cancellable, GError **error);

/* Takes part in what the @n bytes of @message, PD_MPI_SHARE, announce. */
void pd_mpi_join_share (const guint8 *message, gsize n);

/* To be called again and again. Returns: whether something is being spread. */
gboolean pd_mpi_advance_shares (void);

/* Nothing is known any more, and nobody waits for it. */
void pd_mpi_close_shares (void);
