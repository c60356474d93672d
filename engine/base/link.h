// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

enum
{
  PD_LINK_SHARES = 8, /* that are kept */
};

/* A way to a device of another process: calls that it answers one at a time. One thread uses it. */
typedef struct _PdLink PdLink;

typedef struct
{
  gboolean (*call) (PdLink *self,
                    guint method,
                    GVariant *params,
                    GVariant **reply,
                    GCancellable *cancellable,
                    GError **error);
  gboolean (*share) (PdLink *self,
                     gconstpointer data,
                     gsize bytes,
                     guint32 *number,
                     GCancellable *cancellable,
                     GError **error);
  void (*free) (PdLink *self);
} PdLinkClass;

/* At the beginning of each kind. Members are for reading. */
struct _PdLink
{
  const PdLinkClass *class;
  guint64 bytes; /* that went and came so far */
  gboolean lost; /* the device was, or no answer came: who wants to go on with it makes a new one */
};

void pd_link_free (PdLink *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdLink, pd_link_free)

/* Has @method done there. @params: taken, if it floats. @reply: (transfer full), of @type; what
 * is of another one is an error. When @cancellable is cancelled the other process is told, and its
 * answer is waited for, which is then that it was. Errors: those of the method, with the process
 * before them; PD_ERROR_NO_DEVICE (no answer). */
gboolean pd_link_call (PdLink *self,
                       guint method,
                       GVariant *params,
                       const char *type,
                       GVariant **reply,
                       GCancellable *cancellable,
                       GError **error);

/* Makes @bytes bytes at @data known to all processes that links of this kind lead to, once for
 * each, however many devices it has. *number: by which calls that follow, on any of these links,
 * may name them as long as it is one of the last PD_LINK_SHARES. Other threads may use other links
 * meanwhile. Errors: G_IO_ERROR_CANCELLED, at once or soon; PD_ERROR_NO_DEVICE (a process does
 * not answer). */
gboolean pd_link_share (PdLink *self,
                        gconstpointer data,
                        gsize bytes,
                        guint32 *number,
                        GCancellable *cancellable,
                        GError **error);

/* What became known so, by its number, on the other side. Returns: (transfer full); NULL with an
 * error. */
typedef GBytes *(*PdLinkShared) (guint32 number, GCancellable *cancellable, GError **error);

/* For what is no message of this version: both sides are of one, so it is a fault of the program.
 */
void pd_link_set_malformed (GError **error);

/* Numbers as they lie in memory: both sides are the same program on the same kind of processor.
 * Words, filled up with zeros, so that they are aligned for any number. */
#define PD_LINK_NUMBERS "at"

GVariant *pd_link_pack (const void *data, gsize bytes);

/* Child @i of @message, PD_LINK_NUMBERS, which has to be so many bytes; borrowed. NULL with an
 * error. */
const void *pd_link_unpack (GVariant *message, guint i, gsize bytes, GError **error);
