// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/safetensors.h"

#include <inttypes.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/model/json.h"

/* Room for some 80,000 tensors; the largest public checkpoints need a tenth. */
static const guint64 MAX_HEADER = 8 * 1024 * 1024;

static const struct
{
  const char *name;
  gsize size;
} DTYPES[] = {
  [PD_DTYPE_F64] = { "F64", 8 },   [PD_DTYPE_F32] = { "F32", 4 }, [PD_DTYPE_F16] = { "F16", 2 },
  [PD_DTYPE_BF16] = { "BF16", 2 }, [PD_DTYPE_I64] = { "I64", 8 }, [PD_DTYPE_I32] = { "I32", 4 },
  [PD_DTYPE_I16] = { "I16", 2 },   [PD_DTYPE_I8] = { "I8", 1 },   [PD_DTYPE_U8] = { "U8", 1 },
  [PD_DTYPE_BOOL] = { "BOOL", 1 },
};

struct _PdSafetensors
{
  GMappedFile *mapping;
  char *path;
  GStringChunk *names;
  GArray *tensors;   /* of PdTensorInfo, in the order of their data */
  GHashTable *index; /* name -> PdTensorInfo in tensors */
};

const char *
pd_dtype_name (PdDtype dtype)
{
  return DTYPES[dtype].name;
}

gsize
pd_dtype_size (PdDtype dtype)
{
  return DTYPES[dtype].size;
}

gsize
pd_tensor_info_count (const PdTensorInfo *self)
{
  return self->size / pd_dtype_size (self->dtype);
}

char *
pd_tensor_format_shape (guint n_dims, const gint64 *dims)
{
  if (n_dims == 0)
    return g_strdup (_ ("scalar"));
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < n_dims; i++)
    {
      if (i > 0)
        g_string_append_c (text, 'x');
      if (dims[i] < 0)
        g_string_append_c (text, '?');
      else
        g_string_append_printf (text, "%" G_GINT64_FORMAT, dims[i]);
    }
  return g_string_free (text, FALSE);
}

static gboolean
fail (PdSafetensors *self, const char *tensor, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* Always FALSE. @tensor may be NULL. */
static gboolean
fail (PdSafetensors *self, const char *tensor, GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *detail = g_strdup_vprintf (format, args);
  va_end (args);
  if (tensor == NULL)
    pd_error_set_bad_model (error, "%s: %s", self->path, detail);
  else
    pd_error_set_bad_model (error, _ ("%s: tensor \"%.200s\": %s"), self->path, tensor, detail);
  return FALSE;
}

/* The array of 0 … max whole numbers ≥ 0 at @key. */
static gboolean
read_counts (PdSafetensors *self,
             const char *tensor,
             JsonObject *entry,
             const char *key,
             guint max,
             gint64 *out,
             guint *length,
             GError **error)
{
  JsonNode *node = json_object_get_member (entry, key);
  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return fail (self, tensor, error, _ ("\"%s\" is missing or not a list"), key);
  JsonArray *list = json_node_get_array (node);
  *length = json_array_get_length (list);
  if (*length > max)
    return fail (self, tensor, error, _ ("\"%s\" has %u entries, expected at most %u"), key,
                 *length, max);
  for (guint i = 0; i < *length; i++)
    {
      JsonNode *number = json_array_get_element (list, i);
      if (!JSON_NODE_HOLDS_VALUE (number) || json_node_get_value_type (number) != G_TYPE_INT64 ||
          json_node_get_int (number) < 0)
        return fail (self, tensor, error,
                     _ ("\"%s\" holds something else than whole numbers from 0"), key);
      out[i] = json_node_get_int (number);
    }
  return TRUE;
}

static gboolean
read_dtype (
    PdSafetensors *self, const char *tensor, JsonObject *entry, PdDtype *dtype, GError **error)
{
  JsonNode *node = json_object_get_member (entry, "dtype");
  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) ||
      json_node_get_value_type (node) != G_TYPE_STRING)
    return fail (self, tensor, error, _ ("\"%s\" is missing or not a string"), "dtype");
  for (guint i = 0; i < G_N_ELEMENTS (DTYPES); i++)
    if (g_str_equal (DTYPES[i].name, json_node_get_string (node)))
      {
        *dtype = (PdDtype) i;
        return TRUE;
      }
  return fail (
      self, tensor, error,
      _ ("dtype \"%.20s\" is not supported, expected one of F64 F32 F16 BF16 I64 I32 I16 I8 "
         "U8 BOOL"),
      json_node_get_string (node));
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

static gboolean
add_tensor (PdSafetensors *self,
            const char *name,
            JsonNode *node,
            const guint8 *data,
            guint64 data_size,
            GError **error)
{
  PdTensorInfo info = { 0 };
  gint64 offsets[2] = { 0 };
  guint n_offsets;
  guint64 bytes;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return fail (self, name, error, _ ("its entry is not a JSON object"));
  JsonObject *entry = json_node_get_object (node);
  if (!read_dtype (self, name, entry, &info.dtype, error) ||
      !read_counts (self, name, entry, "shape", PD_TENSOR_MAX_DIMS, info.dims, &info.n_dims,
                    error) ||
      !read_counts (self, name, entry, "data_offsets", 2, offsets, &n_offsets, error))
    return FALSE;
  if (n_offsets != 2 || offsets[0] > offsets[1] || (guint64) offsets[1] > data_size)
    return fail (self, name, error,
                 _ ("data_offsets %" PRId64 " to %" PRId64 " do not lie in the file's %" PRIu64
                    " bytes of data; the file may be truncated"),
                 offsets[0], offsets[1], data_size);
  g_autofree char *shape = pd_tensor_format_shape (info.n_dims, info.dims);
  if (!shape_bytes (&info, &bytes))
    return fail (self, name, error, _ ("the shape %s of %s is too large"), shape,
                 pd_dtype_name (info.dtype));
  if ((guint64) (offsets[1] - offsets[0]) != bytes)
    return fail (self, name, error,
                 _ ("%" PRId64 " bytes found, the shape %s of %s needs %" PRIu64),
                 offsets[1] - offsets[0], shape, pd_dtype_name (info.dtype), bytes);
  info.name = g_string_chunk_insert (self->names, name);
  info.data = data + offsets[0];
  info.size = bytes;
  g_array_append_val (self->tensors, info);
  return TRUE;
}

static gint
compare_data (gconstpointer a, gconstpointer b)
{
  const PdTensorInfo *x = a, *y = b;
  if (x->data != y->data)
    return x->data < y->data ? -1 : 1;
  if (x->size != y->size)
    return x->size < y->size ? -1 : 1;
  return strcmp (x->name, y->name);
}

/* Orders the tensors by their data and refuses overlaps. */
static gboolean
index_tensors (PdSafetensors *self, GError **error)
{
  g_array_sort (self->tensors, compare_data);
  for (guint i = 0; i < self->tensors->len; i++)
    {
      PdTensorInfo *info = &g_array_index (self->tensors, PdTensorInfo, i);
      const PdTensorInfo *before = info - 1;
      if (i > 0 && before->size > 0 && info->size > 0 && before->data + before->size > info->data)
        return fail (self, info->name, error, _ ("its data overlaps that of \"%.200s\""),
                     before->name);
      g_hash_table_insert (self->index, (gpointer) info->name, info);
    }
  return TRUE;
}

static gboolean
read_header (PdSafetensors *self, GError **error)
{
  const guint8 *bytes = (const guint8 *) g_mapped_file_get_contents (self->mapping);
  guint64 file_size = g_mapped_file_get_length (self->mapping), header_size;
  if (file_size < 8)
    return fail (self, NULL, error,
                 _ ("not a safetensors file: %" PRIu64 " bytes, expected at least 8"), file_size);
  memcpy (&header_size, bytes, 8);
  header_size = GUINT64_FROM_LE (header_size);
  if (header_size > file_size - 8)
    return fail (self, NULL, error,
                 _ ("not a safetensors file, or truncated: it states a header of %" PRIu64
                    " bytes, %" PRIu64 " follow"),
                 header_size, file_size - 8);
  if (header_size > MAX_HEADER)
    return fail (self, NULL, error,
                 _ ("the header has %" PRIu64 " bytes, expected at most %" PRIu64), header_size,
                 MAX_HEADER);

  g_autoptr (JsonNode) root =
      pd_json_parse ((const char *) bytes + 8, header_size, self->path, error);
  if (root == NULL)
    return FALSE;
  if (!JSON_NODE_HOLDS_OBJECT (root))
    return fail (self, NULL, error, _ ("the header is not a JSON object"));

  JsonObjectIter iter;
  const char *name;
  JsonNode *node;
  json_object_iter_init_ordered (&iter, json_node_get_object (root));
  while (json_object_iter_next_ordered (&iter, &name, &node))
    if (!g_str_equal (name, "__metadata__") &&
        !add_tensor (self, name, node, bytes + 8 + header_size, file_size - 8 - header_size, error))
      return FALSE;
  return index_tensors (self, error);
}

static void
clear (gpointer data)
{
  PdSafetensors *self = data;
  g_clear_pointer (&self->index, g_hash_table_unref);
  g_clear_pointer (&self->tensors, g_array_unref);
  g_clear_pointer (&self->names, g_string_chunk_free);
  g_clear_pointer (&self->mapping, g_mapped_file_unref);
  g_free (self->path);
}

PdSafetensors *
pd_safetensors_open (const char *path, GError **error)
{
  g_autoptr (PdSafetensors) self = g_atomic_rc_box_new0 (PdSafetensors);
  g_autoptr (GError) failure = NULL;
  self->path = g_strdup (path);
  self->mapping = g_mapped_file_new (path, FALSE, &failure);
  if (self->mapping == NULL)
    {
      pd_error_set_bad_model (error, "%s", failure->message);
      return NULL;
    }
  self->names = g_string_chunk_new (4096);
  self->tensors = g_array_new (FALSE, FALSE, sizeof (PdTensorInfo));
  self->index = g_hash_table_new (g_str_hash, g_str_equal);
  if (!read_header (self, error))
    return NULL;
  return g_steal_pointer (&self);
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
  return self->tensors->len;
}

const PdTensorInfo *
pd_safetensors_get_tensor (const PdSafetensors *self, guint index)
{
  return &g_array_index (self->tensors, PdTensorInfo, index);
}

const PdTensorInfo *
pd_safetensors_find (const PdSafetensors *self, const char *name)
{
  return g_hash_table_lookup (self->index, name);
}
