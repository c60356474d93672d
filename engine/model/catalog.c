// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/catalog.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"

static const char SUFFIX[] = ".safetensors";
static const char EMBEDDED[] = "default";

struct _PdCatalog
{
  GPtrArray *entries; /* of PdCatalogEntry */
};

static void
entry_free (gpointer data)
{
  PdCatalogEntry *entry = data;
  g_free (entry->name);
  g_free (entry->path);
  g_free (entry);
}

static const PdCatalogEntry *
find_entry (const PdCatalog *self, const char *name)
{
  for (guint i = 0; i < self->entries->len; i++)
    {
      const PdCatalogEntry *entry = self->entries->pdata[i];
      if (g_str_equal (entry->name, name))
        return entry;
    }
  return NULL;
}

/* @name in UTF-8: what is none is written as \xff. Takes @name over. */
static char *
readable_name (char *name)
{
  GString *text = g_string_new (NULL);
  for (const char *at = name, *end; *at != '\0'; at = end)
    {
      g_utf8_validate (at, -1, &end);
      g_string_append_len (text, at, end - at);
      if (*end != '\0')
        g_string_append_printf (text, "\\x%02x", (guint8) *end++);
    }
  g_free (name);
  return g_string_free (text, FALSE);
}

static void
add (PdCatalog *self, const char *folder, const char *file)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autofree char *index = g_build_filename (path, "model_index.json", NULL);
  g_autofree char *name = NULL;
  if (g_str_has_suffix (file, SUFFIX) && g_file_test (path, G_FILE_TEST_IS_REGULAR))
    name = g_strndup (file, strlen (file) - strlen (SUFFIX));
  else if (g_file_test (index, G_FILE_TEST_IS_REGULAR))
    name = g_strdup (file);
  name = name != NULL ? readable_name (g_steal_pointer (&name)) : NULL;
  if (name == NULL || *name == '\0' || find_entry (self, name) != NULL)
    return;
  PdCatalogEntry *entry = g_new (PdCatalogEntry, 1);
  entry->name = g_steal_pointer (&name);
  entry->path = g_steal_pointer (&path);
  g_ptr_array_add (self->entries, entry);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* In the order of names, so that NAME/ (configs at most, or a whole model) comes before
 * NAME.safetensors. */
static void
add_folder (PdCatalog *self, const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  const char *file;
  while (dir != NULL && (file = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (files, g_strdup (file));
  g_ptr_array_sort (files, compare_names);
  for (guint i = 0; i < files->len; i++)
    add (self, folder, files->pdata[i]);
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
  PdCatalog *self = g_new (PdCatalog, 1);
  self->entries = g_ptr_array_new_with_free_func (entry_free);
  for (guint i = 0; folders[i] != NULL; i++)
    add_folder (self, folders[i]);
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
  g_ptr_array_unref (self->entries);
  g_free (self);
}

const GPtrArray *
pd_catalog_list (const PdCatalog *self)
{
  return self->entries;
}

char *
pd_catalog_find (const PdCatalog *self, const char *name_or_path, GError **error)
{
  const PdCatalogEntry *entry = find_entry (self, name_or_path);
  if (entry != NULL)
    return g_strdup (entry->path);
  if (*name_or_path != '\0' && g_file_test (name_or_path, G_FILE_TEST_EXISTS))
    return g_strdup (name_or_path);
  g_autoptr (GString) names = g_string_new (NULL);
  for (guint i = 0; i < self->entries->len; i++)
    {
      entry = self->entries->pdata[i];
      g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", entry->name);
    }
  pd_error_set_bad_model (
      error, _ ("there is no model named \"%s\" and no such folder or file; there are: %s"),
      name_or_path, names->len > 0 ? names->str : _ ("none"));
  return NULL;
}
