// SPDX-License-Identifier: GPL-3.0-or-later
/* The files that a request names, and who may choose them. */
#include "engine/request/request.h"

#include <string.h>

static const char mask_prefix[] = "mask=";

char *
pd_request_region_mask (const char *line)
{
  while (g_ascii_isspace (*line))
    line++;
  if (!g_str_has_prefix (line, mask_prefix))
    return NULL;
  line += strlen (mask_prefix);
  return g_strndup (line, strcspn (line, ":"));
}

/* Whether @model is a name within the folders of models, and no path that leads out of them. */
static gboolean
is_model_name (const char *model)
{
  g_auto (GStrv) parts = g_strsplit (model, G_DIR_SEPARATOR_S, -1);

  return !g_path_is_absolute (model) && model[0] != '~' &&
         !g_str_has_suffix (model, ".safetensors") &&
         !g_strv_contains ((const char *const *) parts, ".") &&
         !g_strv_contains ((const char *const *) parts, "..");
}

/* Returns: (transfer full) the lines of @regions that name no mask. */
static char *
without_masks (const char *regions)
{
  g_auto (GStrv) lines = g_strsplit (regions, "\n", -1);
  g_autoptr (GString) kept = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autofree char *mask = pd_request_region_mask (lines[i]);

      if (mask == NULL && *lines[i])
        g_string_append_printf (kept, "%s%s", kept->len ? "\n" : "", lines[i]);
    }
  return g_string_free (g_steal_pointer (&kept), FALSE);
}

/* The names of parameters that are files and of which @stored has one. */
static void
list_files (PdRequest *stored, GStrvBuilder *names)
{
  g_autofree GParamSpec **params = NULL;
  guint n_params;

  params = g_object_class_list_properties (G_OBJECT_GET_CLASS (stored), &n_params);
  for (guint i = 0; i < n_params; i++)
    if (params[i]->flags & PD_REQUEST_PARAM_FILE)
      {
        g_autofree char *path = pd_request_get_text (stored, params[i]->name);

        if (*path)
          g_strv_builder_add (names, params[i]->name);
      }
}

gboolean
pd_request_set_json_of_others (PdRequest *self, const char *json, char ***files, GError **error)
{
  const guint except = PD_REQUEST_PARAM_LOCAL | PD_REQUEST_PARAM_FILE;
  g_autoptr (PdRequest) stored = pd_request_new ();
  g_autoptr (PdRequest) changed = pd_request_copy (self);
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  g_autofree char *regions = NULL;

  if (!pd_request_set_json (stored, json, PD_REQUEST_PARAM_LOCAL, error) ||
      !pd_request_set_json (changed, json, except, error))
    return FALSE;
  list_files (stored, names);
  if (!is_model_name (stored->model))
    {
      g_object_set (changed, "model", self->model, NULL);
      g_strv_builder_add (names, "model");
    }
  regions = without_masks (stored->regions);
  if (!g_str_equal (regions, stored->regions))
    {
      g_object_set (changed, "regions", regions, NULL);
      g_strv_builder_add (names, "region");
    }
  pd_request_assign (self, changed);
  *files = g_strv_builder_end (names);
  return TRUE;
}
