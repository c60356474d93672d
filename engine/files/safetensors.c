// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/safetensors.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/base/file.h"
#include "engine/base/foreign.h"
#include "engine/files/keyed-hash.h"
#include "engine/files/safetensors-header.h"

enum
{
  PIECE = 16 * 1024, /* values that are read at once to be converted */
};

/* Room for some 80,000 tensors; the largest public checkpoints need a tenth. */
static const guint64 MAX_HEADER = 8 * 1024 * 1024;

struct _PdSafetensors
{
  int fd;
  char *path;
  GStringChunk *names;
  PdTensorInfo *tensors; /* in the order of their data */
  gsize n_tensors;
  GHashTable *index; /* name -> PdTensorInfo in tensors */
};

static gint
compare_data (gconstpointer a, gconstpointer b)
{
  const PdTensorInfo *x = a, *y = b;
  if (x->offset != y->offset)
    return x->offset < y->offset ? -1 : 1;
  if (x->size != y->size)
    return x->size < y->size ? -1 : 1;
  return strcmp (x->name, y->name);
}

/* Orders the tensors by their data and refuses overlaps and names that appear twice. */
static gboolean
index_tensors (PdSafetensors *self, GError **error)
{
  const PdTensorInfo *before = NULL; /* the last one that has data; empty ones may be anywhere */
  if (self->n_tensors > 0)
    qsort (self->tensors, self->n_tensors, sizeof *self->tensors, compare_data);
  for (gsize i = 0; i < self->n_tensors; i++)
    {
      PdTensorInfo *info = &self->tensors[i];
      if (before != NULL && info->size > 0 && before->offset + before->size > info->offset)
        return pd_safetensors_fail (self->path, info->name, error,
                                    _ ("its data overlaps that of \"%.200s\""), before->name);
      if (!g_hash_table_insert (self->index, (gpointer) info->name, info))
        return pd_safetensors_fail (self->path, NULL, error, _ ("the key \"%.200s\" appears twice"),
                                    info->name);
      if (info->size > 0)
        before = info;
    }
  return TRUE;
}

/* The header's bytes, and in *data_size how many follow it. */
static GBytes *
read_header (PdSafetensors *self, int fd, guint64 file_size, guint64 *data_size, GError **error)
{
  guint64 header_size;
  if (file_size < 8)
    {
      pd_safetensors_fail (self->path, NULL, error,
                           _ ("not a safetensors file: %" PRIu64 " bytes, expected at least 8"),
                           file_size);
      return NULL;
    }
  if (!pd_file_read_at (fd, self->path, 0, &header_size, sizeof header_size, error))
    return NULL;
  header_size = GUINT64_FROM_LE (header_size);
  if (header_size > file_size - 8)
    {
      pd_safetensors_fail (self->path, NULL, error,
                           _ ("not a safetensors file, or truncated: it states a header of %" PRIu64
                              " bytes, %" PRIu64 " follow"),
                           header_size, file_size - 8);
      return NULL;
    }
  if (header_size > MAX_HEADER)
    {
      pd_safetensors_fail (self->path, NULL, error,
                           _ ("the header has %" PRIu64 " bytes, expected at most %" PRIu64),
                           header_size, MAX_HEADER);
      return NULL;
    }
  *data_size = file_size - 8 - header_size;
  g_autofree guint8 *header =
      pd_try_new (guint8, MAX (header_size, 1), _ ("the list of the model's tensors"), error);
  if (header == NULL || !pd_file_read_at (fd, self->path, 8, header, header_size, error))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&header), header_size);
}

static gboolean
read_tensors (PdSafetensors *self, int fd, guint64 file_size, GError **error)
{
  guint64 data_size;
  gsize length;
  g_autoptr (GBytes) header = read_header (self, fd, file_size, &data_size, error);
  if (header == NULL)
    return FALSE;
  const char *text = g_bytes_get_data (header, &length);
  g_autofree PdTensorEntry *entries = NULL;
  gsize n;
  if (!pd_safetensors_read_header (text, length, data_size, self->path, self->names, &entries, &n,
                                   error))
    return FALSE;
  self->tensors = pd_try_new (PdTensorInfo, n, _ ("the list of the model's tensors"), error);
  if (self->tensors == NULL && n > 0)
    return FALSE;
  for (; self->n_tensors < n; self->n_tensors++)
    {
      PdTensorInfo *info = &self->tensors[self->n_tensors];
      *info = entries[self->n_tensors].info;
      info->file = self;
      info->offset = file_size - data_size + entries[self->n_tensors].begin;
    }
  return index_tensors (self, error);
}

/* What another kind of file is, NULL for what begins as this format does. */
static const char *
name_foreign (PdSafetensors *self, int fd, guint64 file_size)
{
  guint8 start[PD_FOREIGN_LENGTH];
  gsize length = MIN (file_size, sizeof start);
  if (!pd_file_read_at (fd, self->path, 0, start, length, NULL) ||
      (length > 8 && start[6] == 0 && start[7] == 0 && start[8] == '{'))
    return NULL;
  return pd_foreign_name (start, length, file_size);
}

gboolean
pd_tensor_info_read (const PdTensorInfo *self, gsize first, gsize count, void *out, GError **error)
{
  gsize size = pd_dtype_size (self->dtype);
  if (self->file != NULL)
    return pd_file_read_at (self->file->fd, self->file->path, self->offset + first * size, out,
                            count * size, error);
  memcpy (out, self->data + first * size, count * size);
  return TRUE;
}

gboolean
pd_tensor_info_read_f32 (
    const PdTensorInfo *self, gsize first, gsize count, float *out, GError **error)
{
  guint8 bytes[PIECE * sizeof (double)];

  for (gsize done = 0; done < count;)
    {
      gsize piece = MIN (count - done, PIECE);
      if (!pd_tensor_info_read (self, first + done, piece, bytes, error))
        return FALSE;
      pd_dtype_to_floats (self->dtype, bytes, piece, out + done);
      done += piece;
    }
  for (gsize i = 0; self->scale != 0 && i < count; i++)
    out[i] *= self->scale;
  return TRUE;
}

gboolean
pd_tensor_info_to_f32 (const PdTensorInfo *self, float *out, GError **error)
{
  return pd_tensor_info_read_f32 (self, 0, pd_tensor_info_count (self), out, error);
}

static void
clear (gpointer data)
{
  PdSafetensors *self = data;
  g_clear_pointer (&self->index, g_hash_table_unref);
  g_clear_pointer (&self->tensors, g_free);
  g_clear_pointer (&self->names, g_string_chunk_free);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self->path);
}

PdSafetensors *
pd_safetensors_open (const char *path, GError **error)
{
  g_autoptr (PdSafetensors) self = g_atomic_rc_box_new0 (PdSafetensors);
  g_autoptr (GError) failure = NULL;
  const char *foreign;
  PdFileStamp stamp;
  self->path = g_strdup (path);
  self->names = g_string_chunk_new (4096);
  self->index = g_hash_table_new (pd_keyed_hash, g_str_equal);
  self->fd = pd_file_open (path, &stamp, error);
  if (self->fd < 0)
    return NULL;
  if (read_tensors (self, self->fd, stamp.size, &failure))
    return g_steal_pointer (&self);
  foreign = name_foreign (self, self->fd, stamp.size);
  if (foreign != NULL)
    pd_error_set_bad_model (error, _ ("%s: this is %s"), path, foreign);
  else
    g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}

PdSafetensors *
pd_safetensors_ref (PdSafetensors *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pd_safetensors_unref (PdSafetensors *self)
{
  if (self != NULL)
    g_atomic_rc_box_release_full (self, clear);
}

const char *
pd_safetensors_get_path (const PdSafetensors *self)
{
  return self->path;
}

guint
pd_safetensors_get_n_tensors (const PdSafetensors *self)
{
  return (guint) self->n_tensors;
}

const PdTensorInfo *
pd_safetensors_get_tensor (const PdSafetensors *self, guint index)
{
  return &self->tensors[index];
}

const PdTensorInfo *
pd_safetensors_find (const PdSafetensors *self, const char *name)
{
  return g_hash_table_lookup (self->index, name);
}
