// SPDX-License-Identifier: GPL-3.0-or-later
/* Bytes that rank 0 gives to all. It announces each piece to each of the others by a message, and
 * all take part in spreading it: nobody can leave a piece that was announced, but a share that is
 * no longer wanted has no next one. */
#include "engine/cluster/mpi-private.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/host-memory.h"

enum
{
  PIECE_MAX = 16 << 20, /* bytes: an eighth of a second of 1 Gbit/s */
};

/* What announces a piece. */
typedef struct
{
  guint64 bytes;  /* of the share */
  guint64 offset; /* of the piece in it */
  guint32 number; /* of the share */
  guint32 n;      /* bytes of the piece; 0 before the end of the share: there is no more of it */
} Piece;

/* Begins to spread the @n bytes at @data, which rank 0 has and the others get. */
static gboolean
begin (void *data, guint n, MPI_Request *request)
{
  int result;

  g_mutex_lock (&pd_mpi_lock);
  result = MPI_Ibcast (data, (int) n, MPI_BYTE, 0, MPI_COMM_WORLD, request);
  g_mutex_unlock (&pd_mpi_lock);
  return result == MPI_SUCCESS;
}

/* Rank 0's side. */

static gboolean
announce (const Piece *piece, GError **error)
{
  for (guint rank = 1; rank < pd_cluster_size (); rank++)
    if (!pd_mpi_send ((int) rank, PD_MPI_SHARE, piece, sizeof *piece))
      {
        pd_mpi_set_missing (error, (int) rank);
        return FALSE;
      }
  return TRUE;
}

/* What is spread from is a copy: if a process is missing, it is the library's for ever. */
static gboolean
spread (const Piece *piece, const guint8 *data, GError **error)
{
  g_autofree guint8 *copy = NULL;
  MPI_Request request;

  if (!announce (piece, error))
    return FALSE;
  if (piece->n == 0)
    return TRUE;
  copy = g_memdup2 (data, piece->n);
  if (begin (copy, piece->n, &request) && pd_mpi_finish (&request, MPI_ANY_SOURCE))
    return TRUE;
  g_steal_pointer (&copy);
  pd_mpi_set_missing (error, pd_mpi_first_missing ());
  return FALSE;
}

gboolean
pd_mpi_share (
    gconstpointer data, gsize bytes, guint32 *number, GCancellable *cancellable, GError **error)
{
  static GMutex turn; /* of all shares: all ranks take part in them in one order */
  static guint32 last;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&turn);
  Piece piece = { .bytes = bytes };

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  piece.number = *number = ++last;
  do
    {
      const gboolean stops = piece.offset > 0 && g_cancellable_is_cancelled (cancellable);

      piece.n = stops ? 0 : (guint32) MIN (bytes - piece.offset, PIECE_MAX);
      if (!spread (&piece, (const guint8 *) data + piece.offset, error) ||
          (stops && g_cancellable_set_error_if_cancelled (cancellable, error)))
        return FALSE;
      piece.offset += piece.n;
    }
  while (piece.offset < bytes);
  return TRUE;
}

/* The others' side. */

typedef struct
{
  guint32 number;
  guint8 *data;  /* NULL if there is no memory for it, and when it is whole */
  GBytes *whole; /* NULL before */
  gboolean over; /* no more of it comes */
  GError *error;
} Share;

/* A piece that is being spread. */
typedef struct
{
  Piece piece;
  Share *share;
  guint8 *scratch; /* where it goes if there is no memory for the share */
  MPI_Request request;
} Joined;

static struct
{
  GMutex lock; /* of the first three */
  GCond changed;
  GQueue kept; /* Share, the newest first */
  gboolean closed;

  /* Of the serving thread alone. */
  Share *current; /* the last one; NULL before the first */
  GQueue joined;  /* Joined, in the order of their announcements */
} shares;

static void
share_clear (gpointer data)
{
  Share *self = data;

  g_free (self->data);
  g_clear_pointer (&self->whole, g_bytes_unref);
  g_clear_error (&self->error);
}

static void
share_unref (gpointer self)
{
  g_atomic_rc_box_release_full (self, share_clear);
}

/* The share whose first piece @piece is becomes the current one. */
static void
add (const Piece *piece)
{
  Share *self = g_atomic_rc_box_new0 (Share);

  self->number = piece->number;
  self->data =
      pd_try_new (guint8, MAX (piece->bytes, 1), _ ("what the cluster shares"), &self->error);
  g_clear_pointer (&shares.current, share_unref);
  shares.current = g_atomic_rc_box_acquire (self);
  g_mutex_lock (&shares.lock);
  g_queue_push_head (&shares.kept, self);
  if (shares.kept.length > PD_LINK_SHARES)
    share_unref (g_queue_pop_tail (&shares.kept));
  g_mutex_unlock (&shares.lock);
}

/* @self has been spread, or @failed. */
static void
finish_piece (Joined *self, gboolean failed)
{
  const Piece *piece = &self->piece;
  const gboolean whole = !failed && piece->offset + piece->n == piece->bytes;
  Share *share = self->share;

  g_mutex_lock (&shares.lock);
  if (whole && share->data != NULL)
    share->whole = g_bytes_new_take (g_steal_pointer (&share->data), piece->bytes);
  share->over = share->over || whole || failed || piece->n == 0;
  g_cond_broadcast (&shares.changed);
  g_mutex_unlock (&shares.lock);
  share_unref (share);
  g_free (self->scratch);
  g_free (self);
}

void
pd_mpi_join_share (const guint8 *message, gsize n)
{
  Joined *joined;
  Piece piece;
  guint8 *to;

  if (n != sizeof piece)
    return;
  memcpy (&piece, message, sizeof piece);
  if (piece.offset == 0)
    add (&piece);
  joined = g_new0 (Joined, 1);
  joined->piece = piece;
  joined->share = g_atomic_rc_box_acquire (shares.current);
  joined->request = MPI_REQUEST_NULL;
  if (joined->share->data == NULL)
    joined->scratch = g_malloc (MAX (piece.n, 1));
  to = joined->scratch != NULL ? joined->scratch : joined->share->data + piece.offset;
  if (piece.n == 0 || begin (to, piece.n, &joined->request))
    g_queue_push_tail (&shares.joined, joined);
  else
    finish_piece (joined, TRUE);
}

gboolean
pd_mpi_advance_shares (void)
{
  while (shares.joined.length > 0)
    {
      Joined *joined = g_queue_peek_head (&shares.joined);
      gboolean ok;

      if (!pd_mpi_test (&joined->request, &ok))
        return TRUE;
      finish_piece (g_queue_pop_head (&shares.joined), !ok);
    }
  return FALSE;
}

void
pd_mpi_close_shares (void)
{
  g_clear_pointer (&shares.current, share_unref);
  g_mutex_lock (&shares.lock);
  shares.closed = TRUE;
  g_queue_clear_full (&shares.kept, share_unref);
  g_cond_broadcast (&shares.changed);
  g_mutex_unlock (&shares.lock);
}

static void
wake (void)
{
  g_mutex_lock (&shares.lock);
  g_cond_broadcast (&shares.changed);
  g_mutex_unlock (&shares.lock);
}

/* With the lock. Returns: (transfer full) the share, which does not change any more unless
 * @cancellable is cancelled; NULL if it is not known. */
static Share *
await (guint32 number, GCancellable *cancellable)
{
  Share *self = NULL;

  for (GList *link = shares.kept.head; link != NULL && self == NULL; link = link->next)
    if (((Share *) link->data)->number == number)
      self = g_atomic_rc_box_acquire (link->data);
  while (self != NULL && !self->over && !shares.closed && !g_cancellable_is_cancelled (cancellable))
    g_cond_wait (&shares.changed, &shares.lock);
  return self;
}

GBytes *
pd_cluster_shared (guint32 number, GCancellable *cancellable, GError **error)
{
  const gulong waking =
      cancellable != NULL ? g_cancellable_connect (cancellable, G_CALLBACK (wake), NULL, NULL) : 0;
  GBytes *bytes = NULL;
  Share *share;

  g_mutex_lock (&shares.lock);
  share = await (number, cancellable);
  if (share != NULL && share->whole != NULL)
    bytes = g_bytes_ref (share->whole);
  else if (share != NULL && share->over && share->error != NULL)
    g_propagate_error (error, g_error_copy (share->error));
  else if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    pd_link_set_malformed (error);
  g_mutex_unlock (&shares.lock);
  g_cancellable_disconnect (cancellable, waking);
  g_clear_pointer (&share, share_unref);
  return bytes;
}
