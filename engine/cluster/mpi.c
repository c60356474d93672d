// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cluster/mpi-private.h"

#include <signal.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

static int own_rank, size = 1;
static gboolean parted; /* see pd_mpi_part */

/* One that mpirun or another starter of MPI programs runs. A process that nobody started so must
 * not become one of MPI, which takes time and starts a helper. */
static gboolean
was_started_by_mpi (void)
{
  /* Of Open MPI; of MPICH and those derived from it; of PMIx, also under Slurm. */
  static const char *const signs[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK" };

  for (guint i = 0; i < G_N_ELEMENTS (signs); i++)
    if (g_getenv (signs[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* Rank 0's version goes to all and theirs come back, whatever they are, and then whether all are
 * the same, as *same tells on all ranks: nobody is left waiting. The error is rank 0's alone. */
static void
compare_versions (const char *version, gboolean *same, GError **error)
{
  char other[64] = "";

  if (own_rank > 0)
    {
      MPI_Recv (other, sizeof other - 1, MPI_BYTE, 0, PD_MPI_VERSION, MPI_COMM_WORLD,
                MPI_STATUS_IGNORE);
      MPI_Send (version, (int) strlen (version), MPI_BYTE, 0, PD_MPI_VERSION, MPI_COMM_WORLD);
      MPI_Recv (same, sizeof *same, MPI_BYTE, 0, PD_MPI_VERSION, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      return;
    }
  *same = TRUE;
  for (int rank = 1; rank < size; rank++)
    {
      memset (other, 0, sizeof other);
      MPI_Send (version, (int) strlen (version), MPI_BYTE, rank, PD_MPI_VERSION, MPI_COMM_WORLD);
      MPI_Recv (other, sizeof other - 1, MPI_BYTE, rank, PD_MPI_VERSION, MPI_COMM_WORLD,
                MPI_STATUS_IGNORE);
      if (*same && !g_str_equal (version, other))
        g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                     _ ("Process %d of the cluster is version %s of this program, and the first is "
                        "%s; install the same everywhere"),
                     rank, other, version);
      *same = *same && g_str_equal (version, other);
    }
  for (int rank = 1; rank < size; rank++)
    MPI_Send (same, sizeof *same, MPI_BYTE, rank, PD_MPI_VERSION, MPI_COMM_WORLD);
}

/* A library connects two processes when the first message goes from one to the other, which who has
 * given up rights may not; and shares go from any of them to any. */
static void
connect_all (void)
{
  for (int i = 1; i < size; i++)
    MPI_Sendrecv (NULL, 0, MPI_BYTE, (own_rank + i) % size, PD_MPI_VERSION, NULL, 0, MPI_BYTE,
                  (own_rank + size - i) % size, PD_MPI_VERSION, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/* MPI begins and ends on a thread of its own: it may clean up what those that gave up rights may
 * not. */
typedef struct
{
  const char *version;
  GError *error;
  GThread *thread;
  GMutex lock; /* of what follows */
  GCond changed;
  gboolean began, over;
} Keeper;

static Keeper keeper;

/* Open MPI takes it from the environment; others have nothing like it. */
static void
set_parameters (void)
{
  static const char all[] = "OMPI_COMM_WORLD_SIZE", here[] = "OMPI_COMM_WORLD_LOCAL_SIZE";

  /* Processes on one machine must not read each other's memory: who gives up rights may not. */
  g_setenv ("OMPI_MCA_btl_vader_single_copy_mechanism", "none", FALSE);
  /* What goes to all machines goes from one to the next, once over each one's wire. On one machine
   * the small steps of that would only wait for each other. */
  if (g_strcmp0 (g_getenv (all), g_getenv (here)) != 0)
    g_setenv ("OMPI_MCA_coll_libnbc_ibcast_algorithm", "chain", FALSE);
}

static void
begin (GError **error)
{
  gboolean same = FALSE;
  int level;

  set_parameters ();
  if (MPI_Init_thread (NULL, NULL, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("MPI does not start"));
      return;
    }
  if (level < MPI_THREAD_SERIALIZED)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("The MPI library takes calls of one thread alone; use another one"));
      return;
    }
  MPI_Comm_rank (MPI_COMM_WORLD, &own_rank);
  MPI_Comm_size (MPI_COMM_WORLD, &size);
  MPI_Comm_set_errhandler (MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  compare_versions (keeper.version, &same, error);
  if (!same)
    return;
  connect_all ();
  pd_mpi_peers_open (own_rank, size);
}

void
pd_mpi_part (void)
{
  parted = TRUE;
}

static gpointer
keep (gpointer data)
{
  const guint8 byte = 0;
  int initialized = 0;

  begin (&keeper.error);
  g_mutex_lock (&keeper.lock);
  keeper.began = TRUE;
  g_cond_signal (&keeper.changed);
  while (!keeper.over)
    g_cond_wait (&keeper.changed, &keeper.lock);
  g_mutex_unlock (&keeper.lock);
  if (!pd_mpi_peers_close ())
    parted = TRUE;
  for (int rank = 1; own_rank == 0 && rank < size; rank++)
    pd_mpi_send (rank, PD_MPI_LEAVE, &byte, parted ? 1 : 0);
  MPI_Initialized (&initialized);
  if (initialized && !parted)
    MPI_Finalize ();
  return NULL;
}

gboolean
pd_cluster_join (const char *version, GError **error)
{
  if (!was_started_by_mpi ())
    return TRUE;
  signal (SIGPIPE, SIG_IGN); /* a library may write to who has ended */
  keeper.version = version;
  keeper.thread = g_thread_new ("pd-cluster", keep, NULL);
  g_mutex_lock (&keeper.lock);
  while (!keeper.began)
    g_cond_wait (&keeper.changed, &keeper.lock);
  g_mutex_unlock (&keeper.lock);
  if (keeper.error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&keeper.error));
  return FALSE;
}

void
pd_cluster_leave (void)
{
  if (keeper.thread == NULL)
    return;
  g_mutex_lock (&keeper.lock);
  keeper.over = TRUE;
  g_cond_signal (&keeper.changed);
  g_mutex_unlock (&keeper.lock);
  g_thread_join (g_steal_pointer (&keeper.thread));
}

guint
pd_cluster_rank (void)
{
  return (guint) own_rank;
}

guint
pd_cluster_size (void)
{
  return (guint) size;
}
