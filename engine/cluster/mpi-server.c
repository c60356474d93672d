// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cluster/mpi-private.h"

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

  pd_mpi_send_variant (0, PD_MPI_DEVICE + (int) self->device,
                       g_variant_new (PD_MPI_ANSWER, number, reply != NULL, content));
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

  g_variant_get (call, PD_MPI_CALL, &number, &method, &params);
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
  GVariant *call = pd_mpi_read_variant (data, n, PD_MPI_CALL);

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
stop_call (Server *server, const PdMpiStop *stop)
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

/* @data: (transfer full) */
static void
take_message (Server *server, int tag, guint8 *data, gsize n)
{
  if (tag >= PD_MPI_DEVICE && tag < PD_MPI_DEVICE + PD_CLUSTER_DEVICES_MAX)
    {
      take_call (server, (guint) (tag - PD_MPI_DEVICE), data, n);
      return;
    }
  if (tag == PD_MPI_CANCEL && n == sizeof (PdMpiStop))
    stop_call (server, (const PdMpiStop *) data);
  else if (tag == PD_MPI_SHARE)
    pd_mpi_join_share (data, n);
  g_free (data);
}

void
pd_cluster_serve (PdClusterHandler handler, gpointer user_data)
{
  Server server = { .handler = handler, .user_data = user_data };
  gulong pause = PD_MPI_LEAST_PAUSE;
  gboolean here = TRUE;
  int tag;

  g_mutex_init (&server.lock);
  do
    {
      const gboolean moving = pd_mpi_advance_shares ();
      guint8 *data;
      gsize n;

      tag = MPI_ANY_TAG;
      here = pd_mpi_receive (0, &tag, &data, &n);
      if (data != NULL)
        {
          take_message (&server, tag, data, n);
          pause = PD_MPI_LEAST_PAUSE;
          continue;
        }
      g_usleep (moving ? PD_MPI_MOVING_PAUSE : pause);
      pause = MIN (pause * 5 / 4, PD_MPI_IDLE_PAUSE);
    }
  while (here && tag != PD_MPI_LEAVE);
  while (here && pd_mpi_advance_shares ())
    g_usleep (PD_MPI_MOVING_PAUSE);
  pd_mpi_close_shares ();
  close_desks (&server);
  g_mutex_clear (&server.lock);
}
