// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cluster/mpi-private.h"

GMutex pd_mpi_lock;

gboolean
pd_mpi_test (MPI_Request *request, gboolean *ok)
{
  int done = 0, result;

  g_mutex_lock (&pd_mpi_lock);
  result = MPI_Test (request, &done, MPI_STATUS_IGNORE);
  g_mutex_unlock (&pd_mpi_lock);
  *ok = result == MPI_SUCCESS;
  return done || !*ok;
}

gboolean
pd_mpi_finish (MPI_Request *request, int rank)
{
  gboolean ok;

  while (!pd_mpi_test (request, &ok))
    {
      if (rank == MPI_ANY_SOURCE ? pd_mpi_first_missing () != 0 : !pd_mpi_is_here (rank))
        return FALSE;
      g_usleep (PD_MPI_MOVING_PAUSE);
    }
  return ok;
}

gboolean
pd_mpi_send (int rank, int tag, const void *data, gsize n)
{
  MPI_Request request;
  int result;

  if (n > G_MAXINT)
    return FALSE;
  g_mutex_lock (&pd_mpi_lock);
  result = MPI_Isend (data, (int) n, MPI_BYTE, rank, tag, MPI_COMM_WORLD, &request);
  g_mutex_unlock (&pd_mpi_lock);
  return result == MPI_SUCCESS && pd_mpi_finish (&request, rank);
}

gboolean
pd_mpi_receive (int rank, int *tag, guint8 **data, gsize *n)
{
  MPI_Message message;
  MPI_Request request;
  MPI_Status status;
  int found = 0, count = 0, result;

  *data = NULL;
  g_mutex_lock (&pd_mpi_lock);
  result = MPI_Improbe (rank, *tag, MPI_COMM_WORLD, &found, &message, &status);
  if (result == MPI_SUCCESS && found)
    {
      MPI_Get_count (&status, MPI_BYTE, &count);
      *tag = status.MPI_TAG;
      *data = g_malloc (MAX (count, 1));
      result = MPI_Imrecv (*data, count, MPI_BYTE, &message, &request);
    }
  g_mutex_unlock (&pd_mpi_lock);
  if (result != MPI_SUCCESS || *data == NULL)
    return result == MPI_SUCCESS;
  *n = (gsize) count;
  if (pd_mpi_finish (&request, rank))
    return TRUE;
  *data = NULL; /* the library may still write there */
  return FALSE;
}

gboolean
pd_mpi_send_variant (int rank, int tag, GVariant *message)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (message);

  if (pd_mpi_send (rank, tag, g_variant_get_data (owned), g_variant_get_size (owned)))
    return TRUE;
  g_steal_pointer (&owned); /* which the library may still read */
  return FALSE;
}

GVariant *
pd_mpi_read_variant (guint8 *data, gsize n, const char *type)
{
  g_autoptr (GVariant) message = g_variant_ref_sink (
      g_variant_new_from_data (G_VARIANT_TYPE (type), data, n, FALSE, g_free, data));

  return g_variant_is_normal_form (message) ? g_steal_pointer (&message) : NULL;
}
