// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/model-files.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>

#include "engine/base/error.h"
#include "engine/files/hub-cache.h"
#include "engine/base/json.h"
#include "engine/files/single-file.h"

void
pd_model_files_free (PdModelFiles *self)
{
  if (self == NULL)
    return;
  pd_checkpoint_free (self->unet);
  pd_checkpoint_free (self->vae);
  pd_checkpoint_free (self->tiny_vae);
  pd_checkpoint_free (self->text_encoder);
  g_clear_pointer (&self->scheduler, json_node_unref);
  g_ptr_array_unref (self->notes);
  g_free (self->tokenizer_folder);
  g_free (self->path);
  g_free (self);
}

gboolean
pd_model_files_load_common (PdModelFiles *self, const char *folder, GError **error)
{
  g_autofree char *scheduler =
      g_build_filename (folder, "scheduler", "scheduler_config.json", NULL);
  g_autofree char *tokenizer = g_build_filename (folder, "tokenizer", NULL);
  if (g_file_test (tokenizer, G_FILE_TEST_IS_DIR))
    self->tokenizer_folder = g_steal_pointer (&tokenizer);
  if (!g_file_test (scheduler, G_FILE_TEST_EXISTS))
    return TRUE;
  self->scheduler = pd_json_load_object (scheduler, 1024 * 1024, error);
  return self->scheduler != NULL;
}

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

/* @folder holds config.json and weights. */
static gboolean
open_part (PdModelFiles *self, PdPart part, const char *folder, GError **error)
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
      return open_part (self, CLASSES[i].part, self->path, error);
  pd_error_set_bad_model (
      error,
      _ ("%s: the class %.60s is not supported, expected a UNet2DConditionModel, "
         "AutoencoderKL, AutoencoderTiny or CLIPTextModel"),
      config, class_name != NULL ? class_name : "null");
  return FALSE;
}

static gboolean
open_folder (PdModelFiles *self, guint wanted, GError **error)
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
      if (wanted & 1u << parts[i] && !open_part (self, parts[i], folder, error))
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

/* Whether @folder has a config.json that says that it is @part. */
static gboolean
is_folder_of (const char *folder, PdPart part)
{
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autofree char *class_name = pd_config_load_class (config, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (CLASSES); i++)
    if (CLASSES[i].part == part && g_strcmp0 (class_name, CLASSES[i].class_name) == 0)
      return TRUE;
  return FALSE;
}

gboolean
pd_model_files_take_part (
    PdModelFiles *self, PdPart part, const char *path, const char *config_folder, GError **error)
{
  g_autofree char *snapshot = pd_hub_cache_snapshot (path);
  const char *folder = snapshot != NULL ? snapshot : path;
  g_autofree char *inner = g_build_filename (folder, pd_part_name (part), NULL);
  *(part == PD_PART_VAE ? &self->other_vae : &self->other_text_encoder) = TRUE;
  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return pd_single_file_open_part (self, part, path, config_folder, error);
  if (g_file_test (inner, G_FILE_TEST_IS_DIR))
    return open_part (self, part, inner, error);
  if (is_folder_of (folder, part))
    return open_part (self, part, folder, error);
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

static gboolean
open_any (PdModelFiles *self, const char *config_folder, guint parts, GError **error)
{
  if (g_file_test (self->path, G_FILE_TEST_IS_DIR) && !follow_repository (self, error))
    return FALSE;
  gboolean is_folder = g_file_test (self->path, G_FILE_TEST_IS_DIR);
  self->layout = is_folder ? PD_LAYOUT_DIFFUSERS : PD_LAYOUT_SINGLE_FILE;
  return is_folder ? open_folder (self, parts, error)
                   : pd_single_file_open (self, config_folder, parts, error);
}

static PdModelFiles *
model_files_new (const char *path)
{
  PdModelFiles *self = g_new0 (PdModelFiles, 1);
  self->path = g_strdup (path);
  self->notes = g_ptr_array_new_with_free_func (g_free);
  return self;
}

static const guint ALL_PARTS = 1u << PD_PART_UNET | 1u << PD_PART_VAE | 1u << PD_PART_TEXT_ENCODER;

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
  if ((vae != NULL && !pd_model_files_take_part (self, PD_PART_VAE, vae, folder, error)) ||
      (text != NULL && !pd_model_files_take_part (self, PD_PART_TEXT_ENCODER, text, folder, error)))
    return NULL;
  return g_steal_pointer (&self);
}

gboolean
pd_model_files_has_encoder (const PdModelFiles *self)
{
  PdCheckpoint *vae = self->vae != NULL ? self->vae : self->tiny_vae;
  return vae != NULL && pd_checkpoint_has_prefix (vae, "encoder.");
}

gboolean
pd_model_files_require (const PdModelFiles *self, PdPart part, GError **error)
{
  if ((part == PD_PART_UNET && self->unet != NULL) ||
      (part == PD_PART_VAE && (self->vae != NULL || self->tiny_vae != NULL)) ||
      (part == PD_PART_TEXT_ENCODER && self->text_encoder != NULL))
    return TRUE;
  const char *name = pd_part_name (part);
  const char *option = part == PD_PART_VAE ? "--vae" : "--text-encoder";
  if (part == PD_PART_UNET && self->layout == PD_LAYOUT_DIFFUSERS)
    pd_error_set_bad_model (
        error, _ ("%s: the model has no %s; expected the folder %s/ with config.json and weights"),
        self->path, name, name);
  else if (part == PD_PART_UNET)
    pd_error_set_bad_model (error, _ ("%s: the file has no %s"), self->path, name);
  else if (self->layout == PD_LAYOUT_DIFFUSERS)
    pd_error_set_bad_model (error,
                            _ ("%s: the model has no %s; expected the folder %s/ with config.json "
                               "and weights, or give a file with %s"),
                            self->path, name, name, option);
  else
    {
      g_autofree char *beside = pd_single_file_beside (self->path, part);
      pd_error_set_bad_model (error,
                              _ ("%s: the file has no %s; give one with %s, or put it there as %s"),
                              self->path, name, option, beside);
    }
  return FALSE;
}

PdTokenizer *
pd_model_files_load_tokenizer (const PdModelFiles *self, GError **error)
{
  static const int clip_size = 49408;
  int vocab_size = self->text_encoder != NULL ? self->text_config.vocab_size : clip_size;
  if ((self->tokenizer_folder == NULL ||
       !pd_tokenizer_folder_has_vocabulary (self->tokenizer_folder)) &&
      vocab_size != clip_size)
    {
      pd_error_set_bad_model (
          error,
          _ ("%s: the text encoder knows %d tokens, CLIP's vocabulary has %d; put its "
             "vocab.json and merges.txt in the folder tokenizer/ of the model"),
          self->path, vocab_size, clip_size);
      return NULL;
    }
  return self->tokenizer_folder != NULL
             ? pd_tokenizer_new_from_folder (self->tokenizer_folder, error)
             : pd_tokenizer_new_clip (error);
}
