// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cluster/mpi-private.h"

#include <signal.h>

/* µs, from a signal that asks for the end to an end without rank 0. Who asks the whole cluster asks
 * that one, too, which first has its calls answered. */
static const gint64 signal_patience = 5 * G_USEC_PER_SEC;

static volatile sig_atomic_t was_signalled;

typedef struct _Server Server;

typedef struct
{
  Server *server;
  guint device;
  GAsyncQueue *calls; /* GVariant; an empty tuple ends the thread */
  GThread *thread;    /* NULL before the first call */
} Desk;

struct _Server
{
  PdClusterHandler handler;
  gpointer user_data;
  GMutex lock;
  GHashTable *calls; /* the lock's: number -> GCancellable, of calls that are not done */
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
  GCancellable *stop;
  guint32 number, method;
  GVariant *reply;

  g_variant_get (call, PD_MPI_CALL, &number, &method, &params);
  g_mutex_lock (&server->lock);
  stop = g_hash_table_lookup (server->calls, GUINT_TO_POINTER (number));
  g_mutex_unlock (&server->lock);
  reply = server->handler (self->device, method, params, stop, server->user_data, &error);
  g_mutex_lock (&server->lock);
  g_hash_table_remove (server->calls, GUINT_TO_POINTER (number));
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
  guint32 number;

  if (call == NULL)
    return;
  if (desk->thread == NULL)
    {
      desk->server = server;
      desk->device = device;
      desk->calls = g_async_queue_new ();
      desk->thread = g_thread_new ("pd-rank", attend, desk);
    }
  g_variant_get_child (call, 0, "u", &number);
  g_mutex_lock (&server->lock);
  g_hash_table_insert (server->calls, GUINT_TO_POINTER (number), g_cancellable_new ());
  g_mutex_unlock (&server->lock);
  g_async_queue_push (desk->calls, call);
}

/* Also one that its device has not begun. */
static void
stop_call (Server *server, guint32 number)
{
  g_autoptr (GCancellable) stop = NULL;

  g_mutex_lock (&server->lock);
  stop = g_hash_table_lookup (server->calls, GUINT_TO_POINTER (number));
  if (stop != NULL)
    g_object_ref (stop);
  g_mutex_unlock (&server->lock);
  g_cancellable_cancel (stop);
}

/* Rank 0 waits for none of them any more. */
static void
stop_all (Server *server)
{
  g_autoptr (GList) numbers = NULL;

  g_mutex_lock (&server->lock);
  numbers = g_hash_table_get_keys (server->calls);
  g_mutex_unlock (&server->lock);
  for (GList *number = numbers; number != NULL; number = number->next)
    stop_call (server, GPOINTER_TO_UINT (number->data));
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
  const guint8 signalled = 1;

  if (tag >= PD_MPI_DEVICE && tag < PD_MPI_DEVICE + PD_CLUSTER_DEVICES_MAX)
    {
      take_call (server, (guint) (tag - PD_MPI_DEVICE), data, n);
      return;
    }
  if (tag == PD_MPI_HERE)
    pd_mpi_send (0, PD_MPI_HERE, &signalled, was_signalled ? 1 : 0);
  else if (tag == PD_MPI_CANCEL && n == sizeof (guint32))
    stop_call (server, *(const guint32 *) data);
  else if (tag == PD_MPI_LEAVE && n > 0)
    pd_mpi_part ();
  else if (tag == PD_MPI_SHARE)
    pd_mpi_join_share (data, n);
  g_free (data);
}

static void
on_signal (int number)
{
  was_signalled = 1;
}

/* @end: when to end because of a signal; 0 before there was one. */
static gboolean
may_go_on (gint64 *end)
{
  const gint64 now = g_get_monotonic_time ();

  if (*end == 0 && was_signalled)
    *end = now + signal_patience;
  return *end == 0 || now < *end;
}

void
pd_cluster_serve (PdClusterHandler handler, gpointer user_data)
{
  Server server = { .handler = handler, .user_data = user_data };
  gulong pause = PD_MPI_LEAST_PAUSE;
  gboolean here = TRUE;
  gint64 end = 0;
  int tag;

  signal (SIGINT, on_signal);
  signal (SIGTERM, on_signal);
  g_mutex_init (&server.lock);
  server.calls = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  do
    {
      const gboolean moving = pd_mpi_advance_shares ();
      guint8 *data;
      gsize n;

      tag = MPI_ANY_TAG;
      here = may_go_on (&end) && pd_mpi_receive (0, &tag, &data, &n);
      if (here && data != NULL)
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
  stop_all (&server);
  close_desks (&server);
  g_hash_table_unref (server.calls);
  g_mutex_clear (&server.lock);
  if (!here)
    pd_mpi_part ();
}
