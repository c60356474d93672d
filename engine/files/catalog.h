// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* A model that can be named. */
typedef struct
{
  /* The folder's name, or the file's without .safetensors, after the folders it lies in: "a/b". A
   * repository in the hub's cache is "OWNER/NAME". Bytes that cannot be shown are written \xff. */
  char *name;
  char *path;
} PdCatalogEntry;

/* The models found by name: folders with model_index.json, .safetensors files, and repositories as
 * the hub's cache has them; in sub-folders too, three deep. Nothing is opened but the folders, and
 * of them not more than some ten thousand names are read. Looks at the thread's current
 * cancellable: after it, nothing more is found. */
typedef struct _PdCatalog PdCatalog;

/* Returns: (transfer full) the folders that models are found in by name:
 *   @data_folder/models (the embedded model; @data_folder may be NULL),
 *   parallel-diffusion/models in the XDG data folder of the user and of the system. */
char **pd_catalog_folders (const char *data_folder);

/* Looks in pd_catalog_folders(), earlier ones hiding later ones of the same name. A folder that is
 * not there holds nothing. */
PdCatalog *pd_catalog_new (const char *data_folder);

/* Looks in the given folders (NULL-terminated). */
PdCatalog *pd_catalog_new_for_folders (const char *const *folders);

void pd_catalog_free (PdCatalog *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdCatalog, pd_catalog_free)

/* Whether the entry's file is no model by itself, but a LoRA, a VAE or another (pd_file_kind).
 * Opens the file; FALSE if it cannot be read, or once the thread's current cancellable is
 * cancelled. */
gboolean pd_catalog_entry_is_other (const PdCatalogEntry *entry);

/* Sorted by name, the embedded "default" first. Owned by the catalog. */
const GPtrArray *pd_catalog_list (const PdCatalog *self); /* of PdCatalogEntry */

/* The path of the model of that name, or @name_or_path itself if it is a folder or file. The error
 * (PD_ERROR_BAD_MODEL) lists the names there are. */
char *pd_catalog_find (const PdCatalog *self, const char *name_or_path, GError **error);
