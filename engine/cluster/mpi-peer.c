// SPDX-License-Identifier: GPL-3.0-or-later
/* The others, as rank 0 sees them. Each answers at once when it is asked whether it is there, for
 * what its devices do is done on other threads. */
#include "engine/cluster/mpi-private.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

enum
{
  HOST_MAX = 64, /* bytes of a name, with the zero */
};

/* µs */
static const gint64 least = 50 * G_TIME_SPAN_MILLISECOND; /* between two looks */
static const gint64 interval = G_USEC_PER_SEC;            /* from an answer to the next question */
static const gint64 silence = 30 * G_USEC_PER_SEC;        /* after which nobody is there any more */
static const gint64 moment = 300 * G_TIME_SPAN_MILLISECOND; /* that all may take if one is missed */

typedef struct
{
  char host[HOST_MAX];
  gint64 looked; /* when it was looked whether an answer has come */
  gint64 heard;  /* when it answered; 0: not yet */
  gint64 asked;  /* when it was asked what it has not answered; 0: it has */
  MPI_Request answer;
  guint8 byte;      /* of it; 1: it got a signal */
  gboolean missing; /* it did not answer */
} Peer;

static GMutex lock; /* of what follows */
static Peer *peers;

/* For who is missing. */
static struct
{
  GMutex lock; /* of what follows */
  GCond changed;
  gboolean over;
  guint missing;
} look;

void
pd_mpi_peers_open (int rank, int size)
{
  char host[HOST_MAX] = "";
  g_autofree char *hosts = g_malloc0 ((gsize) size * HOST_MAX);

  g_strlcpy (host, g_get_host_name (), sizeof host);
  MPI_Gather (host, HOST_MAX, MPI_BYTE, hosts, HOST_MAX, MPI_BYTE, 0, MPI_COMM_WORLD);
  if (rank > 0)
    return;
  peers = g_new0 (Peer, (gsize) size);
  for (int i = 0; i < size; i++)
    g_strlcpy (peers[i].host, hosts + (gsize) i * HOST_MAX, HOST_MAX);
}

const char *
pd_cluster_host (guint rank)
{
  return peers[rank].host;
}

/* With the lock: takes the answer of @rank, if it has come. */
static void
listen_to (int rank)
{
  Peer *self = &peers[rank];
  gboolean ok;

  self->looked = g_get_monotonic_time ();
  if (self->asked == 0 || !pd_mpi_test (&self->answer, &ok))
    return;
  self->heard = self->looked;
  self->asked = 0;
  self->missing = !ok;
  if (self->byte != 0)
    pd_mpi_part ();
}

/* With the lock. Nothing is waited for. */
static void
ask (int rank)
{
  Peer *self = &peers[rank];
  MPI_Request question;

  if (self->asked != 0)
    return;
  self->asked = g_get_monotonic_time ();
  g_mutex_lock (&pd_mpi_lock);
  MPI_Irecv (&self->byte, 1, MPI_BYTE, rank, PD_MPI_HERE, MPI_COMM_WORLD, &self->answer);
  if (MPI_Isend (NULL, 0, MPI_BYTE, rank, PD_MPI_HERE, MPI_COMM_WORLD, &question) == MPI_SUCCESS)
    MPI_Request_free (&question);
  g_mutex_unlock (&pd_mpi_lock);
}

gboolean
pd_mpi_is_here (int rank)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  const gint64 now = g_get_monotonic_time ();
  Peer *self;

  if (peers == NULL)
    return TRUE;
  self = &peers[rank];
  if (now - self->looked < least)
    return !self->missing;
  /* Of a pause between two looks one interval counts at most: all may have been stopped. */
  if (self->asked != 0 && now - self->looked > interval)
    self->asked += now - self->looked - interval;
  listen_to (rank);
  if (now - self->heard > interval)
    ask (rank);
  if (self->asked != 0 && now - self->asked > silence)
    self->missing = TRUE;
  return !self->missing;
}

static void
ask_all (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  for (guint rank = 1; rank < pd_cluster_size (); rank++)
    {
      listen_to ((int) rank);
      ask ((int) rank);
    }
}

/* Returns: the first process that has not answered, which is then missing if it was the @last
 * look; 0 if all have. */
static guint
first_silent (gboolean last)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  for (guint rank = 1; rank < pd_cluster_size (); rank++)
    {
      listen_to ((int) rank);
      if (peers[rank].asked == 0)
        continue;
      peers[rank].missing = peers[rank].missing || last;
      return rank;
    }
  return 0;
}

/* A thread's: the library may not come back. Where a connection has broken, Open MPI tells the one
 * that started the processes and waits for it to listen, while that one waits for their end. */
static gpointer
look_for_missing (gpointer data)
{
  const gint64 end = g_get_monotonic_time () + moment;
  guint silent;

  ask_all ();
  while ((silent = first_silent (FALSE)) != 0 && g_get_monotonic_time () < end)
    g_usleep (PD_MPI_MOST_PAUSE);
  if (silent != 0)
    silent = first_silent (TRUE);
  g_mutex_lock (&look.lock);
  look.over = TRUE;
  look.missing = silent;
  g_cond_signal (&look.changed);
  g_mutex_unlock (&look.lock);
  return NULL;
}

guint
pd_cluster_find_missing (void)
{
  const gint64 end = g_get_monotonic_time () + 2 * moment;
  guint missing;

  if (pd_cluster_size () < 2)
    return 0;
  g_mutex_lock (&look.lock);
  look.over = FALSE;
  g_thread_unref (g_thread_new ("pd-missing", look_for_missing, NULL));
  while (!look.over && g_cond_wait_until (&look.changed, &look.lock, end))
    ;
  missing = look.over ? look.missing : pd_cluster_size ();
  g_mutex_unlock (&look.lock);
  return missing;
}

int
pd_mpi_first_missing (void)
{
  for (int rank = 1; peers != NULL && rank < (int) pd_cluster_size (); rank++)
    if (!pd_mpi_is_here (rank))
      return rank;
  return 0;
}

gboolean
pd_mpi_peers_close (void)
{
  if (pd_mpi_first_missing () != 0)
    return FALSE;
  for (guint rank = 1; peers != NULL && rank < pd_cluster_size (); rank++)
    if (peers[rank].asked != 0)
      {
        MPI_Cancel (&peers[rank].answer);
        MPI_Request_free (&peers[rank].answer);
      }
  return TRUE;
}

void
pd_mpi_set_missing (GError **error, int rank)
{
  if (rank == 0)
    g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                 _ ("The processes of the cluster cannot reach each other any more"));
  else
    g_set_error (error, PD_ERROR, PD_ERROR_NO_DEVICE,
                 _ ("Process %d of the cluster, on %s, has ended or does not answer"), rank,
                 pd_cluster_host ((guint) rank));
}
