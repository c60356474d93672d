// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/model-files.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/files/diffusers-folder.h"
#include "engine/files/hub-cache.h"
#include "engine/files/model-files-private.h"
#include "engine/files/single-file.h"

/* A repository in the hub's cache stands for the snapshot in it: a folder, or the file that is all
 * there is. */
static gboolean
follow_repository (PdModelFiles *self, GError **error)
{
  g_autofree char *snapshot = pd_hub_cache_snapshot (self->path);
  if (snapshot == NULL)
    return TRUE;
  g_autofree char *index = g_build_filename (snapshot, "model_index.json", NULL);
  g_autofree char *unet = g_build_filename (snapshot, "unet", NULL);
  gboolean is_folder =
      g_file_test (index, G_FILE_TEST_EXISTS) || g_file_test (unet, G_FILE_TEST_IS_DIR);
  g_autoptr (GPtrArray) files = pd_hub_cache_list_files (snapshot);
  if (!is_folder && files->len != 1)
    {
      pd_error_set_bad_model (error,
                              _ ("%s: there are %u .safetensors files in %s: choose one of them"),
                              self->path, files->len, snapshot);
      return FALSE;
    }
  g_free (self->path);
  self->path =
      is_folder ? g_steal_pointer (&snapshot) : g_build_filename (snapshot, files->pdata[0], NULL);
  return TRUE;
}

static gboolean
open_part (
    PdModelFiles *self, PdPart part, const char *path, const char *config_folder, GError **error)
{
  g_autofree char *snapshot = pd_hub_cache_snapshot (path);
  const char *folder = snapshot != NULL ? snapshot : path;
  g_autofree char *inner = g_build_filename (folder, pd_part_name (part), NULL);
  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return pd_single_file_open_part (self, part, path, config_folder, error);
  if (g_file_test (inner, G_FILE_TEST_IS_DIR))
    return pd_diffusers_folder_open_part (self, part, inner, error);
  if (pd_diffusers_folder_holds (folder, part))
    return pd_diffusers_folder_open_part (self, part, folder, error);
  /* One file, such as a CLIP model whose half is the text encoder. */
  g_autoptr (GPtrArray) files = pd_hub_cache_list_files (folder);
  if (files->len == 1)
    {
      g_autofree char *file = g_build_filename (folder, files->pdata[0], NULL);
      return pd_single_file_open_part (self, part, file, config_folder, error);
    }
  pd_error_set_bad_model (
      error,
      _ ("%s: there is no %s in this folder; expected config.json and weights, or %s/ with them"),
      folder, pd_part_name (part), pd_part_name (part));
  return FALSE;
}

/* Takes @part from @path, as PdModelParts has it; @config_folder: of the model, may be NULL. */
static gboolean
take_part (
    PdModelFiles *self, PdPart part, const char *path, const char *config_folder, GError **error)
{
  self->parts[part].is_other = open_part (self, part, path, config_folder, error);
  return self->parts[part].is_other;
}

/* Takes a part that the file lacks from beside it, if it is there. @folder: NAME/, may be NULL. */
static gboolean
take_from_beside (PdModelFiles *self, PdPart part, const char *folder, GError **error)
{
  static const char *const older[] = { ".pt", ".ckpt" };
  g_autofree char *file = pd_model_files_beside (self, part, ".safetensors");
  g_autofree char *inner =
      folder != NULL ? g_build_filename (folder, pd_part_name (part), NULL) : NULL;
  if (g_file_test (file, G_FILE_TEST_EXISTS))
    return take_part (self, part, file, folder, error);
  if (inner != NULL && pd_checkpoint_folder_has_weights (inner))
    return take_part (self, part, inner, folder, error);
  for (guint i = 0; i < G_N_ELEMENTS (older); i++)
    {
      g_autofree char *pickle = pd_model_files_beside (self, part, older[i]);
      if (!g_file_test (pickle, G_FILE_TEST_EXISTS))
        continue;
      pd_error_set_bad_model (error, _ ("%s: this is a PyTorch file; convert it to %s"), pickle,
                              file);
      return FALSE;
    }
  return TRUE;
}

static gboolean
take_parts_from_beside (PdModelFiles *self, guint parts, const char *folder, GError **error)
{
  for (guint part = PD_PART_VAE; part < PD_N_PARTS; part++)
    if (parts & 1u << part && self->parts[part].checkpoint == NULL &&
        !take_from_beside (self, part, folder, error))
      return FALSE;
  return TRUE;
}

static gboolean
open_any (PdModelFiles *self, const char *config_folder, guint parts, GError **error)
{
  if (g_file_test (self->path, G_FILE_TEST_IS_DIR) && !follow_repository (self, error))
    return FALSE;
  if (g_file_test (self->path, G_FILE_TEST_IS_DIR))
    {
      self->layout = PD_LAYOUT_DIFFUSERS;
      return pd_diffusers_folder_open (self, parts, error);
    }
  self->layout = PD_LAYOUT_SINGLE_FILE;
  g_autofree char *folder =
      config_folder != NULL ? g_strdup (config_folder) : pd_single_file_folder (self->path);
  if (!pd_single_file_open (self, folder, parts, error))
    return FALSE;
  return self->parts[PD_PART_UNET].checkpoint == NULL ||
         take_parts_from_beside (self, parts, folder, error);
}

static PdModelFiles *
model_files_new (const char *path)
{
  PdModelFiles *self = g_new0 (PdModelFiles, 1);
  self->path = g_strdup (path);
  self->notes = g_ptr_array_new_with_free_func (g_free);
  return self;
}

static const guint ALL_PARTS = (1u << PD_N_PARTS) - 1;

PdModelFiles *
pd_model_files_open (const char *path, const char *config_folder, GError **error)
{
  g_autoptr (PdModelFiles) self = model_files_new (path);
  return open_any (self, config_folder, ALL_PARTS, error) ? g_steal_pointer (&self) : NULL;
}

static const char *
given (const char *path)
{
  return path != NULL && *path != '\0' ? path : NULL;
}

PdModelFiles *
pd_model_files_open_with_parts (const char *path, const PdModelParts *parts, GError **error)
{
  const char *vae = parts != NULL ? given (parts->vae) : NULL;
  const char *text = parts != NULL ? given (parts->text_encoder) : NULL;
  g_autoptr (PdModelFiles) self = model_files_new (path);
  guint own = ALL_PARTS & ~(vae != NULL ? 1u << PD_PART_VAE : 0) &
              ~(text != NULL ? 1u << PD_PART_TEXT_ENCODER : 0);
  if (!open_any (self, NULL, own, error))
    return NULL;
  g_autofree char *folder = self->layout == PD_LAYOUT_DIFFUSERS
                                ? g_strdup (self->path)
                                : pd_single_file_folder (self->path);
  if ((vae != NULL && !take_part (self, PD_PART_VAE, vae, folder, error)) ||
      (text != NULL && !take_part (self, PD_PART_TEXT_ENCODER, text, folder, error)))
    return NULL;
  return g_steal_pointer (&self);
}
