// SPDX-License-Identifier: GPL-3.0-or-later
/* What the first of three processes gives to all, and what their devices know of it; and what is
 * asked of them. */
#include "engine/cluster/cluster.h"

#include <signal.h>
#include <unistd.h>

#include "engine/base/confine.h"
#include "engine/base/error.h"

enum
{
  PIECE = 16 << 20, /* bytes that go at once */

  /* Methods. */
  LOOK = 0, /* (u) number of a share -> (ts) bytes and checksum */
  WHO,      /* () -> (i) process */
  WAIT,     /* PD_LINK_NUMBERS -> G_IO_ERROR_CANCELLED, when it is */
};

/* The device of another process that a link leads to. */
typedef struct
{
  guint rank, device;
} Place;

static const Place places[] = { { 1, 0 }, { 1, 1 }, { 2, 0 }, { 2, 3 } };

static char *
checksum (gconstpointer data, gsize n)
{
  return g_compute_checksum_for_data (G_CHECKSUM_MD5, data, n);
}

/* Who is confined may not send signals to others: a helper that is not does. */

typedef struct
{
  gint32 process;
  int number;
} Signal;

static int helper[2]; /* to the other side and from it */

static void
send_signals (void)
{
  Signal signal;

  while (read (helper[1], &signal, sizeof signal) == sizeof signal)
    {
      const int failed = kill (signal.process, signal.number);

      g_assert_cmpint (write (helper[0], &failed, sizeof failed), ==, sizeof failed);
    }
}

/* Before the process is one of MPI. */
static void
start_helper (void)
{
  int to[2], from[2];

  g_assert_cmpint (pipe (to), ==, 0);
  g_assert_cmpint (pipe (from), ==, 0);
  if (fork () == 0)
    {
      helper[0] = from[1];
      helper[1] = to[0];
      close (to[1]);
      send_signals ();
      _exit (0);
    }
  helper[0] = to[1];
  helper[1] = from[0];
  close (to[0]);
  close (from[1]);
}

static void
send_signal (gint32 process, int number)
{
  const Signal signal = { process, number };
  int failed = -1;

  g_assert_cmpint (write (helper[0], &signal, sizeof signal), ==, sizeof signal);
  g_assert_cmpint (read (helper[1], &failed, sizeof failed), ==, sizeof failed);
  g_assert_cmpint (failed, ==, 0);
}

/* The others. */

static GVariant *
look (guint32 number, GCancellable *cancellable, GError **error)
{
  g_autoptr (GBytes) bytes = pd_cluster_shared (number, cancellable, error);
  g_autofree char *sum = NULL;
  gconstpointer data;
  gsize n;

  if (bytes == NULL)
    return NULL;
  data = g_bytes_get_data (bytes, &n);
  sum = checksum (data, n);
  return g_variant_new ("(ts)", (guint64) n, sum);
}

static GVariant *
wait_to_be_stopped (GCancellable *cancellable, GError **error)
{
  while (!g_cancellable_set_error_if_cancelled (cancellable, error))
    g_usleep (1000);
  return NULL;
}

static GVariant *
handle (guint device,
        guint method,
        GVariant *params,
        GCancellable *cancellable,
        gpointer user_data,
        GError **error)
{
  guint32 number;

  if (method == LOOK)
    {
      g_variant_get (params, "(u)", &number);
      return look (number, cancellable, error);
    }
  if (method == WAIT)
    return wait_to_be_stopped (cancellable, error);
  return g_variant_new ("(i)", getpid ());
}

/* The first. */

/* Returns: (transfer full) bytes that differ from those of another @seed. */
static GBytes *
make (guint32 seed, gsize n)
{
  guint8 *bytes = g_malloc (MAX (n, 1));
  guint32 state = seed * 2654435761u + 1;

  for (gsize i = 0; i < n; i++)
    {
      state = state * 1664525u + 1013904223u;
      bytes[i] = (guint8) (state >> 24);
    }
  return g_bytes_new_take (bytes, n);
}

static gboolean
share (PdLink *link, GBytes *bytes, guint32 *number, GCancellable *cancellable, GError **error)
{
  gsize n;
  gconstpointer data = g_bytes_get_data (bytes, &n);

  return pd_link_share (link, data, n, number, cancellable, error);
}

/* Whether the device that @link leads to has @bytes. */
static gboolean
has (PdLink *link, guint32 number, GBytes *bytes, GCancellable *cancellable, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *sum = NULL;
  const char *there;
  guint64 length;
  gconstpointer data;
  gsize n;

  if (!pd_link_call (link, LOOK, g_variant_new ("(u)", number), "(ts)", &reply, cancellable, error))
    return FALSE;
  data = g_bytes_get_data (bytes, &n);
  sum = checksum (data, n);
  g_variant_get (reply, "(t&s)", &length, &there);
  g_assert_cmpuint (length, ==, n);
  g_assert_cmpstr (there, ==, sum);
  return TRUE;
}

static void
expect_unknown (PdLink *link, guint32 number)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (
      pd_link_call (link, LOOK, g_variant_new ("(u)", number), "(ts)", &reply, NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
}

/* Each device has each share, asked for right after it was given. */
static void
test_sizes (void)
{
  static const gsize sizes[] = { 0, 1, 5000001, PIECE, PIECE + 1 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const Place *giver = &places[i % G_N_ELEMENTS (places)];
      g_autoptr (PdLink) link = pd_cluster_link (giver->rank, giver->device);
      g_autoptr (GBytes) bytes = make (i, sizes[i]);
      guint32 number;

      g_assert_true (share (link, bytes, &number, NULL, NULL));
      g_assert_cmpuint (link->bytes, ==, 2 * sizes[i]);
      for (guint k = 0; k < G_N_ELEMENTS (places); k++)
        {
          g_autoptr (PdLink) asker = pd_cluster_link (places[k].rank, places[k].device);

          g_assert_true (has (asker, number, bytes, NULL, NULL));
        }
    }
}

typedef struct
{
  PdLink *link;
  GBytes *bytes;
  guint32 number;
} Reader;

static gpointer
read_it (gpointer data)
{
  const Reader *self = data;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 10; i++)
    g_assert_true (has (self->link, self->number, self->bytes, NULL, &error));
  return NULL;
}

/* Devices of both at once, while more is shared. */
static void
test_devices (void)
{
  g_autoptr (GBytes) bytes = make (100, 3000000), others = make (101, 1000000);
  g_autoptr (PdLink) link = pd_cluster_link (2, 1);
  g_autoptr (GError) error = NULL;
  GThread *threads[G_N_ELEMENTS (places)];
  Reader readers[G_N_ELEMENTS (places)];
  guint32 number, other;

  g_assert_true (share (link, bytes, &number, NULL, &error));
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      PdLink *its = pd_cluster_link (places[i].rank, places[i].device);

      readers[i] = (Reader){ its, bytes, number };
      threads[i] = g_thread_new ("reader", read_it, &readers[i]);
    }
  for (guint i = 1; i < PD_LINK_SHARES; i++)
    g_assert_true (share (link, others, &other, NULL, &error));
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_thread_join (threads[i]);
      pd_link_free (readers[i].link);
    }
}

/* What is too old, or was never there. */
static void
test_unknown (void)
{
  g_autoptr (GBytes) bytes = make (200, 1000);
  g_autoptr (PdLink) link = pd_cluster_link (1, 0);
  g_autoptr (GError) error = NULL;
  guint32 first, last = 0;

  g_assert_true (share (link, bytes, &first, NULL, &error));
  for (guint i = 1; i < PD_LINK_SHARES; i++)
    g_assert_true (share (link, bytes, &last, NULL, &error));
  g_assert_true (has (link, first, bytes, NULL, &error));
  expect_unknown (link, last + 1);
  g_assert_true (share (link, bytes, &last, NULL, &error));
  expect_unknown (link, first);
  g_assert_true (has (link, last, bytes, NULL, &error));
}

/* What is being shared on a thread of its own. */
typedef struct
{
  PdLink *link;
  GBytes *bytes;
  GCancellable *cancellable;
  GThread *thread;
  guint32 next; /* number of what will be shared */
  gboolean over, ok;
} Sharer;

static gpointer
share_it (gpointer data)
{
  Sharer *self = data;
  g_autoptr (GError) error = NULL;
  guint32 number;

  self->ok = share (self->link, self->bytes, &number, self->cancellable, &error);
  if (self->ok)
    g_assert_cmpuint (number, ==, self->next);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_atomic_int_set (&self->over, TRUE);
  return NULL;
}

/* @stopped: process that stops before, if it is not 0. */
static void
sharer_start (Sharer *self, gint32 stopped)
{
  g_autoptr (GBytes) before = make (300, 100);

  g_assert_true (share (self->link, before, &self->next, NULL, NULL));
  self->next++;
  self->bytes = make (301, 6 * PIECE);
  self->cancellable = g_cancellable_new ();
  if (stopped != 0)
    send_signal (stopped, SIGSTOP);
  self->thread = g_thread_new ("sharer", share_it, self);
}

static void
sharer_join (Sharer *self)
{
  g_autoptr (GBytes) after = make (302, 100);
  g_autoptr (PdLink) link = pd_cluster_link (1, 0);
  guint32 number;

  g_thread_join (self->thread);
  g_assert_true (share (self->link, after, &number, NULL, NULL));
  g_assert_true (has (link, number, after, NULL, NULL));
  g_bytes_unref (self->bytes);
  g_object_unref (self->cancellable);
}

/* Asks the device that @link leads to until it knows what is being shared, or that is over. */
static gboolean
ask (PdLink *link, Sharer *self, GCancellable *cancellable, GError **error)
{
  for (;;)
    {
      const gboolean over = g_atomic_int_get (&self->over);
      GError *failure = NULL;

      if (has (link, self->next, self->bytes, cancellable, &failure))
        return TRUE;
      if (!over && g_error_matches (failure, PD_ERROR, PD_ERROR_BAD_REQUEST))
        {
          g_error_free (failure);
          continue;
        }
      g_propagate_error (error, failure);
      return FALSE;
    }
}

/* A device that asks for what still comes gets it. */
static void
test_coming (void)
{
  g_autoptr (PdLink) link = pd_cluster_link (1, 0), other = pd_cluster_link (2, 0);
  Sharer sharer = { .link = other };
  g_autoptr (GError) error = NULL;

  sharer_start (&sharer, 0);
  ask (link, &sharer, NULL, &error);
  g_assert_no_error (error);
  sharer_join (&sharer);
  g_assert_true (sharer.ok);
}

static gpointer
cancel_at_once (gpointer cancellable)
{
  g_usleep (1000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (20000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* What is no longer wanted ends early, and nobody waits for it. */
static void
test_stopped (void)
{
  g_autoptr (PdLink) link = pd_cluster_link (1, 0), other = pd_cluster_link (2, 0);
  Sharer sharer = { .link = other };
  g_autoptr (GError) error = NULL;
  GThread *thread;

  sharer_start (&sharer, 0);
  thread = g_thread_new ("cancel", cancel_soon, sharer.cancellable);
  g_assert_false (ask (link, &sharer, NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_thread_join (thread);
  sharer_join (&sharer);
  g_assert_false (sharer.ok);
}

static gint32
process_of (PdLink *link)
{
  g_autoptr (GVariant) reply = NULL;
  gint32 process = 0;

  g_assert_true (pd_link_call (link, WHO, g_variant_new ("()"), "(i)", &reply, NULL, NULL));
  g_variant_get (reply, "(i)", &process);
  return process;
}

/* A device that waits for what does not come on, because another process does not take it, can be
 * told to stop. */
static void
test_stuck (void)
{
  g_autoptr (PdLink) link = pd_cluster_link (1, 0), other = pd_cluster_link (2, 0);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  const gint32 process = process_of (other);
  Sharer sharer = { .link = other };
  g_autoptr (GError) error = NULL;
  GThread *thread;

  sharer_start (&sharer, process);
  thread = g_thread_new ("cancel", cancel_soon, cancellable);
  g_assert_false (ask (link, &sharer, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  send_signal (process, SIGCONT);
  g_thread_join (thread);
  sharer_join (&sharer);
  g_assert_true (sharer.ok);
}

/* A call that is to stop before its device has begun it, as it was cancelled on its way. */
static void
test_called_off (void)
{
  g_autoptr (PdLink) link = pd_cluster_link (1, 0);
  g_autoptr (GBytes) bytes = make (400, PIECE);

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      GVariant *params = g_variant_new_from_bytes (G_VARIANT_TYPE (PD_LINK_NUMBERS), bytes, TRUE);
      g_autoptr (GVariant) reply = NULL;
      g_autoptr (GError) error = NULL;
      GThread *thread = g_thread_new ("cancel", cancel_at_once, cancellable);

      g_assert_false (pd_link_call (link, WAIT, params, "()", &reply, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
    }
}

/* A process that does not answer is found, and no call waits for it; when it does again, new links
 * lead to it. */
static void
test_missing (void)
{
  g_autoptr (PdLink) link = pd_cluster_link (2, 0);
  const gint32 process = process_of (link);
  g_autoptr (PdLink) again = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (pd_cluster_find_missing (), ==, 0);
  send_signal (process, SIGSTOP);
  g_assert_cmpuint (pd_cluster_find_missing (), ==, 2);
  g_assert_false (pd_link_call (link, WHO, g_variant_new ("()"), "(i)", &reply, NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_NO_DEVICE);
  send_signal (process, SIGCONT);
  while (pd_cluster_find_missing () != 0)
    continue;
  again = pd_cluster_link (2, 0);
  g_assert_cmpint (process_of (again), ==, process);
}

static int
run (int argc, char **argv)
{
  g_assert_cmpuint (pd_cluster_size (), ==, 3);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/share/sizes", test_sizes);
  g_test_add_func ("/share/devices", test_devices);
  g_test_add_func ("/share/unknown", test_unknown);
  g_test_add_func ("/share/coming", test_coming);
  g_test_add_func ("/share/stopped", test_stopped);
  g_test_add_func ("/share/stuck", test_stuck);
  g_test_add_func ("/share/called-off", test_called_off);
  g_test_add_func ("/share/missing", test_missing);
  return g_test_run ();
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status = 0;

  start_helper ();
  if (!pd_cluster_join ("share", &error))
    g_error ("%s", error->message);
  pd_confine (&(PdConfineOptions){ 0 });
  if (pd_cluster_rank () > 0)
    pd_cluster_serve (handle, NULL);
  else
    status = run (argc, argv);
  pd_cluster_leave ();
  return status;
}
