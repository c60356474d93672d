// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/diffusers-folder.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/files/config-private.h"
#include "engine/files/model-files-private.h"

static gboolean
read_unet (gpointer config, JsonObject *object, const char *name, GError **error)
{
  return pd_unet_config_read (config, object, name, error);
}

static gboolean
read_vae (gpointer config, JsonObject *object, const char *name, GError **error)
{
  return pd_vae_config_read (config, object, name, error);
}

static gboolean
read_tiny_vae (gpointer config, JsonObject *object, const char *name, GError **error)
{
  return pd_tiny_vae_config_read (config, object, name, error);
}

static gboolean
read_text (gpointer config, JsonObject *object, const char *name, GError **error)
{
  return pd_text_config_read (config, object, name, error);
}

/* The classes that a config.json names, and the parts they are. Of those of a part the first is
 * what a part's folder without such a name is read as. */
typedef struct
{
  const char *name;
  PdPart part;
  PdNetworkClass class;
  gsize config_size;
  gboolean (*read) (gpointer config, JsonObject *object, const char *name, GError **error);
} Class;
static const Class CLASSES[] = {
  { "UNet2DConditionModel", PD_PART_UNET, PD_CLASS_UNET_2D_CONDITION, sizeof (PdUNetConfig),
    read_unet },
  { "AutoencoderKL", PD_PART_VAE, PD_CLASS_AUTOENCODER_KL, sizeof (PdVaeConfig), read_vae },
  { "AutoencoderTiny", PD_PART_VAE, PD_CLASS_AUTOENCODER_TINY, sizeof (PdTinyVaeConfig),
    read_tiny_vae },
  { "CLIPTextModel", PD_PART_TEXT_ENCODER, PD_CLASS_CLIP_TEXT, sizeof (PdTextConfig), read_text },
  { "CLIPTextModelWithProjection", PD_PART_TEXT_ENCODER, PD_CLASS_CLIP_TEXT, sizeof (PdTextConfig),
    read_text },
};

/* The class called @name, which may be NULL, if it can be one of @parts (bits 1 << PdPart). */
static const Class *
find_class (const char *name, guint parts)
{
  for (guint i = 0; i < G_N_ELEMENTS (CLASSES); i++)
    if (parts & 1u << CLASSES[i].part && g_strcmp0 (name, CLASSES[i].name) == 0)
      return &CLASSES[i];
  return NULL;
}

static const Class *
first_class (PdPart part)
{
  const Class *class = CLASSES;
  while (class->part != part)
    class ++;
  return class;
}

gboolean
pd_diffusers_folder_open_part (PdModelFiles *self, PdPart part, const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);
  g_autoptr (JsonNode) root = pd_json_load_object (path, PD_CONFIG_MAX_BYTES, error);
  if (root == NULL)
    return FALSE;
  JsonObject *object = json_node_get_object (root);
  const Class *class = find_class (pd_config_read_class (object, path, NULL), 1u << part);
  if (class == NULL)
    class = first_class (part);
  g_autofree gpointer config = g_malloc0 (class->config_size);
  return class->read (config, object, path, error) &&
         pd_model_files_take (self, part, class->class,
                              pd_checkpoint_open_folder (folder, part, error), config,
                              class->config_size);
}

/* The model is one of @parts (bits 1 << PdPart) alone, and this is its @config. */
static gboolean
open_single_part (PdModelFiles *self, const char *config, guint parts, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autofree char *class_name = pd_config_load_class (config, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  const Class *class = find_class (class_name, parts);
  if (class != NULL)
    return pd_diffusers_folder_open_part (self, class->part, self->path, error);
  pd_error_set_bad_model (
      error,
      _ ("%s: the class %.60s is not supported, expected a UNet2DConditionModel, "
         "AutoencoderKL, AutoencoderTiny or CLIPTextModel"),
      config, class_name != NULL ? class_name : "null");
  return FALSE;
}

gboolean
pd_diffusers_folder_open (PdModelFiles *self, guint wanted, GError **error)
{
  g_autofree char *index = g_build_filename (self->path, "model_index.json", NULL);
  g_autofree char *config = g_build_filename (self->path, "config.json", NULL);
  gboolean has_index = g_file_test (index, G_FILE_TEST_EXISTS), found = has_index;
  if (has_index && !pd_pipeline_config_load (&self->pipeline, index, error))
    return FALSE;
  if (!has_index && g_file_test (config, G_FILE_TEST_EXISTS))
    return open_single_part (self, config, wanted, error);
  for (guint part = 0; part < PD_N_PARTS; part++)
    {
      g_autofree char *folder = g_build_filename (self->path, pd_part_name (part), NULL);
      if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
        continue;
      found = TRUE;
      if (wanted & 1u << part && !pd_diffusers_folder_open_part (self, part, folder, error))
        return FALSE;
    }
  if (!found)
    {
      pd_error_set_bad_model (
          error,
          _ ("%s: not a model: expected a folder of the diffusers layout, with "
             "model_index.json and unet/, vae/, text_encoder/, or a .safetensors file"),
          self->path);
      return FALSE;
    }
  return pd_model_files_load_common (self, self->path, error);
}

gboolean
pd_diffusers_folder_holds (const char *folder, PdPart part)
{
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autofree char *class_name = pd_config_load_class (config, NULL);
  return find_class (class_name, 1u << part) != NULL;
}
