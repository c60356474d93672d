// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/checkpoint.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/files/checkpoint-private.h"
#include "engine/base/file.h"
#include "engine/base/json-scan.h"
#include "engine/files/keyed-hash.h"

enum
{
  MAX_INDEX = 8 * 1024 * 1024, /* bytes */
  MAX_SHARDS = 128,
  MAX_NAMES = 4096,         /* looked at in a folder */
  MAX_TENSORS = 256 * 1024, /* of one part */
};

struct _PdCheckpoint
{
  PdPart part;
  char *path;
  GPtrArray *files;    /* of PdSafetensors */
  GPtrArray *names;    /* diffusers' names, in the order of the data; the owner of the strings */
  GHashTable *tensors; /* diffusers' name -> PdTensorInfo of a file */
  GMutex mutex;        /* guards scaled and views */
  GHashTable *scaled;  /* PdTensorInfo of a file -> the same with its scale, owned */
  GHashTable *views;   /* PdTensorInfo -> the same with 2 or 4 dimensions, owned */
};

const char *
pd_part_name (PdPart part)
{
  static const char *const names[] = { "unet", "vae", "text_encoder" };
  return names[part];
}

static PdCheckpoint *
checkpoint_new (const char *path, PdPart part)
{
  PdCheckpoint *self = g_new0 (PdCheckpoint, 1);
  self->part = part;
  self->path = g_strdup (path);
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_safetensors_unref);
  self->names = g_ptr_array_new_with_free_func (g_free);
  self->tensors = g_hash_table_new (pd_keyed_hash, g_str_equal);
  self->scaled = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  self->views = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_mutex_init (&self->mutex);
  return self;
}

void
pd_checkpoint_free (PdCheckpoint *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->views);
  g_hash_table_unref (self->scaled);
  g_hash_table_unref (self->tensors);
  g_ptr_array_unref (self->names);
  g_ptr_array_unref (self->files);
  g_mutex_clear (&self->mutex);
  g_free (self->path);
  g_free (self);
}

const char *
pd_checkpoint_get_path (const PdCheckpoint *self)
{
  return self->path;
}

/* @name with the old names of a VAE's attention, or what stands before those of a text encoder,
 * replaced. */
static char *
modern_name (PdPart part, const char *name)
{
  char *modern = part == PD_PART_TEXT_ENCODER ? pd_ldm_map_text_name (name)
                 : part == PD_PART_VAE        ? pd_ldm_modern_vae_name (name)
                                              : NULL;
  return modern != NULL ? modern : g_strdup (name);
}

/* @ldm is NULL for diffusers' names. */
static gboolean
add_file (PdCheckpoint *self, PdSafetensors *file, const PdLdmConfig *ldm, GError **error)
{
  g_ptr_array_add (self->files, pd_safetensors_ref (file));
  if (pd_safetensors_get_n_tensors (file) > MAX_TENSORS - MIN (MAX_TENSORS, self->names->len))
    {
      pd_error_set_bad_model (error, _ ("%s: more than %d tensors"), self->path, MAX_TENSORS);
      return FALSE;
    }
  for (guint i = 0; i < pd_safetensors_get_n_tensors (file); i++)
    {
      const PdTensorInfo *info = pd_safetensors_get_tensor (file, i);
      if (self->part == PD_PART_TEXT_ENCODER && strstr (info->name, ".resblocks.") != NULL)
        {
          pd_error_set_bad_model (
              error,
              _ ("%s: tensor \"%.200s\" is named as OpenCLIP does it; convert the text encoder to "
                 "the names of transformers"),
              self->path, info->name);
          return FALSE;
        }
      g_autofree char *name = ldm != NULL ? pd_ldm_map_name (ldm, self->part, info->name)
                                          : modern_name (self->part, info->name);
      if (name == NULL)
        continue;
      const PdTensorInfo *other = g_hash_table_lookup (self->tensors, name);
      if (other != NULL)
        {
          pd_error_set_bad_model (
              error, _ ("%s: tensor \"%.200s\" is there twice, as \"%.200s\" and \"%.200s\""),
              self->path, name, other->name, info->name);
          return FALSE;
        }
      g_hash_table_insert (self->tensors, name, (gpointer) info);
      g_ptr_array_add (self->names, g_steal_pointer (&name));
    }
  return TRUE;
}

PdCheckpoint *
pd_checkpoint_open_file (const char *path, PdPart part, GError **error)
{
  g_autoptr (PdSafetensors) file = pd_safetensors_open (path, error);
  if (file == NULL)
    return NULL;
  g_autoptr (PdCheckpoint) self = checkpoint_new (path, part);
  return add_file (self, file, NULL, error) ? g_steal_pointer (&self) : NULL;
}

PdCheckpoint *
pd_checkpoint_new_ldm (PdSafetensors *file, const PdLdmConfig *config, PdPart part, GError **error)
{
  g_autoptr (PdCheckpoint) self = checkpoint_new (pd_safetensors_get_path (file), part);
  return add_file (self, file, config, error) ? g_steal_pointer (&self) : NULL;
}

/* A shard's name comes from an untrusted file: it must not leave the folder. */
static gboolean
is_plain_name (const char *name)
{
  return *name != '\0' && strchr (name, G_DIR_SEPARATOR) == NULL && !g_str_equal (name, "..") &&
         g_str_has_suffix (name, ".safetensors");
}

/* Reads the shard a tensor is mapped to, unless it is there already. */
static gboolean
open_shard (PdCheckpoint *self,
            const char *folder,
            const char *tensor,
            const char *shard,
            GHashTable *opened,
            GError **error)
{
  PdSafetensors *file = g_hash_table_lookup (opened, shard);
  if (file == NULL)
    {
      g_autofree char *path = g_build_filename (folder, shard, NULL);
      if (g_hash_table_size (opened) == MAX_SHARDS)
        {
          pd_error_set_bad_model (error, _ ("%s: more than %d files"), self->path, MAX_SHARDS);
          return FALSE;
        }
      g_autoptr (PdSafetensors) fresh = pd_safetensors_open (path, error);
      if (fresh == NULL || !add_file (self, fresh, NULL, error))
        return FALSE;
      file = fresh; /* held by self */
      g_hash_table_insert (opened, g_strdup (shard), file);
    }
  if (pd_safetensors_find (file, tensor) != NULL)
    return TRUE;
  pd_error_set_bad_model (error, _ ("%s: tensor \"%.200s\" is not in %.200s"), self->path, tensor,
                          shard);
  return FALSE;
}

/* The members of "weight_map", tensor: shard. */
static gboolean
read_weight_map (PdCheckpoint *self, const char *folder, PdJsonScan *scan, GError **error)
{
  g_autoptr (GHashTable) opened = g_hash_table_new_full (pd_keyed_hash, g_str_equal, g_free, NULL);
  PdJsonToken token;
  while ((token = pd_json_scan_next (scan)) == PD_JSON_TOKEN_KEY)
    {
      g_autofree char *tensor = pd_json_scan_string (scan);
      g_autofree char *shard = NULL;
      token = pd_json_scan_next (scan);
      if (token == PD_JSON_TOKEN_ERROR)
        break;
      if (token == PD_JSON_TOKEN_STRING)
        shard = pd_json_scan_string (scan);
      if (shard == NULL || !is_plain_name (shard))
        {
          pd_error_set_bad_model (
              error,
              _ ("%s: tensor \"%.200s\" is not mapped to the name of a .safetensors file "
                 "beside it"),
              self->path, tensor);
          return FALSE;
        }
      if (!open_shard (self, folder, tensor, shard, opened, error))
        return FALSE;
    }
  return token == PD_JSON_TOKEN_OBJECT_END || pd_json_scan_fail (scan, self->path, error);
}

/* The index is an object whose member "weight_map" is one. */
static gboolean
read_index (PdCheckpoint *self, const char *folder, PdJsonScan *scan, GError **error)
{
  gboolean found = FALSE;
  PdJsonToken token = pd_json_scan_next (scan);
  while (token == PD_JSON_TOKEN_OBJECT && (token = pd_json_scan_next (scan)) == PD_JSON_TOKEN_KEY)
    {
      gboolean is_map = pd_json_scan_is (scan, "weight_map");
      token = pd_json_scan_next (scan);
      if (is_map && !found && token == PD_JSON_TOKEN_OBJECT)
        {
          found = TRUE;
          if (!read_weight_map (self, folder, scan, error))
            return FALSE;
        }
      else if (!pd_json_scan_skip (scan, token))
        break;
      token = PD_JSON_TOKEN_OBJECT;
    }
  if (scan->reason != NULL || pd_json_scan_next (scan) == PD_JSON_TOKEN_ERROR)
    return pd_json_scan_fail (scan, self->path, error);
  if (!found)
    pd_error_set_bad_model (error, _ ("%s: \"weight_map\" is missing or not an object"),
                            self->path);
  return found;
}

static PdCheckpoint *
open_shards (const char *folder, const char *index_path, PdPart part, GError **error)
{
  g_autoptr (GBytes) bytes = pd_file_read (index_path, MAX_INDEX, error);
  if (bytes == NULL)
    return NULL;
  g_autoptr (PdCheckpoint) self = checkpoint_new (index_path, part);
  PdJsonScan scan;
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  if (!pd_json_scan_init (&scan, data, length, index_path, error))
    return NULL;
  return read_index (self, folder, &scan, error) ? g_steal_pointer (&self) : NULL;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The names in @folder that end in one of @suffixes (NULL-terminated), in their order. */
static GPtrArray *
list_names (const char *folder, const char *const *suffixes)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  for (guint n = 0; dir != NULL && n < MAX_NAMES && (name = g_dir_read_name (dir)) != NULL; n++)
    for (guint i = 0; suffixes[i] != NULL; i++)
      if (g_str_has_suffix (name, suffixes[i]))
        {
          g_ptr_array_add (names, g_strdup (name));
          break;
        }
  g_ptr_array_sort (names, compare_names);
  return names;
}

static const char *const WEIGHTS[] = { ".safetensors", NULL };
static const char *const OLDER_WEIGHTS[] = { ".bin", ".ckpt",    ".pt",   ".pth",
                                             ".h5",  ".msgpack", ".onnx", ".bin.index.json",
                                             NULL };

gboolean
pd_checkpoint_folder_has_weights (const char *folder)
{
  g_autoptr (GPtrArray) files = list_names (folder, WEIGHTS);
  g_autoptr (GPtrArray) older = list_names (folder, OLDER_WEIGHTS);
  return files->len > 0 || older->len > 0;
}

/* The name of a part's weights, the published ones in order of preference, else the only ones there
 * are. */
static char *
find_weights (const char *folder, PdPart part, GError **error)
{
  static const char *const stems[] = { "diffusion_pytorch_model", "model", "pytorch_model" };
  static const char *const text_stems[] = { "model", "pytorch_model", "diffusion_pytorch_model" };
  static const char *const suffixes[] = {
    ".safetensors",
    ".safetensors.index.json",
    ".fp16.safetensors",
    ".safetensors.index.fp16.json",
    ".fp16.safetensors.index.json",
  };
  const char *const *own = part == PD_PART_TEXT_ENCODER ? text_stems : stems;
  for (guint i = 0; i < G_N_ELEMENTS (stems) * G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strconcat (own[i / G_N_ELEMENTS (suffixes)],
                                           suffixes[i % G_N_ELEMENTS (suffixes)], NULL);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      if (g_file_test (path, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&name);
    }
  g_autoptr (GPtrArray) others = list_names (folder, WEIGHTS);
  if (others->len == 1)
    return g_strdup (others->pdata[0]);
  g_autoptr (GPtrArray) pickles = list_names (folder, OLDER_WEIGHTS);
  if (others->len > 1)
    pd_error_set_bad_model (
        error,
        _ ("%s: several weights, \"%.200s\" and \"%.200s\"; name one of them %s.safetensors"),
        folder, (char *) others->pdata[0], (char *) others->pdata[1], own[0]);
  else if (pickles->len > 0)
    pd_error_set_bad_model (
        error, _ ("%s: only the older format %s is there; convert it to %s.safetensors"), folder,
        (char *) pickles->pdata[0], own[0]);
  else
    pd_error_set_bad_model (error, _ ("%s: no weights, expected %s.safetensors"), folder, own[0]);
  return NULL;
}

PdCheckpoint *
pd_checkpoint_open_folder (const char *folder, PdPart part, GError **error)
{
  g_autofree char *name = find_weights (folder, part, error);
  if (name == NULL)
    return NULL;
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return g_str_has_suffix (path, ".json") ? open_shards (folder, path, part, error)
                                          : pd_checkpoint_open_file (path, part, error);
}

gboolean
pd_checkpoint_has (PdCheckpoint *self, const char *name)
{
  return g_hash_table_contains (self->tensors, name);
}

gboolean
pd_checkpoint_has_prefix (PdCheckpoint *self, const char *prefix)
{
  for (guint i = 0; i < self->names->len; i++)
    if (g_str_has_prefix (self->names->pdata[i], prefix))
      return TRUE;
  return FALSE;
}

const PdTensorInfo *
pd_checkpoint_find (PdCheckpoint *self, const char *name)
{
  return g_hash_table_lookup (self->tensors, name);
}

GPtrArray *
pd_checkpoint_list (PdCheckpoint *self)
{
  return g_ptr_array_ref (self->names);
}

/* A copy of @value that the checkpoint keeps in @table for @key, the first one that was made. */
static const PdTensorInfo *
keep (PdCheckpoint *self, GHashTable *table, const PdTensorInfo *key, const PdTensorInfo *value)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  PdTensorInfo *known = g_hash_table_lookup (table, key);
  if (known == NULL)
    {
      known = g_memdup2 (value, sizeof *value);
      g_hash_table_insert (table, (gpointer) key, known);
    }
  return known;
}

/* @info as a matrix or as a 1×1 convolution, whichever it is not. NULL if it is neither. */
static const PdTensorInfo *
other_view (PdCheckpoint *self, const PdTensorInfo *info)
{
  PdTensorInfo view = *info;
  if (info->n_dims == 2)
    {
      view.n_dims = 4;
      view.dims[2] = view.dims[3] = 1;
    }
  else if (info->n_dims == 4 && info->dims[2] == 1 && info->dims[3] == 1)
    view.n_dims = 2;
  else
    return NULL;
  return keep (self, self->views, info, &view);
}

/* The tensor with the scale of @info, called @name; NULL if there is none. The first of these names
 * are those of one number by which a weight of 8 bits is multiplied. */
static const PdTensorInfo *
find_scale (PdCheckpoint *self, const char *name, gboolean *usable)
{
  static const char *const suffixes[] = { "scale_weight",   "weight_scale", "weight_scale_inv",
                                          "weight_scale_2", "weight.scale", "weight._scale" };
  static const guint n_usable = 3;
  static const char weight[] = "weight";
  if (!g_str_has_suffix (name, ".weight"))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *scale =
          g_strdup_printf ("%.*s%s", (int) (strlen (name) - strlen (weight)), name, suffixes[i]);
      const PdTensorInfo *info = g_hash_table_lookup (self->tensors, scale);
      *usable = i < n_usable;
      if (info != NULL)
        return info;
    }
  return NULL;
}

/* @info with its scale, where there is one; NULL if that cannot be used. */
static const PdTensorInfo *
apply_scale (PdCheckpoint *self, const char *name, const PdTensorInfo *info, GError **error)
{
  PdTensorInfo scaled = *info;
  gboolean usable;
  const PdTensorInfo *scale = find_scale (self, name, &usable);
  if (scale == NULL)
    return info;
  if (usable && pd_dtype_is_float (scale->dtype) && pd_tensor_info_count (scale) == 1)
    {
      if (!pd_tensor_info_to_f32 (scale, &scaled.scale, error))
        return NULL;
    }
  if (isfinite (scaled.scale) && scaled.scale != 0)
    return keep (self, self->scaled, info, &scaled);
  g_autofree char *shape = pd_tensor_info_format_shape (scale->n_dims, scale->dims);
  pd_error_set_bad_model (
      error,
      _ ("%s: tensor \"%.200s\", %s of %.20s, is a scale that is not supported, "
         "expected one number; use the model in F16"),
      self->path, scale->name, shape, scale->dtype_name);
  return NULL;
}

static gboolean
shape_matches (const PdTensorInfo *info, guint n_dims, const gint64 *dims)
{
  if (info->n_dims != n_dims)
    return FALSE;
  for (guint i = 0; i < n_dims; i++)
    if (dims[i] != -1 && dims[i] != info->dims[i])
      return FALSE;
  return TRUE;
}

const PdTensorInfo *
pd_checkpoint_get (
    PdCheckpoint *self, const char *name, guint n_dims, const gint64 *dims, GError **error)
{
  const PdTensorInfo *info = g_hash_table_lookup (self->tensors, name);
  g_autofree char *expected = pd_tensor_info_format_shape (n_dims, dims);
  if (info == NULL)
    {
      pd_error_set_bad_model (error, _ ("%s: tensor \"%s\" is missing, expected with shape %s"),
                              self->path, name, expected);
      return NULL;
    }
  if (!pd_dtype_is_float (info->dtype))
    {
      pd_error_set_bad_model (error,
                              _ ("%s: tensor \"%s\" has dtype %.20s, expected one of F16 BF16 F32 "
                                 "F64 F8_E4M3 F8_E5M2"),
                              self->path, info->name, info->dtype_name);
      return NULL;
    }
  info = apply_scale (self, name, info, error);
  if (info == NULL)
    return NULL;
  const PdTensorInfo *view = info->n_dims != n_dims ? other_view (self, info) : info;
  if (view != NULL && shape_matches (view, n_dims, dims))
    return view;
  g_autofree char *found = pd_tensor_info_format_shape (info->n_dims, info->dims);
  pd_error_set_bad_model (error, _ ("%s: tensor \"%s\" has shape %s, expected %s"), self->path,
                          info->name, found, expected);
  return NULL;
}
