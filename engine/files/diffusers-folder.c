// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/diffusers-folder.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/files/model-files-private.h"

static gboolean
open_vae (PdModelFiles *self, const char *folder, const char *config, GError **error)
{
  g_autoptr (GError) failure = NULL;
  g_autofree char *class_name = pd_config_load_class (config, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  PdCheckpoint **checkpoint = &self->vae;
  if (g_strcmp0 (class_name, "AutoencoderTiny") == 0)
    {
      checkpoint = &self->tiny_vae;
      if (!pd_tiny_vae_config_load (&self->tiny_vae_config, config, error))
        return FALSE;
    }
  else if (!pd_vae_config_load (&self->vae_config, config, error))
    return FALSE;
  *checkpoint = pd_checkpoint_open_folder (folder, PD_PART_VAE, error);
  return *checkpoint != NULL;
}

gboolean
pd_diffusers_folder_open_part (PdModelFiles *self, PdPart part, const char *folder, GError **error)
{
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  switch (part)
    {
    case PD_PART_UNET:
      if (!pd_unet_config_load (&self->unet_config, config, error))
        return FALSE;
      self->unet = pd_checkpoint_open_folder (folder, part, error);
      return self->unet != NULL;
    case PD_PART_VAE:
      return open_vae (self, folder, config, error);
    case PD_PART_TEXT_ENCODER:
      if (!pd_text_config_load (&self->text_config, config, error))
        return FALSE;
      self->text_encoder = pd_checkpoint_open_folder (folder, part, error);
      return self->text_encoder != NULL;
    }
  return FALSE;
}

/* The classes that a config.json names, and the parts they are. */
static const struct
{
  const char *class_name;
  PdPart part;
} CLASSES[] = {
  { "UNet2DConditionModel", PD_PART_UNET },
  { "AutoencoderKL", PD_PART_VAE },
  { "AutoencoderTiny", PD_PART_VAE },
  { "CLIPTextModel", PD_PART_TEXT_ENCODER },
  { "CLIPTextModelWithProjection", PD_PART_TEXT_ENCODER },
};

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
  for (guint i = 0; i < G_N_ELEMENTS (CLASSES); i++)
    if (g_strcmp0 (class_name, CLASSES[i].class_name) == 0 && parts & 1u << CLASSES[i].part)
      return pd_diffusers_folder_open_part (self, CLASSES[i].part, self->path, error);
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
  static const PdPart parts[] = { PD_PART_UNET, PD_PART_VAE, PD_PART_TEXT_ENCODER };
  g_autofree char *index = g_build_filename (self->path, "model_index.json", NULL);
  g_autofree char *config = g_build_filename (self->path, "config.json", NULL);
  gboolean has_index = g_file_test (index, G_FILE_TEST_EXISTS), found = has_index;
  if (has_index && !pd_pipeline_config_load (&self->pipeline, index, error))
    return FALSE;
  if (!has_index && g_file_test (config, G_FILE_TEST_EXISTS))
    return open_single_part (self, config, wanted, error);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autofree char *folder = g_build_filename (self->path, pd_part_name (parts[i]), NULL);
      if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
        continue;
      found = TRUE;
      if (wanted & 1u << parts[i] && !pd_diffusers_folder_open_part (self, parts[i], folder, error))
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
  for (guint i = 0; i < G_N_ELEMENTS (CLASSES); i++)
    if (CLASSES[i].part == part && g_strcmp0 (class_name, CLASSES[i].class_name) == 0)
      return TRUE;
  return FALSE;
}
