// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/networks/model.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/file.h"

/* @text: with what reads prompts. */
static gboolean
load_parts (PdModel *self, const PdBackend *backend, gboolean text, GError **error)
{
  PdModelFiles *files = self->files;
  const PdFamily *family;

  if (!pd_model_files_require (files, PD_PART_UNET, error) ||
      !pd_model_files_require (files, PD_PART_VAE, error) ||
      !pd_model_files_require (files, PD_PART_TEXT_ENCODER, error) ||
      (family = pd_family_find (files, error)) == NULL)
    return FALSE;
  if (text && (self->conditioner = family->conditioner_new (backend, files, error)) == NULL)
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

static PdModel *
load (const PdBackend *backend,
      const char *path,
      const PdModelParts *parts,
      gboolean text,
      GError **error)
{
  g_autoptr (PdModel) self = g_new0 (PdModel, 1);
  gboolean loaded;

  self->copies = g_array_new (FALSE, TRUE, sizeof (PdModelCopy));
  g_array_set_clear_func (self->copies, (GDestroyNotify) copy_clear);
  self->stamps = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_file_stamp_free);
  pd_file_record_push (self->stamps);
  self->files = pd_model_files_open_with_parts (path, parts, error);
  loaded = self->files != NULL && load_parts (self, backend, text, error);
  pd_file_record_pop ();
  return loaded && check_unchanged (self, error) ? g_steal_pointer (&self) : NULL;
}

PdModel *
pd_model_load (const PdBackend *backend,
               const char *path,
               const PdModelParts *parts,
               GError **error)
{
  return load (backend, path, parts, TRUE, error);
}

PdModel *
pd_model_load_for_tiles (const PdBackend *backend,
                         const char *path,
                         const PdModelParts *parts,
                         GError **error)
{
  return load (backend, path, parts, FALSE, error);
}

enum
{
  DIGESTED = 64, /* values of a tensor */
};

static gboolean
digest_tensor (GChecksum *checksum, const char *name, const PdTensorInfo *info, GError **error)
{
  g_autofree char *shape = pd_tensor_info_format_shape (info->n_dims, info->dims);
  guint8 values[DIGESTED * sizeof (double)];
  const gsize count = MIN (pd_tensor_info_count (info), DIGESTED);

  g_checksum_update (checksum, (const guchar *) name, -1);
  g_checksum_update (checksum, (const guchar *) info->dtype_name, -1);
  g_checksum_update (checksum, (const guchar *) shape, -1);
  if (count == 0)
    return TRUE;
  if (!pd_tensor_info_read (info, 0, count, values, error))
    return FALSE;
  g_checksum_update (checksum, values, (gssize) (count * pd_dtype_size (info->dtype)));
  return TRUE;
}

char *
pd_model_digest (const PdModel *self, GError **error)
{
  static const PdPart parts[] = { PD_PART_UNET, PD_PART_VAE };
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  for (guint k = 0; k < G_N_ELEMENTS (parts); k++)
    {
      PdCheckpoint *checkpoint = self->files->parts[parts[k]].checkpoint;
      g_autoptr (GPtrArray) names = pd_checkpoint_list (checkpoint);

      for (guint i = 0; i < names->len; i++)
        if (!digest_tensor (checksum, names->pdata[i],
                            pd_checkpoint_find (checkpoint, names->pdata[i]), error))
          return NULL;
    }
  return g_strdup (g_checksum_get_string (checksum));
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

static PdModelCopy
get_copy (const PdModel *self, guint i)
{
  return i > 0 ? g_array_index (self->copies, PdModelCopy, i - 1)
               : (PdModelCopy){ self->denoiser, self->autoencoder };
}

static void
set_copy (PdModel *self, guint i, PdModelCopy copy)
{
  if (i > 0)
    {
      g_array_index (self->copies, PdModelCopy, i - 1) = copy;
      return;
    }
  self->denoiser = copy.denoiser;
  self->autoencoder = copy.autoencoder;
}

void
pd_model_swap (PdModel *self, guint a, guint b)
{
  const PdModelCopy copy = get_copy (self, a);

  set_copy (self, a, get_copy (self, b));
  set_copy (self, b, copy);
}

gboolean
pd_model_move_conditioner (PdModel *self, GError **error)
{
  const PdFamily *family = pd_family_find (self->files, error);
  PdConditioner *moved;

  if (family == NULL)
    return FALSE;
  moved = family->conditioner_new (self->denoiser->backend, self->files, error);
  if (moved == NULL)
    return FALSE;
  pd_conditioner_free (self->conditioner);
  self->conditioner = moved;
  return check_unchanged (self, error);
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
