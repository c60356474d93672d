// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cluster/mpi-private.h"

#include <glib/gi18n-lib.h>

/* µs, from a cancellation to the end of waiting for an answer: the device finishes what was
 * submitted. */
static const gint64 patience = 10 * G_USEC_PER_SEC;

typedef struct
{
  PdLink link;
  int rank;
  guint32 device;
  guint32 number; /* of the last call */
  gboolean broken;
} Link;

/* An error of the other process. */
static void
tell (const Link *self, GQuark domain, int code, const char *text, GError **error)
{
  if (domain == G_IO_ERROR && code == G_IO_ERROR_CANCELLED)
    g_set_error_literal (error, domain, code, text);
  else
    g_set_error (error, domain, code, _ ("process %d of the cluster, on %s: %s"), self->rank,
                 pd_cluster_host ((guint) self->rank), text);
}

/* @data: (transfer full), an answer. Returns: whether it is that of the last call, as *ok tells. */
static gboolean
take_answer (Link *self, guint8 *data, gsize n, GVariant **reply, gboolean *ok, GError **error)
{
  g_autoptr (GVariant) answer = pd_mpi_read_variant (data, n, PD_MPI_ANSWER);
  g_autoptr (GVariant) content = NULL;
  const char *domain, *text;
  guint32 number;
  gint32 code;

  self->link.bytes += n;
  if (answer == NULL)
    {
      pd_link_set_malformed (error);
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
  tell (self, g_quark_from_string (domain), code, text, error);
  g_clear_pointer (reply, g_variant_unref);
  return TRUE;
}

static void
ask_to_stop (const Link *self)
{
  pd_mpi_send (self->rank, PD_MPI_CANCEL, &self->number, sizeof self->number);
}

static gboolean
await_answer (Link *self, GVariant **reply, GCancellable *cancellable, GError **error)
{
  gulong pause = PD_MPI_LEAST_PAUSE;
  gint64 end = 0;
  gboolean ok;

  for (;;)
    {
      int tag = PD_MPI_DEVICE + (int) self->device;
      guint8 *data;
      gsize n;

      if (!pd_mpi_receive (self->rank, &tag, &data, &n))
        break;
      if (data != NULL && take_answer (self, data, n, reply, &ok, error))
        return ok;
      if (end == 0 && g_cancellable_is_cancelled (cancellable))
        {
          end = g_get_monotonic_time () + patience;
          ask_to_stop (self);
        }
      if ((end != 0 && g_get_monotonic_time () > end) || !pd_mpi_is_here (self->rank))
        break;
      g_usleep (pause);
      pause = MIN (pause * 5 / 4, PD_MPI_MOST_PAUSE);
    }
  self->broken = self->link.lost = TRUE;
  if (!g_cancellable_set_error_if_cancelled (cancellable, error))
    pd_mpi_set_missing (error, self->rank);
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
  static gint last;
  Link *self = (Link *) link;
  g_autoptr (GVariant) call = NULL;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  self->number = (guint32) g_atomic_int_add (&last, 1);
  call = g_variant_ref_sink (g_variant_new (PD_MPI_CALL, self->number, method, params));
  link->bytes += g_variant_get_size (call);
  if (!self->broken && g_variant_get_size (call) <= G_MAXINT &&
      pd_mpi_send_variant (self->rank, PD_MPI_DEVICE + (int) self->device, call))
    return await_answer (self, reply, cancellable, error);
  self->broken = self->link.lost = TRUE;
  pd_mpi_set_missing (error, self->rank);
  return FALSE;
}

static gboolean
link_share (PdLink *link,
            gconstpointer data,
            gsize bytes,
            guint32 *number,
            GCancellable *cancellable,
            GError **error)
{
  if (!pd_mpi_share (data, bytes, number, cancellable, error))
    return FALSE;
  link->bytes += bytes * (pd_cluster_size () - 1);
  return TRUE;
}

static void
link_free (PdLink *link)
{
  g_free (link);
}

PdLink *
pd_cluster_link (guint rank, guint device)
{
  static const PdLinkClass class = { link_call, link_share, link_free };
  Link *self = g_new0 (Link, 1);

  g_assert (rank > 0 && rank < pd_cluster_size () && device < PD_CLUSTER_DEVICES_MAX);
  *self = (Link){ .link.class = &class, .rank = (int) rank, .device = device };
  return &self->link;
}
