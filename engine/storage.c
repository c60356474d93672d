// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/storage.h"
#include "engine/error.h"

#include <gegl.h>
#include <glib/gi18n-lib.h>
#include <string.h>

/* What GEGL says in its C source, untranslated (gegl/buffer/gegl-tile-backend-swap.c). */
static const char *const complaints[] = {
  "unable to write tile data",  "unable to read tile data", "could not open swap file",
  "failed to resize swap file", "unable to seek to tile",   "no swap storage allocated",
};

static GMutex mutex;
static char *lost; /* the first complaint; NULL: none */

/* GEGL's own threads come here too. It complains of every tile; once is enough. */
static void
on_message (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
  for (guint i = 0; i < G_N_ELEMENTS (complaints); i++)
    if (strstr (message, complaints[i]))
      {
        g_mutex_lock (&mutex);
        if (!lost)
          lost = g_strdup (message);
        g_mutex_unlock (&mutex);
        return;
      }
  g_log_default_handler (domain, level, message, user_data);
}

void
pd_storage_watch (void)
{
  static gsize watching;

  if (g_once_init_enter (&watching))
    {
      g_log_set_handler ("GEGL", G_LOG_LEVEL_MASK | G_LOG_FLAG_RECURSION, on_message, NULL);
      g_once_init_leave (&watching, 1);
    }
  g_mutex_lock (&mutex);
  g_clear_pointer (&lost, g_free);
  g_mutex_unlock (&mutex);
}

gboolean
pd_storage_check (GError **error)
{
  g_autofree char *swap = NULL, *complaint = NULL;

  g_mutex_lock (&mutex);
  complaint = g_strdup (lost);
  g_mutex_unlock (&mutex);
  if (!complaint)
    return TRUE;
  g_object_get (gegl_config (), "swap", &swap, NULL);
  g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
               _ ("%s: pixels that do not fit the memory could not be kept there (%s); free some "
                  "space, or let GEGL_SWAP name a folder that has more"),
               swap, complaint);
  return FALSE;
}
