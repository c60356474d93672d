// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/config-private.h"

gboolean
pd_text_config_load (PdTextConfig *self, const char *path, GError **error)
{
  g_autoptr (JsonNode) root = pd_json_load_object (path, PD_CONFIG_MAX_BYTES, error);
  return root != NULL && pd_text_config_read (self, json_node_get_object (root), path, error);
}

gboolean
pd_unet_config_load (PdUNetConfig *self, const char *path, GError **error)
{
  g_autoptr (JsonNode) root = pd_json_load_object (path, PD_CONFIG_MAX_BYTES, error);
  return root != NULL && pd_unet_config_read (self, json_node_get_object (root), path, error);
}

gboolean
pd_vae_config_load (PdVaeConfig *self, const char *path, GError **error)
{
  g_autoptr (JsonNode) root = pd_json_load_object (path, PD_CONFIG_MAX_BYTES, error);
  return root != NULL && pd_vae_config_read (self, json_node_get_object (root), path, error);
}

gboolean
pd_tiny_vae_config_load (PdTinyVaeConfig *self, const char *path, GError **error)
{
  g_autoptr (JsonNode) root = pd_json_load_object (path, PD_CONFIG_MAX_BYTES, error);
  return root != NULL && pd_tiny_vae_config_read (self, json_node_get_object (root), path, error);
}

gboolean
pd_pipeline_config_load (PdPipelineConfig *self, const char *path, GError **error)
{
  g_autoptr (JsonNode) root = pd_json_load_object (path, PD_CONFIG_MAX_BYTES, error);
  return root != NULL && pd_pipeline_config_read (self, json_node_get_object (root), path, error);
}
