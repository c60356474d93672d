// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/host-memory.h"

#include <string.h>
#include <sys/resource.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"

enum
{
  FIRST_ROOM = 16, /* elements of an array that grows */
};

static void
refuse (gsize n, gsize size, const char *what, GError **error)
{
  guint64 bytes;
  g_autofree char *text = NULL;

  if (!g_uint64_checked_mul (&bytes, n, size))
    bytes = G_MAXUINT64;
  text = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_HOST_MEMORY,
               _ ("there is no memory for %s (%s); choose a smaller picture, or close other "
                  "programs"),
               what, text);
}

gpointer
pd_host_memory_new (gsize n, gsize size, const char *what, GError **error)
{
  gpointer array = g_try_malloc_n (n, size);

  if (array == NULL && n > 0)
    refuse (n, size, what, error);
  return array;
}

gpointer
pd_host_memory_new0 (gsize n, gsize size, const char *what, GError **error)
{
  gpointer array = g_try_malloc0_n (n, size);

  if (array == NULL && n > 0)
    refuse (n, size, what, error);
  return array;
}

gboolean
pd_host_memory_grow (
    gpointer array, gsize n, gsize *room, gsize size, const char *what, GError **error)
{
  gsize wanted = MAX (FIRST_ROOM, 2 * *room);
  gpointer old, grown;

  if (n < *room)
    return TRUE;
  memcpy (&old, array, sizeof old);
  grown = g_try_realloc_n (old, wanted, size);
  if (grown == NULL)
    {
      refuse (wanted, size, what, error);
      return FALSE;
    }
  memcpy (array, &grown, sizeof grown);
  *room = wanted;
  return TRUE;
}

/* The number after @key in a file of the kernel, whose lines are "key number"; @key "": the first.
 * FALSE if there is none: "max" is no number. */
static gboolean
read_number (const char *path, const char *key, guint64 *number)
{
  g_autofree char *text = NULL;
  const char *at;
  char *end;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  at = g_str_has_prefix (text, key) ? text : strstr (text, key);
  if (at == NULL)
    return FALSE;
  at += strlen (key);
  *number = g_ascii_strtoull (at, &end, 10);
  return end != at;
}

/* What is left of @limit, of which the file @usage tells how much is taken. @stat: how much of that
 * the kernel can take back, under @key. */
static void
limit_group (const char *folder,
             const char *limit_name,
             const char *usage_name,
             const char *key,
             guint64 *available)
{
  g_autofree char *limit_path = g_build_filename (folder, limit_name, NULL);
  g_autofree char *usage_path = g_build_filename (folder, usage_name, NULL);
  g_autofree char *stat_path = g_build_filename (folder, "memory.stat", NULL);
  guint64 limit, usage, cached = 0;

  if (!read_number (limit_path, "", &limit) || !read_number (usage_path, "", &usage))
    return;
  (void) read_number (stat_path, key, &cached);
  usage -= MIN (cached, usage);
  *available = MIN (*available, limit - MIN (usage, limit));
}

/* The control group @name and those that it is in, below @root. */
static void
limit_groups (const char *root, const char *name, gboolean second, guint64 *available)
{
  g_autofree char *path = g_build_filename (root, name, NULL);

  while (strlen (path) >= strlen (root))
    {
      g_autofree char *folder = g_steal_pointer (&path);

      if (second)
        limit_group (folder, "memory.max", "memory.current", "\ninactive_file ", available);
      else
        limit_group (folder, "memory.limit_in_bytes", "memory.usage_in_bytes",
                     "\ntotal_inactive_file ", available);
      path = g_path_get_dirname (folder);
    }
}

/* /proc/self/cgroup has lines "number:controllers:name", of the second version "0::name". */
static void
limit_by_groups (guint64 *available)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL))
    return;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) parts = g_strsplit (lines[i], ":", 3);

      if (g_strv_length (parts) != 3)
        continue;
      if (*parts[1] == '\0')
        limit_groups ("/sys/fs/cgroup", parts[2], TRUE, available);
      else if (g_str_equal (parts[1], "memory"))
        limit_groups ("/sys/fs/cgroup/memory", parts[2], FALSE, available);
    }
}

static void
limit_by_resource (int resource, const char *used, guint64 *available)
{
  struct rlimit limit;
  guint64 kib;

  if (getrlimit (resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      !read_number ("/proc/self/status", used, &kib))
    return;
  *available = MIN (*available, limit.rlim_cur - MIN (kib * 1024, limit.rlim_cur));
}

guint64
pd_host_memory_available (void)
{
  guint64 available = G_MAXUINT64, kib, swap = 0;

  if (read_number ("/proc/meminfo", "MemAvailable:", &kib))
    {
      (void) read_number ("/proc/meminfo", "SwapFree:", &swap);
      available = (kib + swap) * 1024;
    }
  limit_by_groups (&available);
  limit_by_resource (RLIMIT_AS, "VmSize:", &available);
  limit_by_resource (RLIMIT_DATA, "VmData:", &available);
  return available;
}

guint64
pd_host_memory_resident (void)
{
  guint64 kib = 0;

  (void) read_number ("/proc/self/status", "VmRSS:", &kib);
  return kib * 1024;
}
