// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/hub-cache.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/base/file.h"

enum
{
  MAX_REF = 256,        /* bytes of refs/main */
  MAX_SNAPSHOTS = 1024, /* looked at */
  MAX_FILES = 1024,     /* of a snapshot */
};

char *
pd_hub_cache_name (const char *folder)
{
  static const char prefix[] = "models--";
  if (!g_str_has_prefix (folder, prefix))
    return g_strdup (folder);
  const char *owner = folder + strlen (prefix), *name = strstr (owner, "--");
  return name != NULL ? g_strdup_printf ("%.*s/%s", (int) (name - owner), owner, name + 2)
                      : g_strdup (owner);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

GPtrArray *
pd_hub_cache_list_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *files = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  for (guint i = 0; dir != NULL && i < MAX_FILES && (name = g_dir_read_name (dir)) != NULL; i++)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      if (g_str_has_suffix (name, ".safetensors") && g_file_test (path, G_FILE_TEST_IS_REGULAR))
        g_ptr_array_add (files, g_strdup (name));
    }
  g_ptr_array_sort (files, compare_names);
  return files;
}

static gboolean
holds_model (const char *snapshot)
{
  g_autofree char *index = g_build_filename (snapshot, "model_index.json", NULL);
  g_autofree char *unet = g_build_filename (snapshot, "unet", NULL);
  if (g_file_test (index, G_FILE_TEST_IS_REGULAR) || g_file_test (unet, G_FILE_TEST_IS_DIR))
    return TRUE;
  g_autoptr (GPtrArray) files = pd_hub_cache_list_files (snapshot);
  return files->len > 0;
}

/* The folder that refs/main names; its content must not lead out of @snapshots. */
static char *
find_main (const char *root, const char *snapshots)
{
  g_autofree char *ref = g_build_filename (root, "refs", "main", NULL);
  g_autoptr (GBytes) bytes =
      g_file_test (ref, G_FILE_TEST_IS_REGULAR) ? pd_file_read (ref, MAX_REF, NULL) : NULL;
  if (bytes == NULL)
    return NULL;
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  g_autofree char *revision = g_strstrip (g_strndup (data != NULL ? data : "", length));
  if (*revision == '\0' || *revision == '.' || strchr (revision, G_DIR_SEPARATOR) != NULL)
    return NULL;
  g_autofree char *path = g_build_filename (snapshots, revision, NULL);
  return holds_model (path) ? g_steal_pointer (&path) : NULL;
}

static char *
find_newest (const char *snapshots)
{
  g_autoptr (GDir) dir = g_dir_open (snapshots, 0, NULL);
  g_autofree char *newest = NULL;
  gint64 newest_time = 0;
  const char *name;
  for (guint i = 0; dir != NULL && i < MAX_SNAPSHOTS && (name = g_dir_read_name (dir)) != NULL; i++)
    {
      g_autofree char *path = g_build_filename (snapshots, name, NULL);
      GStatBuf info;
      if (g_stat (path, &info) != 0 || !holds_model (path))
        continue;
      if (newest == NULL || info.st_mtime > newest_time ||
          (info.st_mtime == newest_time && strcmp (path, newest) > 0))
        {
          g_free (newest);
          newest = g_steal_pointer (&path);
          newest_time = info.st_mtime;
        }
    }
  return g_steal_pointer (&newest);
}

char *
pd_hub_cache_snapshot (const char *root)
{
  g_autofree char *snapshots = g_build_filename (root, "snapshots", NULL);
  if (!g_file_test (snapshots, G_FILE_TEST_IS_DIR))
    return NULL;
  char *snapshot = find_main (root, snapshots);
  return snapshot != NULL ? snapshot : find_newest (snapshots);
}
