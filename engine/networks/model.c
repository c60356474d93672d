// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/model.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/file.h"

static gboolean
load_parts (PdModel *self, const PdBackend *backend, GError **error)
{
  PdModelFiles *files = self->files;
  const PdFamily *family;

  if (!pd_model_files_require (files, PD_PART_UNET, error) ||
      !pd_model_files_require (files, PD_PART_VAE, error) ||
      !pd_model_files_require (files, PD_PART_TEXT_ENCODER, error) ||
      (family = pd_family_find (files, error)) == NULL)
    return FALSE;
  self->conditioner = family->conditioner_new (backend, files, error);
  if (self->conditioner == NULL)
    return FALSE;
  pd_model_files_note_zeros (files);
  self->denoiser = family->denoiser_new (backend, files, error);
  if (self->denoiser == NULL)
    return FALSE;
  self->autoencoder = family->autoencoder_new (backend, files, error);
  return self->autoencoder != NULL;
}

static void
copy_clear (PdModelCopy *self)
{
  pd_denoiser_free (self->denoiser);
  pd_autoencoder_free (self->autoencoder);
}

/* All files are still those that were stamped. */
static gboolean
check_unchanged (const PdModel *self, GError **error)
{
  const char *changed = pd_model_changed_file (self);

  if (changed == NULL)
    return TRUE;
  pd_error_set_bad_model (
      error, _ ("%s: has changed while it was read; try again once it is complete"), changed);
  return FALSE;
}

PdModel *
pd_model_load (const PdBackend *backend,
               const char *path,
               const PdModelParts *parts,
               GError **error)
{
  g_autoptr (PdModel) self = g_new0 (PdModel, 1);
  gboolean loaded;

  self->copies = g_array_new (FALSE, TRUE, sizeof (PdModelCopy));
  g_array_set_clear_func (self->copies, (GDestroyNotify) copy_clear);
  self->stamps = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_file_stamp_free);
  pd_file_record_push (self->stamps);
  self->files = pd_model_files_open_with_parts (path, parts, error);
  loaded = self->files != NULL && load_parts (self, backend, error);
  pd_file_record_pop ();
  return loaded && check_unchanged (self, error) ? g_steal_pointer (&self) : NULL;
}

gboolean
pd_model_add_copy (PdModel *self, const PdBackend *backend, GError **error)
{
  const PdFamily *family = pd_family_find (self->files, error);
  PdModelCopy *copy;

  if (family == NULL)
    return FALSE;
  g_array_set_size (self->copies, self->copies->len + 1);
  copy = &g_array_index (self->copies, PdModelCopy, self->copies->len - 1);
  return (copy->denoiser = family->denoiser_new (backend, self->files, error)) != NULL &&
         (copy->autoencoder = family->autoencoder_new (backend, self->files, error)) != NULL &&
         check_unchanged (self, error);
}

const char *
pd_model_changed_file (const PdModel *self)
{
  for (guint i = 0; i < self->stamps->len; i++)
    {
      const PdFileStamp *stamp = g_ptr_array_index (self->stamps, i);

      if (!pd_file_stamp_holds (stamp))
        return stamp->path;
    }
  return NULL;
}

void
pd_model_free (PdModel *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->copies, g_array_unref);
  pd_denoiser_free (self->denoiser);
  pd_autoencoder_free (self->autoencoder);
  pd_conditioner_free (self->conditioner);
  pd_model_files_free (self->files);
  g_clear_pointer (&self->stamps, g_ptr_array_unref);
  g_free (self);
}
