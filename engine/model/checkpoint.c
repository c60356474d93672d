// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/model/checkpoint.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "engine/error.h"
#include "engine/model/checkpoint-private.h"
#include "engine/model/json.h"

struct _PdCheckpoint
{
  PdPart part;
  char *path;
  GPtrArray *files;    /* of PdSafetensors */
  GPtrArray *names;    /* diffusers' names, in the order of the data; the owner of the strings */
  GHashTable *tensors; /* diffusers' name -> PdTensorInfo of a file */
  GMutex mutex;        /* guards views */
  GHashTable *views;   /* PdTensorInfo of a file -> the same with 2 or 4 dimensions, owned */
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
  PdCheckpoint *self = g_atomic_rc_box_new0 (PdCheckpoint);
  self->part = part;
  self->path = g_strdup (path);
  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_safetensors_unref);
  self->names = g_ptr_array_new_with_free_func (g_free);
  self->tensors = g_hash_table_new (g_str_hash, g_str_equal);
  self->views = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_mutex_init (&self->mutex);
  return self;
}

static void
clear (gpointer data)
{
  PdCheckpoint *self = data;
  g_hash_table_unref (self->views);
  g_hash_table_unref (self->tensors);
  g_ptr_array_unref (self->names);
  g_ptr_array_unref (self->files);
  g_mutex_clear (&self->mutex);
  g_free (self->path);
}

PdCheckpoint *
pd_checkpoint_ref (PdCheckpoint *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
pd_checkpoint_unref (PdCheckpoint *self)
{
  if (self != NULL)
    g_atomic_rc_box_release_full (self, clear);
}

const char *
pd_checkpoint_get_path (const PdCheckpoint *self)
{
  return self->path;
}

/* @name with the old names of a VAE's attention replaced. */
static char *
modern_name (PdPart part, const char *name)
{
  static const struct
  {
    const char *old, *modern;
  } renames[] = {
    { ".query.", ".to_q." },
    { ".key.", ".to_k." },
    { ".value.", ".to_v." },
    { ".proj_attn.", ".to_out.0." },
  };
  const char *attention = part == PD_PART_VAE ? strstr (name, ".attentions.") : NULL;
  for (guint i = 0; attention != NULL && i < G_N_ELEMENTS (renames); i++)
    {
      const char *at = strstr (attention, renames[i].old);
      if (at != NULL)
        return g_strdup_printf ("%.*s%s%s", (int) (at - name), name, renames[i].modern,
                                at + strlen (renames[i].old));
    }
  return g_strdup (name);
}

/* @ldm is NULL for diffusers' names. */
static gboolean
add_file (PdCheckpoint *self, PdSafetensors *file, const PdLdmConfig *ldm, GError **error)
{
  g_ptr_array_add (self->files, pd_safetensors_ref (file));
  for (guint i = 0; i < pd_safetensors_get_n_tensors (file); i++)
    {
      const PdTensorInfo *info = pd_safetensors_get_tensor (file, i);
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

static PdCheckpoint *
open_shards (const char *folder, const char *index_path, PdPart part, GError **error)
{
  g_autoptr (JsonNode) root = pd_json_load_object (index_path, 8 * 1024 * 1024, error);
  if (root == NULL)
    return NULL;
  JsonNode *map = json_object_get_member (json_node_get_object (root), "weight_map");
  if (map == NULL || !JSON_NODE_HOLDS_OBJECT (map))
    {
      pd_error_set_bad_model (error, _ ("%s: \"weight_map\" is missing or not an object"),
                              index_path);
      return NULL;
    }

  g_autoptr (PdCheckpoint) self = checkpoint_new (index_path, part);
  g_autoptr (GHashTable) opened = g_hash_table_new (g_str_hash, g_str_equal);
  JsonObjectIter iter;
  const char *tensor;
  JsonNode *node;
  json_object_iter_init_ordered (&iter, json_node_get_object (map));
  while (json_object_iter_next_ordered (&iter, &tensor, &node))
    {
      const char *shard = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
      if (shard == NULL || !is_plain_name (shard))
        {
          pd_error_set_bad_model (
              error,
              _ ("%s: tensor \"%.200s\" is not mapped to the name of a .safetensors file "
                 "beside it"),
              index_path, tensor);
          return NULL;
        }
      PdSafetensors *file = g_hash_table_lookup (opened, shard);
      if (file == NULL)
        {
          g_autofree char *path = g_build_filename (folder, shard, NULL);
          g_autoptr (PdSafetensors) fresh = pd_safetensors_open (path, error);
          if (fresh == NULL || !add_file (self, fresh, NULL, error))
            return NULL;
          file = fresh; /* held by self */
          g_hash_table_insert (opened, (gpointer) shard, file);
        }
      if (pd_safetensors_find (file, tensor) == NULL)
        {
          pd_error_set_bad_model (error, _ ("%s: tensor \"%.200s\" is not in %.200s"), index_path,
                                  tensor, shard);
          return NULL;
        }
    }
  return g_steal_pointer (&self);
}

PdCheckpoint *
pd_checkpoint_open_folder (const char *folder, PdPart part, GError **error)
{
  static const char *const suffixes[] = {
    ".safetensors",
    ".safetensors.index.json",
    ".fp16.safetensors",
    ".safetensors.index.fp16.json",
    ".fp16.safetensors.index.json",
  };
  const char *stem = part == PD_PART_TEXT_ENCODER ? "model" : "diffusion_pytorch_model";
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *name = g_strconcat (stem, suffixes[i], NULL);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      return g_str_has_suffix (path, ".json") ? open_shards (folder, path, part, error)
                                              : pd_checkpoint_open_file (path, part, error);
    }
  g_autofree char *pickle =
      g_strconcat (part == PD_PART_TEXT_ENCODER ? "pytorch_model" : stem, ".bin", NULL);
  g_autofree char *pickle_path = g_build_filename (folder, pickle, NULL);
  if (g_file_test (pickle_path, G_FILE_TEST_EXISTS))
    pd_error_set_bad_model (
        error, _ ("%s: only the older format %s is there; convert it to %s.safetensors"), folder,
        pickle, stem);
  else
    pd_error_set_bad_model (error, _ ("%s: no weights, expected %s.safetensors"), folder, stem);
  return NULL;
}

gboolean
pd_checkpoint_has (PdCheckpoint *self, const char *name)
{
  return g_hash_table_contains (self->tensors, name);
}

GPtrArray *
pd_checkpoint_list (PdCheckpoint *self)
{
  return g_ptr_array_ref (self->names);
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

  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  PdTensorInfo *known = g_hash_table_lookup (self->views, info);
  if (known == NULL)
    {
      known = g_memdup2 (&view, sizeof view);
      g_hash_table_insert (self->views, (gpointer) info, known);
    }
  return known;
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

static gboolean
is_float (PdDtype dtype)
{
  return dtype == PD_DTYPE_F16 || dtype == PD_DTYPE_BF16 || dtype == PD_DTYPE_F32 ||
         dtype == PD_DTYPE_F64;
}

const PdTensorInfo *
pd_checkpoint_get (
    PdCheckpoint *self, const char *name, guint n_dims, const gint64 *dims, GError **error)
{
  const PdTensorInfo *info = g_hash_table_lookup (self->tensors, name);
  g_autofree char *expected = pd_tensor_format_shape (n_dims, dims);
  if (info == NULL)
    {
      pd_error_set_bad_model (error, _ ("%s: tensor \"%s\" is missing, expected with shape %s"),
                              self->path, name, expected);
      return NULL;
    }
  if (!is_float (info->dtype))
    {
      pd_error_set_bad_model (
          error, _ ("%s: tensor \"%s\" has dtype %s, expected one of F16 BF16 F32 F64"), self->path,
          info->name, pd_dtype_name (info->dtype));
      return NULL;
    }
  const PdTensorInfo *view = info->n_dims != n_dims ? other_view (self, info) : info;
  if (view != NULL && shape_matches (view, n_dims, dims))
    return view;
  g_autofree char *found = pd_tensor_format_shape (info->n_dims, info->dims);
  pd_error_set_bad_model (error, _ ("%s: tensor \"%s\" has shape %s, expected %s"), self->path,
                          info->name, found, expected);
  return NULL;
}
