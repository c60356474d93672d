// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/link.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

void
pd_link_free (PdLink *self)
{
  if (self != NULL)
    self->class->free (self);
}

void
pd_link_set_malformed (GError **error)
{
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("A process of the cluster sent what is no message of this version"));
}

gboolean
pd_link_call (PdLink *self,
              guint method,
              GVariant *params,
              const char *type,
              GVariant **reply,
              GCancellable *cancellable,
              GError **error)
{
  g_autoptr (GVariant) sent = g_variant_ref_sink (params);
  g_autoptr (GVariant) answer = NULL;
  GError *failure = NULL;

  if (!self->class->call (self, method, sent, &answer, cancellable, &failure))
    {
      self->lost = self->lost || g_error_matches (failure, PD_ERROR, PD_ERROR_DEVICE_LOST);
      g_propagate_error (error, failure);
      return FALSE;
    }
  if (!g_variant_is_of_type (answer, G_VARIANT_TYPE (type)))
    {
      pd_link_set_malformed (error);
      return FALSE;
    }
  *reply = g_steal_pointer (&answer);
  return TRUE;
}

gboolean
pd_link_share (PdLink *self,
               gconstpointer data,
               gsize bytes,
               guint32 *number,
               GCancellable *cancellable,
               GError **error)
{
  return self->class->share (self, data, bytes, number, cancellable, error);
}

/* Of the words that hold so many bytes. */
static gsize
n_words (gsize bytes)
{
  return bytes / sizeof (guint64) + (bytes % sizeof (guint64) != 0);
}

GVariant *
pd_link_pack (const void *data, gsize bytes)
{
  const gsize n = n_words (bytes);
  guint64 *words = g_new (guint64, MAX (n, 1));

  words[MAX (n, 1) - 1] = 0;
  if (bytes > 0)
    memcpy (words, data, bytes);
  return g_variant_new_from_data (G_VARIANT_TYPE (PD_LINK_NUMBERS), words, n * sizeof *words, TRUE,
                                  g_free, words);
}

const void *
pd_link_unpack (GVariant *message, guint i, gsize bytes, GError **error)
{
  static const guint64 nothing = 0;
  g_autoptr (GVariant) child = g_variant_get_child_value (message, i);
  gconstpointer words;
  gsize n;

  /* The child's bytes are those of @message, which holds them. */
  words = g_variant_get_fixed_array (child, &n, sizeof (guint64));
  if (n == n_words (bytes))
    return n > 0 ? words : &nothing;
  pd_link_set_malformed (error);
  return NULL;
}
