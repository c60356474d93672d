// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/safetensors-header.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/base/json-scan.h"

enum
{
  LOOK_INTERVAL = 1024, /* tensors between two looks at the cancellable */
};

typedef struct
{
  PdJsonScan scan;
  const char *path;
  const char *tensor; /* NULL: none yet */
  guint64 data_size;
  GStringChunk *names;
  PdTensorEntry *entries;
  gsize n_entries, room;
  GError **error;
} Header;

gboolean
pd_safetensors_fail (const char *path, const char *tensor, GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *detail = g_strdup_vprintf (format, args);
  va_end (args);
  if (tensor == NULL)
    pd_error_set_bad_model (error, "%s: %s", path, detail);
  else
    pd_error_set_bad_model (error, _ ("%s: tensor \"%.200s\": %s"), path, tensor, detail);
  return FALSE;
}

/* The array of 0 … max whole numbers ≥ 0 that comes next. */
static gboolean
read_counts (Header *self, const char *key, guint max, gint64 *out, guint *length)
{
  PdJsonToken token = pd_json_scan_next (&self->scan);
  gboolean whole = TRUE;
  *length = 0;
  if (token == PD_JSON_TOKEN_ERROR)
    return pd_json_scan_fail (&self->scan, self->path, self->error);
  if (token != PD_JSON_TOKEN_ARRAY)
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("\"%s\" is missing or not a list"), key);
  while ((token = pd_json_scan_next (&self->scan)) != PD_JSON_TOKEN_ARRAY_END)
    {
      gint64 value = 0;
      whole = pd_json_scan_count (&self->scan, token, &value) && whole;
      if (!pd_json_scan_skip (&self->scan, token))
        return pd_json_scan_fail (&self->scan, self->path, self->error);
      if (*length < max)
        out[*length] = value;
      ++*length;
    }
  if (*length > max)
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("\"%s\" has %u entries, expected at most %u"), key, *length,
                                max);
  if (!whole)
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("\"%s\" holds something else than whole numbers from 0"), key);
  return TRUE;
}

static gboolean
read_dtype (Header *self, PdTensorInfo *info)
{
  PdJsonToken token = pd_json_scan_next (&self->scan);
  if (token == PD_JSON_TOKEN_ERROR)
    return pd_json_scan_fail (&self->scan, self->path, self->error);
  if (token != PD_JSON_TOKEN_STRING)
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("\"%s\" is missing or not a string"), "dtype");
  g_autofree char *name = pd_json_scan_string (&self->scan);
  info->dtype = pd_dtype_from_name (name);
  info->dtype_name = g_string_chunk_insert_const (self->names, name);
  return TRUE;
}

/* The members of one entry; *offsets: how many were there. */
static gboolean
read_members (Header *self, PdTensorEntry *entry, guint *n_offsets)
{
  static const char *const keys[] = { "dtype", "shape", "data_offsets" };
  gboolean seen[G_N_ELEMENTS (keys)] = { FALSE };
  gint64 offsets[2] = { 0 };
  PdJsonToken token;
  while ((token = pd_json_scan_next (&self->scan)) == PD_JSON_TOKEN_KEY)
    {
      guint i = 0;
      while (i < G_N_ELEMENTS (keys) && !pd_json_scan_is (&self->scan, keys[i]))
        i++;
      if (i == G_N_ELEMENTS (keys))
        {
          if (!pd_json_scan_skip (&self->scan, pd_json_scan_next (&self->scan)))
            return pd_json_scan_fail (&self->scan, self->path, self->error);
          continue;
        }
      if (seen[i])
        return pd_safetensors_fail (self->path, self->tensor, self->error,
                                    _ ("the key \"%.200s\" appears twice"), keys[i]);
      seen[i] = TRUE;
      if (!(i == 0   ? read_dtype (self, &entry->info)
            : i == 1 ? read_counts (self, keys[i], PD_TENSOR_MAX_DIMS, entry->info.dims,
                                    &entry->info.n_dims)
                     : read_counts (self, keys[i], 2, offsets, n_offsets)))
        return FALSE;
    }
  if (token == PD_JSON_TOKEN_ERROR)
    return pd_json_scan_fail (&self->scan, self->path, self->error);
  if (!seen[0])
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("\"%s\" is missing or not a string"), keys[0]);
  for (guint i = 1; i < G_N_ELEMENTS (keys); i++)
    if (!seen[i])
      return pd_safetensors_fail (self->path, self->tensor, self->error,
                                  _ ("\"%s\" is missing or not a list"), keys[i]);
  entry->begin = (guint64) offsets[0];
  entry->end = (guint64) offsets[1];
  return TRUE;
}

/* The bytes of a tensor's shape, or FALSE on overflow. */
static gboolean
shape_bytes (const PdTensorInfo *info, guint64 *bytes)
{
  *bytes = pd_dtype_size (info->dtype);
  for (guint i = 0; i < info->n_dims; i++)
    if (!g_uint64_checked_mul (bytes, *bytes, (guint64) info->dims[i]))
      return FALSE;
  return TRUE;
}

/* That the data lie in the file and suit the shape; of a dtype that is not known the size of an
 * element is not known either. */
static gboolean
check_size (Header *self, PdTensorEntry *entry, guint n_offsets)
{
  PdTensorInfo *info = &entry->info;
  guint64 bytes;
  if (n_offsets != 2 || entry->begin > entry->end || entry->end > self->data_size)
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("data_offsets %" PRIu64 " to %" PRIu64
                                   " do not lie in the file's %" PRIu64
                                   " bytes of data; the file may be truncated"),
                                entry->begin, entry->end, self->data_size);
  info->size = entry->end - entry->begin;
  if (info->dtype == PD_DTYPE_OTHER)
    return TRUE;
  g_autofree char *shape = pd_tensor_info_format_shape (info->n_dims, info->dims);
  if (!shape_bytes (info, &bytes))
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("the shape %s of %s is too large"), shape, info->dtype_name);
  if (info->size != bytes)
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("%" PRIu64 " bytes found, the shape %s of %s needs %" PRIu64),
                                (guint64) info->size, shape, info->dtype_name, bytes);
  return TRUE;
}

static gboolean
read_entry (Header *self, PdTensorEntry *entry)
{
  guint n_offsets = 0;
  PdJsonToken token = pd_json_scan_next (&self->scan);
  if (token == PD_JSON_TOKEN_ERROR)
    return pd_json_scan_fail (&self->scan, self->path, self->error);
  if (token != PD_JSON_TOKEN_OBJECT)
    return pd_safetensors_fail (self->path, self->tensor, self->error,
                                _ ("its entry is not a JSON object"));
  return read_members (self, entry, &n_offsets) && check_size (self, entry, n_offsets);
}

/* The entry of the key that was read last. */
static gboolean
add_entry (Header *self)
{
  g_autofree char *name = pd_json_scan_string (&self->scan);
  PdTensorEntry entry = { 0 };
  self->tensor = entry.info.name = g_string_chunk_insert (self->names, name);
  if (!read_entry (self, &entry))
    return FALSE;
  if (!pd_try_grow (self->entries, self->n_entries, &self->room,
                    _ ("the list of the model's tensors"), self->error))
    return FALSE;
  self->entries[self->n_entries++] = entry;
  return self->n_entries % LOOK_INTERVAL != 0 ||
         !g_cancellable_set_error_if_cancelled (g_cancellable_get_current (), self->error);
}

static gboolean
read_entries (Header *self)
{
  PdJsonToken token = pd_json_scan_next (&self->scan);
  if (token != PD_JSON_TOKEN_OBJECT && token != PD_JSON_TOKEN_ERROR)
    return pd_safetensors_fail (self->path, NULL, self->error,
                                _ ("the header is not a JSON object"));
  while ((token = pd_json_scan_next (&self->scan)) == PD_JSON_TOKEN_KEY)
    if (pd_json_scan_is (&self->scan, "__metadata__"))
      (void) pd_json_scan_skip (&self->scan, pd_json_scan_next (&self->scan));
    else if (!add_entry (self))
      return FALSE;
  if (token == PD_JSON_TOKEN_ERROR || pd_json_scan_next (&self->scan) == PD_JSON_TOKEN_ERROR)
    return pd_json_scan_fail (&self->scan, self->path, self->error);
  return TRUE;
}

gboolean
pd_safetensors_read_header (const char *text,
                            gsize length,
                            guint64 data_size,
                            const char *path,
                            GStringChunk *names,
                            PdTensorEntry **entries,
                            gsize *n,
                            GError **error)
{
  Header self = { .path = path, .data_size = data_size, .names = names, .error = error };
  gboolean read = pd_json_scan_init (&self.scan, text, length, path, error) && read_entries (&self);
  *entries = self.entries;
  *n = self.n_entries;
  return read;
}
