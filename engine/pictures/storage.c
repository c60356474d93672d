// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/pictures/storage.h"
#include "engine/base/error.h"

#include <gegl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/statvfs.h>

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
pd_storage_check_space (const char *folder, guint64 bytes, const char *what, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (folder, NULL);
  g_autofree char *shown = g_filename_display_name (folder), *needed = NULL, *there = NULL;
  struct statvfs info;
  guint64 free_bytes;

  while (statvfs (path, &info) != 0)
    {
      g_autofree char *above = g_path_get_dirname (path);

      if (g_str_equal (above, path))
        return TRUE;
      g_free (path);
      path = g_steal_pointer (&above);
    }
  free_bytes = (guint64) info.f_bavail * info.f_frsize;
  if (bytes <= free_bytes || info.f_blocks == 0)
    return TRUE;
  needed = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  there = g_format_size_full (free_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
               _ ("%s: %s need %s there, %s are free; free some space, or choose another folder"),
               shown, what, needed, there);
  return FALSE;
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
