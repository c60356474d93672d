// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/model-files-private.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>

#include "engine/base/error.h"
#include "engine/base/json.h"

void
pd_model_files_free (PdModelFiles *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < PD_N_PARTS; i++)
    {
      pd_checkpoint_free (self->parts[i].checkpoint);
      g_free ((gpointer) self->parts[i].config);
    }
  g_clear_pointer (&self->scheduler, json_node_unref);
  g_ptr_array_unref (self->notes);
  g_free (self->tokenizer_folder);
  g_free (self->path);
  g_free (self);
}

gboolean
pd_model_files_take (PdModelFiles *self,
                     PdPart part,
                     PdNetworkClass class,
                     PdCheckpoint *checkpoint,
                     gconstpointer config,
                     gsize size)
{
  if (checkpoint == NULL)
    return FALSE;
  self->parts[part] = (PdPartFiles){ class, checkpoint, g_memdup2 (config, size), FALSE };
  return TRUE;
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

char *
pd_model_files_beside (const PdModelFiles *self, PdPart part, const char *suffix)
{
  gsize length = strlen (self->path);
  if (g_str_has_suffix (self->path, ".safetensors"))
    length -= strlen (".safetensors");
  return g_strdup_printf ("%.*s.%s%s", (int) length, self->path, pd_part_name (part), suffix);
}

gboolean
pd_model_files_has_encoder (const PdModelFiles *self)
{
  PdCheckpoint *vae = self->parts[PD_PART_VAE].checkpoint;
  return vae != NULL && pd_checkpoint_has_prefix (vae, "encoder.");
}

gboolean
pd_model_files_require (const PdModelFiles *self, PdPart part, GError **error)
{
  if (self->parts[part].checkpoint != NULL)
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
      g_autofree char *beside = pd_model_files_beside (self, part, ".safetensors");
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
  const PdTextConfig *text = self->parts[PD_PART_TEXT_ENCODER].config;
  int vocab_size = text != NULL ? text->vocab_size : clip_size;
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
