// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/settings.h"
#include "engine/base/json.h"
#include "plug-in/style-picture.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

static const gsize max_bytes = 1 << 20;

static char *
settings_path (void)
{
  return g_build_filename (g_get_user_config_dir (), "parallel-diffusion", "settings.json", NULL);
}

/* Returns: (transfer full) the root, an empty object if there is no readable file. */
static JsonNode *
load_root (void)
{
  g_autofree char *path = settings_path ();
  g_autoptr (GError) error = NULL;
  JsonNode *root = NULL;

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    root = pd_json_load_object (path, max_bytes, &error);
  if (error != NULL)
    g_info ("settings are not used: %s", error->message);
  if (root == NULL)
    {
      root = json_node_new (JSON_NODE_OBJECT);
      json_node_take_object (root, json_object_new ());
    }
  return root;
}

gboolean
pd_settings_load (PdRequest *request)
{
  g_autoptr (JsonNode) root = load_root ();
  JsonNode *last = json_object_get_member (json_node_get_object (root), "request");
  g_autofree char *json = NULL;
  g_autoptr (GError) error = NULL;

  if (last == NULL || !JSON_NODE_HOLDS_OBJECT (last))
    return FALSE;
  json = json_to_string (last, FALSE);
  if (pd_request_set_json (request, json, 0, &error))
    return TRUE;
  g_info ("the last parameters are not used: %s", error->message);
  return FALSE;
}

PdEngineClient *
pd_settings_new_client (void)
{
  g_autoptr (JsonNode) root = load_root ();
  JsonObject *object = json_node_get_object (root);
  PdEngineClient *client = pd_engine_client_new (
      json_object_get_string_member_with_default (object, "engine-command", NULL));

  pd_engine_client_set_confined (
      client, json_object_get_boolean_member_with_default (object, "confine-engine", TRUE));
  return client;
}

/* Returns: (transfer full) the parameters but for files; of those the style's alone is kept, if it
 * is one. */
static char *
last_json (PdRequest *request)
{
  g_autofree char *json = pd_request_to_json (request, PD_REQUEST_PARAM_FILE);
  g_autofree char *whole = pd_request_to_json (request, 0);
  g_autoptr (JsonNode) kept = json_from_string (json, NULL);
  g_autoptr (JsonNode) all = json_from_string (whole, NULL);

  if (!pd_style_picture_is_open (request->style))
    json_object_set_member (json_node_get_object (kept), "style",
                            json_object_dup_member (json_node_get_object (all), "style"));
  return json_to_string (kept, FALSE);
}

gboolean
pd_settings_save (PdRequest *request, GError **error)
{
  g_autoptr (JsonNode) root = load_root ();
  g_autofree char *path = settings_path ();
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *json = last_json (request);
  g_autofree char *text = NULL;

  json_object_set_member (json_node_get_object (root), "request", json_from_string (json, NULL));
  text = json_to_string (root, TRUE);
  if (g_mkdir_with_parents (folder, 0700) != 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno), "%s: %s", folder,
                   g_strerror (errno));
      return FALSE;
    }
  return g_file_set_contents (path, text, -1, error);
}
