// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/wire/folder.h"
#include "engine/wire/error.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "parallel-diffusion-";

char *
pd_wire_folder_new (GError **error)
{
  return g_dir_make_tmp ("parallel-diffusion-XXXXXX", error);
}

gboolean
pd_wire_folder_check (const char *path, GError **error)
{
  g_autofree char *name = g_path_get_basename (path);
  GStatBuf status;

  if (g_lstat (path, &status) != 0)
    {
      g_set_error (error, PD_WIRE_ERROR, PD_WIRE_INVALID_PARAMS,
                   _ ("folder: %s: %s; the engine must see the files of the program it serves"),
                   path, g_strerror (errno));
      return FALSE;
    }
  if (g_str_has_prefix (name, prefix) && S_ISDIR (status.st_mode) && status.st_uid == geteuid () &&
      (status.st_mode & 0777) == 0700)
    return TRUE;
  g_set_error (
      error, PD_WIRE_ERROR, PD_WIRE_INVALID_PARAMS,
      _ ("folder: %s is not a private folder; expected one whose name begins with %s, that "
         "belongs to the user and has mode 0700"),
      path, prefix);
  return FALSE;
}

void
pd_wire_folder_remove (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}
