// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cluster/cluster.h"

#include <mpi.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

/* Messages between rank 0 and another one, by tag. A call and its answer have the device's. */
enum
{
  TAG_CANCEL, /* to the others: Stop */
  TAG_LEAVE,  /* to the others: nothing */
  TAG_VERSION,
  TAG_DEVICE,
};

/* A call that is to stop. */
typedef struct
{
  guint32 device, number;
} Stop;

/* An answer is a call's number, whether it went well, and the reply, or an error as (sis). */
#define CALL "(uuv)"
#define ANSWER "(ubv)"

/* µs. An MPI library waits by turning round, and would take a processor from what is computed. */
static const gulong moving_pause = 20, least_pause = 50, most_pause = 1000, idle_pause = 10000;
/* µs, from a cancellation to the end of waiting for an answer: the device finishes what was
 * submitted. */
static const gint64 patience = 10 * G_USEC_PER_SEC;

static int own_rank, size = 1;
/* Of all calls of MPI, none of which waits. */
static GMutex mpi_lock;

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

static void
set_broken (GError **error, int rank)
{
  g_set_error (error, PD_ERROR, PD_ERROR_DEVICE_LOST,
               _ ("Process %d of the cluster does not answer"), rank);
}

/* Bytes of a message go until they are there. */
static gboolean
finish (MPI_Request *request)
{
  int done = 0, result;

  for (;;)
    {
      g_mutex_lock (&mpi_lock);
      result = MPI_Test (request, &done, MPI_STATUS_IGNORE);
      g_mutex_unlock (&mpi_lock);
      if (result != MPI_SUCCESS || done)
        return result == MPI_SUCCESS;
      g_usleep (moving_pause);
    }
}

static gboolean
send_bytes (int rank, int tag, const void *data, gsize n)
{
  MPI_Request request;
  int result;

  if (n > G_MAXINT)
    return FALSE;
  g_mutex_lock (&mpi_lock);
  result = MPI_Isend (data, (int) n, MPI_BYTE, rank, tag, MPI_COMM_WORLD, &request);
  g_mutex_unlock (&mpi_lock);
  return result == MPI_SUCCESS && finish (&request);
}

/* The next message of @rank with @tag (which may be MPI_ANY_TAG), if one has come. *data: (transfer
 * full), NULL if there was none. Returns: FALSE if the other one is gone. */
static gboolean
receive_bytes (int rank, int *tag, guint8 **data, gsize *n)
{
  MPI_Message message;
  MPI_Request request;
  MPI_Status status;
  int found = 0, count = 0, result;

  *data = NULL;
  g_mutex_lock (&mpi_lock);
  result = MPI_Improbe (rank, *tag, MPI_COMM_WORLD, &found, &message, &status);
  if (result == MPI_SUCCESS && found)
    {
      MPI_Get_count (&status, MPI_BYTE, &count);
      *tag = status.MPI_TAG;
      *data = g_malloc (MAX (count, 1));
      result = MPI_Imrecv (*data, count, MPI_BYTE, &message, &request);
    }
  g_mutex_unlock (&mpi_lock);
  if (result != MPI_SUCCESS || *data == NULL)
    return result == MPI_SUCCESS;
  *n = (gsize) count;
  return finish (&request);
}

static gboolean
send_variant (int rank, int tag, GVariant *message)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (message);

  return send_bytes (rank, tag, g_variant_get_data (owned), g_variant_get_size (owned));
}

/* @data: (transfer full). Returns: (transfer full) NULL if it is nothing of @type. */
static GVariant *
read_variant (guint8 *data, gsize n, const char *type)
{
  g_autoptr (GVariant) message = g_variant_ref_sink (
      g_variant_new_from_data (G_VARIANT_TYPE (type), data, n, FALSE, g_free, data));

  return g_variant_is_normal_form (message) ? g_steal_pointer (&message) : NULL;
}

/* Rank 0's version goes to all and theirs come back, whatever they are: nobody is left waiting. */
static gboolean
compare_versions (const char *version, GError **error)
{
  char other[64] = "";
  gboolean same = TRUE;

  if (own_rank > 0)
    {
      MPI_Recv (other, sizeof other - 1, MPI_BYTE, 0, TAG_VERSION, MPI_COMM_WORLD,
                MPI_STATUS_IGNORE);
      MPI_Send (version, (int) strlen (version), MPI_BYTE, 0, TAG_VERSION, MPI_COMM_WORLD);
      return TRUE;
    }
  for (int rank = 1; rank < size; rank++)
    {
      memset (other, 0, sizeof other);
      MPI_Send (version, (int) strlen (version), MPI_BYTE, rank, TAG_VERSION, MPI_COMM_WORLD);
      MPI_Recv (other, sizeof other - 1, MPI_BYTE, rank, TAG_VERSION, MPI_COMM_WORLD,
                MPI_STATUS_IGNORE);
      if (same && !g_str_equal (version, other))
        g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                     _ ("Process %d of the cluster is version %s of this program, and the first is "
                        "%s; install the same everywhere"),
                     rank, other, version);
      same = same && g_str_equal (version, other);
    }
  return same;
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

static gboolean
begin (GError **error)
{
  int level;

  /* Processes on one machine must not read each other's memory: who gives up rights may not. */
  g_setenv ("OMPI_MCA_btl_vader_single_copy_mechanism", "none", FALSE);
  if (MPI_Init_thread (NULL, NULL, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("MPI does not start"));
      return FALSE;
    }
  if (level < MPI_THREAD_SERIALIZED)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("The MPI library takes calls of one thread alone; use another one"));
      return FALSE;
    }
  MPI_Comm_rank (MPI_COMM_WORLD, &own_rank);
  MPI_Comm_size (MPI_COMM_WORLD, &size);
  MPI_Comm_set_errhandler (MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  return compare_versions (keeper.version, error);
}

static gpointer
keep (gpointer data)
{
  int initialized = 0;

  begin (&keeper.error);
  g_mutex_lock (&keeper.lock);
  keeper.began = TRUE;
  g_cond_signal (&keeper.changed);
  while (!keeper.over)
    g_cond_wait (&keeper.changed, &keeper.lock);
  g_mutex_unlock (&keeper.lock);
  for (int rank = 1; own_rank == 0 && rank < size; rank++)
    send_bytes (rank, TAG_LEAVE, NULL, 0);
  MPI_Initialized (&initialized);
  if (initialized)
    MPI_Finalize ();
  return NULL;
}

gboolean
pd_cluster_join (const char *version, GError **error)
{
  if (!was_started_by_mpi ())
    return TRUE;
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

/* Rank 0's side. */

typedef struct
{
  PdLink link;
  int rank;
  guint32 device;
  guint32 number; /* of the last call */
  gboolean broken;
} Link;

/* @data: (transfer full), an answer. Returns: whether it is that of the last call, as *ok tells. */
static gboolean
take_answer (Link *self, guint8 *data, gsize n, GVariant **reply, gboolean *ok, GError **error)
{
  g_autoptr (GVariant) answer = read_variant (data, n, ANSWER);
  g_autoptr (GVariant) content = NULL;
  const char *domain, *text;
  guint32 number;
  gint32 code;

  self->link.bytes += n;
  if (answer == NULL)
    {
      set_broken (error, self->rank);
      *ok = FALSE;
      return TRUE;
    }
  g_variant_get (answer, "(ub@v)", &number, ok, NULL);
  if (number != self->number)
    return FALSE;
  content = g_variant_get_child_value (answer, 2);
  *reply = g_variant_get_variant (content);
  if (*ok)
    return TRUE;
  g_variant_get (*reply, "(&si&s)", &domain, &code, &text);
  g_set_error_literal (error, g_quark_from_string (domain), code, text);
  g_clear_pointer (reply, g_variant_unref);
  return TRUE;
}

static void
ask_to_stop (const Link *self)
{
  const Stop stop = { self->device, self->number };

  send_bytes (self->rank, TAG_CANCEL, &stop, sizeof stop);
}

static gboolean
await_answer (Link *self, GVariant **reply, GCancellable *cancellable, GError **error)
{
  gulong pause = least_pause;
  gint64 end = 0;
  gboolean ok;

  for (;;)
    {
      int tag = TAG_DEVICE + (int) self->device;
      guint8 *data;
      gsize n;

      if (!receive_bytes (self->rank, &tag, &data, &n))
        break;
      if (data != NULL && take_answer (self, data, n, reply, &ok, error))
        return ok;
      if (end == 0 && g_cancellable_is_cancelled (cancellable))
        {
          end = g_get_monotonic_time () + patience;
          ask_to_stop (self);
        }
      if (end != 0 && g_get_monotonic_time () > end)
        break;
      g_usleep (pause);
      pause = MIN (pause * 5 / 4, most_pause);
    }
  self->broken = TRUE;
  set_broken (error, self->rank);
  return FALSE;
}

static gboolean
link_call (PdLink *link,
           guint method,
           GVariant *params,
           GVariant **reply,
           GCancellable *cancellable,
           GError **error)
{
  Link *self = (Link *) link;
  g_autoptr (GVariant) call = NULL;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  call = g_variant_ref_sink (g_variant_new (CALL, ++self->number, method, params));
  link->bytes += g_variant_get_size (call);
  if (!self->broken && g_variant_get_size (call) <= G_MAXINT &&
      send_variant (self->rank, TAG_DEVICE + (int) self->device, call))
    return await_answer (self, reply, cancellable, error);
  self->broken = TRUE;
  set_broken (error, self->rank);
  return FALSE;
}

static void
link_free (PdLink *link)
{
  g_free (link);
}

PdLink *
pd_cluster_link (guint rank, guint device)
{
  static const PdLinkClass class = { link_call, link_free };
  Link *self = g_new0 (Link, 1);

  g_assert (rank > 0 && rank < pd_cluster_size () && device < PD_CLUSTER_DEVICES_MAX);
  *self = (Link){ .link.class = &class, .rank = (int) rank, .device = device };
  return &self->link;
}

/* The other ranks' side. */

typedef struct _Server Server;

typedef struct
{
  Server *server;
  guint device;
  GAsyncQueue *calls; /* GVariant; an empty tuple ends the thread */
  GThread *thread;    /* NULL before the first call */
  GCancellable *stop; /* of the call under way; the lock's, as the next is */
  guint32 number;     /* of it; 0: none */
} Desk;

struct _Server
{
  PdClusterHandler handler;
  gpointer user_data;
  GMutex lock;
  Desk desks[PD_CLUSTER_DEVICES_MAX];
};

static void
answer (const Desk *self, guint32 number, GVariant *reply, const GError *error)
{
  GVariant *content = reply != NULL ? reply
                                    : g_variant_new ("(sis)", g_quark_to_string (error->domain),
                                                     error->code, error->message);

  send_variant (0, TAG_DEVICE + (int) self->device,
                g_variant_new (ANSWER, number, reply != NULL, content));
}

static void
do_call (Desk *self, GVariant *call)
{
  Server *server = self->server;
  g_autoptr (GVariant) params = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) stop = g_cancellable_new ();
  guint32 number, method;
  GVariant *reply;

  g_variant_get (call, CALL, &number, &method, &params);
  g_mutex_lock (&server->lock);
  self->stop = stop;
  self->number = number;
  g_mutex_unlock (&server->lock);
  reply = server->handler (self->device, method, params, stop, server->user_data, &error);
  g_mutex_lock (&server->lock);
  self->stop = NULL;
  self->number = 0;
  g_mutex_unlock (&server->lock);
  answer (self, number, reply, error);
}

/* A device's thread. */
static gpointer
attend (gpointer data)
{
  Desk *self = data;

  for (;;)
    {
      g_autoptr (GVariant) call = g_async_queue_pop (self->calls);

      if (g_variant_n_children (call) == 0)
        return NULL;
      do_call (self, call);
    }
}

/* @data: (transfer full), a call for device @device. */
static void
take_call (Server *server, guint device, guint8 *data, gsize n)
{
  Desk *desk = &server->desks[device];
  GVariant *call = read_variant (data, n, CALL);

  if (call == NULL)
    return;
  if (desk->thread == NULL)
    {
      desk->server = server;
      desk->device = device;
      desk->calls = g_async_queue_new ();
      desk->thread = g_thread_new ("pd-rank", attend, desk);
    }
  g_async_queue_push (desk->calls, call);
}

static void
stop_call (Server *server, const Stop *stop)
{
  Desk *desk = &server->desks[MIN (stop->device, PD_CLUSTER_DEVICES_MAX - 1)];
  g_autoptr (GCancellable) cancellable = NULL;

  g_mutex_lock (&server->lock);
  if (desk->stop != NULL && desk->number == stop->number)
    cancellable = g_object_ref (desk->stop);
  g_mutex_unlock (&server->lock);
  if (cancellable != NULL)
    g_cancellable_cancel (cancellable);
}

static void
close_desks (Server *server)
{
  for (guint device = 0; device < PD_CLUSTER_DEVICES_MAX; device++)
    {
      Desk *desk = &server->desks[device];

      if (desk->thread == NULL)
        continue;
      g_async_queue_push (desk->calls, g_variant_ref_sink (g_variant_new_tuple (NULL, 0)));
      g_thread_join (desk->thread);
      g_async_queue_unref (desk->calls);
    }
}

void
pd_cluster_serve (PdClusterHandler handler, gpointer user_data)
{
  Server server = { .handler = handler, .user_data = user_data };
  gulong pause = least_pause;
  gboolean here = TRUE;

  g_mutex_init (&server.lock);
  while (here)
    {
      int tag = MPI_ANY_TAG;
      guint8 *data;
      gsize n;

      here = receive_bytes (0, &tag, &data, &n);
      if (data == NULL)
        {
          g_usleep (pause);
          pause = MIN (pause * 5 / 4, idle_pause);
          continue;
        }
      pause = least_pause;
      if (tag >= TAG_DEVICE && tag < TAG_DEVICE + PD_CLUSTER_DEVICES_MAX)
        {
          take_call (&server, (guint) (tag - TAG_DEVICE), data, n);
          continue;
        }
      if (tag == TAG_CANCEL && n == sizeof (Stop))
        stop_call (&server, (const Stop *) data);
      here = here && tag != TAG_LEAVE;
      g_free (data);
    }
  close_desks (&server);
  g_mutex_clear (&server.lock);
}
