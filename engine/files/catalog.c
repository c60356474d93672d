// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/catalog.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/files/file-kind.h"
#include "engine/files/hub-cache.h"
#include "engine/files/keyed-hash.h"

static const char SUFFIX[] = ".safetensors";
static const char INDEX[] = "model_index.json";
static const char EMBEDDED[] = "default";

/* What is looked at in all, so that no folder takes for ever. */
enum
{
  MAX_DEPTH = 3,     /* of sub-folders */
  MAX_LOOKS = 40000, /* at names in folders */
  MAX_MODELS = 10000,
  MAX_SUGGESTIONS = 20, /* names in a message */
};

struct _PdCatalog
{
  GPtrArray *entries; /* of PdCatalogEntry */
  GHashTable *names;  /* name -> PdCatalogEntry */
  GHashTable *seen;   /* folders, as "device inode": links may lead in circles */
  guint n_looks;
};

static void
entry_free (gpointer data)
{
  PdCatalogEntry *entry = data;
  g_free (entry->name);
  g_free (entry->path);
  g_free (entry);
}

/* @name as it can be shown and given back: what is no UTF-8, and control characters, are written as
 * \xff. */
static char *
readable_name (const char *name)
{
  GString *text = g_string_new (NULL);
  while (*name != '\0')
    {
      gunichar c = g_utf8_get_char_validated (name, -1);
      gsize length = c < 0x110000 ? (gsize) (g_utf8_next_char (name) - name) : 1;
      if (c < 0x110000 && !g_unichar_iscntrl (c))
        g_string_append_len (text, name, length);
      else
        for (gsize i = 0; i < length; i++)
          g_string_append_printf (text, "\\x%02x", (guint8) name[i]);
      name += length;
    }
  return g_string_free (text, FALSE);
}

/* A model called @prefix and @name, unless there is one already. */
static void
add (PdCatalog *self, const char *prefix, const char *name, const char *path)
{
  g_autofree char *whole = g_strconcat (prefix, name, NULL);
  g_autofree char *readable = readable_name (whole);
  if (*name == '\0' || self->entries->len == MAX_MODELS ||
      g_hash_table_contains (self->names, readable))
    return;
  PdCatalogEntry *entry = g_new (PdCatalogEntry, 1);
  entry->name = g_steal_pointer (&readable);
  entry->path = g_strdup (path);
  g_ptr_array_add (self->entries, entry);
  g_hash_table_insert (self->names, entry->name, entry);
}

static void
add_file (PdCatalog *self, const char *prefix, const char *file, const char *path)
{
  g_autofree char *name = g_strndup (file, strlen (file) - strlen (SUFFIX));
  add (self, prefix, name, path);
}

static gboolean
has (const char *folder, const char *name, GFileTest test)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return g_file_test (path, test);
}

/* A repository in the form of the hub's cache: a model by itself, or several files. */
static gboolean
add_repository (PdCatalog *self, const char *prefix, const char *folder, const char *path)
{
  g_autofree char *snapshot = pd_hub_cache_snapshot (path);
  g_autofree char *name = pd_hub_cache_name (folder);
  if (snapshot == NULL)
    return FALSE;
  if (has (snapshot, INDEX, G_FILE_TEST_IS_REGULAR) || has (snapshot, "unet", G_FILE_TEST_IS_DIR))
    {
      add (self, prefix, name, path);
      return TRUE;
    }
  g_autoptr (GPtrArray) files = pd_hub_cache_list_files (snapshot);
  g_autofree char *inner = g_strconcat (prefix, name, "/", NULL);
  for (guint i = 0; i < files->len; i++)
    {
      g_autofree char *file = g_build_filename (snapshot, files->pdata[i], NULL);
      if (files->len == 1)
        add (self, prefix, name, file);
      else
        add_file (self, inner, files->pdata[i], file);
    }
  return TRUE;
}

static gboolean
is_seen (PdCatalog *self, const char *folder)
{
  GStatBuf info;
  if (g_stat (folder, &info) != 0)
    return TRUE;
  return !g_hash_table_add (self->seen,
                            g_strdup_printf ("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
                                             (guint64) info.st_dev, (guint64) info.st_ino));
}

static void add_folder (PdCatalog *self, const char *prefix, const char *folder, guint depth);

/* @is_beside: NAME.safetensors stands beside the folder NAME, which then has its configs at most.
 */
static void
add_sub_folder (PdCatalog *self,
                const char *prefix,
                const char *name,
                const char *path,
                gboolean is_beside,
                guint depth)
{
  if (has (path, INDEX, G_FILE_TEST_IS_REGULAR))
    add (self, prefix, name, path);
  else if (!is_beside && depth < MAX_DEPTH && !add_repository (self, prefix, name, path) &&
           !has (path, "config.json", G_FILE_TEST_EXISTS) &&
           !has (path, "unet", G_FILE_TEST_IS_DIR))
    {
      g_autofree char *inner = g_strconcat (prefix, name, "/", NULL);
      add_folder (self, inner, path, depth + 1);
    }
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The names in @folder but hidden ones, in their order. */
static GPtrArray *
read_names (PdCatalog *self, const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  while (dir != NULL && self->n_looks < MAX_LOOKS && (name = g_dir_read_name (dir)) != NULL)
    {
      self->n_looks++;
      if (*name != '.')
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* In the order of names, so that NAME/ (configs at most, or a whole model) comes before
 * NAME.safetensors. */
static void
add_folder (PdCatalog *self, const char *prefix, const char *folder, guint depth)
{
  if (is_seen (self, folder))
    return;
  g_autoptr (GPtrArray) names = read_names (self, folder);
  g_autoptr (GHashTable) all = g_hash_table_new (pd_keyed_hash, g_str_equal);
  for (guint i = 0; i < names->len; i++)
    g_hash_table_add (all, names->pdata[i]);
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = names->pdata[i];
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autofree char *file = g_strconcat (name, SUFFIX, NULL);
      GStatBuf info;
      if (g_cancellable_is_cancelled (g_cancellable_get_current ()) || g_stat (path, &info) != 0)
        continue;
      if (S_ISDIR (info.st_mode))
        add_sub_folder (self, prefix, name, path, g_hash_table_contains (all, file), depth);
      else if (S_ISREG (info.st_mode) && g_str_has_suffix (name, SUFFIX))
        add_file (self, prefix, name, path);
    }
}

static gint
compare_entries (gconstpointer a, gconstpointer b)
{
  const PdCatalogEntry *x = *(PdCatalogEntry *const *) a, *y = *(PdCatalogEntry *const *) b;
  gboolean x_embedded = g_str_equal (x->name, EMBEDDED),
           y_embedded = g_str_equal (y->name, EMBEDDED);
  return x_embedded != y_embedded ? y_embedded - x_embedded : strcmp (x->name, y->name);
}

PdCatalog *
pd_catalog_new_for_folders (const char *const *folders)
{
  PdCatalog *self = g_new0 (PdCatalog, 1);
  self->entries = g_ptr_array_new_with_free_func (entry_free);
  self->names = g_hash_table_new (pd_keyed_hash, g_str_equal);
  self->seen = g_hash_table_new_full (pd_keyed_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; folders[i] != NULL; i++)
    add_folder (self, "", folders[i], 0);
  g_ptr_array_sort (self->entries, compare_entries);
  return self;
}

char **
pd_catalog_folders (const char *data_folder)
{
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();
  const char *const *system = g_get_system_data_dirs ();
  g_autofree char *users =
      g_build_filename (g_get_user_data_dir (), "parallel-diffusion", "models", NULL);

  if (data_folder != NULL)
    {
      g_autofree char *embedded = g_build_filename (data_folder, "models", NULL);

      g_strv_builder_add (folders, embedded);
    }
  g_strv_builder_add (folders, users);
  for (guint i = 0; system[i] != NULL; i++)
    {
      g_autofree char *shared = g_build_filename (system[i], "parallel-diffusion", "models", NULL);

      g_strv_builder_add (folders, shared);
    }
  return g_strv_builder_end (folders);
}

PdCatalog *
pd_catalog_new (const char *data_folder)
{
  g_auto (GStrv) folders = pd_catalog_folders (data_folder);

  return pd_catalog_new_for_folders ((const char *const *) folders);
}

void
pd_catalog_free (PdCatalog *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->names);
  g_hash_table_unref (self->seen);
  g_ptr_array_unref (self->entries);
  g_free (self);
}

const GPtrArray *
pd_catalog_list (const PdCatalog *self)
{
  return self->entries;
}

gboolean
pd_catalog_entry_is_other (const PdCatalogEntry *entry)
{
  if (!g_str_has_suffix (entry->path, SUFFIX) ||
      g_cancellable_is_cancelled (g_cancellable_get_current ()))
    return FALSE;
  g_autoptr (PdSafetensors) file = pd_safetensors_open (entry->path, NULL);
  return file != NULL && pd_file_kind (file) != NULL;
}

char *
pd_catalog_find (const PdCatalog *self, const char *name_or_path, GError **error)
{
  const PdCatalogEntry *entry = g_hash_table_lookup (self->names, name_or_path);
  if (entry != NULL)
    return g_strdup (entry->path);
  if (*name_or_path != '\0' && g_file_test (name_or_path, G_FILE_TEST_EXISTS))
    return g_strdup (name_or_path);
  if (g_cancellable_set_error_if_cancelled (g_cancellable_get_current (), error))
    return NULL;
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; i < MIN (self->entries->len, MAX_SUGGESTIONS); i++)
    {
      entry = self->entries->pdata[i];
      if (!pd_catalog_entry_is_other (entry))
        g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", entry->name);
    }
  if (self->entries->len > MAX_SUGGESTIONS)
    g_string_append (names, ", …");
  pd_error_set_bad_model (
      error, _ ("there is no model named \"%s\" and no such folder or file; there are: %s"),
      name_or_path, names->len > 0 ? names->str : _ ("none"));
  return NULL;
}
