// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/presets.h"
#include "engine/base/error.h"
#include "ui/pd-ui-resources.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

static const struct
{
  const char *name;
  const char *path;
} shipped[] = {
  { N_ ("Quick draft"), "/parallel-diffusion/presets/quick-draft.json" },
  { N_ ("Fine detail"), "/parallel-diffusion/presets/fine-detail.json" },
  { N_ ("Seamless texture"), "/parallel-diffusion/presets/seamless-texture.json" },
  { N_ ("Oil painting"), "/parallel-diffusion/presets/oil-painting.json" },
  { N_ ("Very large canvas"), "/parallel-diffusion/presets/very-large-canvas.json" },
};

static const char suffix[] = ".json";

static char *
get_folder (void)
{
  return g_build_filename (g_get_user_config_dir (), "parallel-diffusion", "presets", NULL);
}

void
pd_preset_free (PdPreset *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->file);
  g_free (self);
}

static PdPreset *
preset_new (const char *name, const char *file, const char *path)
{
  PdPreset *self = g_new0 (PdPreset, 1);

  self->name = g_strdup (name);
  self->file = g_strdup (file);
  self->path = path;
  return self;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_utf8_collate ((*(PdPreset *const *) a)->name, (*(PdPreset *const *) b)->name);
}

GPtrArray *
pd_presets_list (void)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_preset_free);
  g_autofree char *folder = get_folder ();
  g_autoptr (GDir) entries = g_dir_open (folder, 0, NULL);
  const char *entry;

  g_resources_register (pd_ui_get_resource ());
  while (entries != NULL && (entry = g_dir_read_name (entries)) != NULL)
    if (g_str_has_suffix (entry, suffix) && entry[0] != '.')
      {
        g_autofree char *file = g_build_filename (folder, entry, NULL);
        g_autofree char *name = g_filename_display_name (entry);

        name[strlen (name) - strlen (suffix)] = '\0';
        g_ptr_array_add (list, preset_new (name, file, NULL));
      }
  g_ptr_array_sort (list, compare_names);
  for (guint i = 0; i < G_N_ELEMENTS (shipped); i++)
    g_ptr_array_add (list, preset_new (_ (shipped[i].name), NULL, shipped[i].path));
  return list;
}

static GBytes *
read_preset (const PdPreset *self, GError **error)
{
  char *text;
  gsize length;

  if (self->path != NULL)
    return g_resources_lookup_data (self->path, 0, error);
  if (!g_file_get_contents (self->file, &text, &length, error))
    return NULL;
  return g_bytes_new_take (text, length);
}

gboolean
pd_preset_apply (const PdPreset *self, PdRequest *request, char **note, GError **error)
{
  g_autoptr (GBytes) bytes = read_preset (self, error);
  g_autofree char *json = NULL;
  g_auto (GStrv) files = NULL;

  if (bytes == NULL)
    return FALSE;
  json = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (pd_request_set_json_of_others (request, json, &files, error))
    {
      g_autofree char *names = g_strjoinv (", ", files);

      *note = *names ? g_strdup_printf (_ ("The preset “%s” names files, which a preset does not "
                                           "choose; left as they are: %s"),
                                        self->name, names)
                     : NULL;
      return TRUE;
    }
  g_prefix_error (error, _ ("The preset “%s” cannot be used; correct or delete %s: "), self->name,
                  self->file != NULL ? self->file : self->path);
  return FALSE;
}

static gboolean
check_name (const char *name, GError **error)
{
  if (*name && name[0] != '.' && strchr (name, G_DIR_SEPARATOR) == NULL && strlen (name) < 200)
    return TRUE;
  g_set_error (
      error, PD_ERROR, PD_ERROR_BAD_REQUEST,
      _ ("“%s” cannot be the name of a preset, expected a short text without “/” that does "
         "not begin with a dot"),
      name);
  return FALSE;
}

/* The region decides the size. */
static char *
preset_json (PdRequest *request)
{
  g_autofree char *json =
      pd_request_to_json (request, PD_REQUEST_PARAM_LOCAL | PD_REQUEST_PARAM_FILE);
  g_autoptr (JsonNode) node = json_from_string (json, NULL);

  json_object_remove_member (json_node_get_object (node), "width");
  json_object_remove_member (json_node_get_object (node), "height");
  return json_to_string (node, TRUE);
}

gboolean
pd_presets_save (const char *name, PdRequest *request, GError **error)
{
  g_autofree char *folder = get_folder ();
  g_autofree char *entry = NULL;
  g_autofree char *file_name = NULL;
  g_autofree char *file = NULL;
  g_autofree char *json = NULL;

  if (!check_name (name, error))
    return FALSE;
  entry = g_strconcat (name, suffix, NULL);
  file_name = g_filename_from_utf8 (entry, -1, NULL, NULL, error);
  if (file_name == NULL)
    return FALSE;
  if (g_mkdir_with_parents (folder, 0700) < 0)
    {
      const int code = errno;

      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code),
                   _ ("The folder for presets cannot be made: %s: %s"), folder, g_strerror (code));
      return FALSE;
    }
  file = g_build_filename (folder, file_name, NULL);
  json = preset_json (request);
  return g_file_set_contents (file, json, -1, error);
}

gboolean
pd_preset_delete (const PdPreset *self, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (self->file);

  return g_file_delete (file, NULL, error);
}
