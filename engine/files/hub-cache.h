// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Folders as the cache of the Hugging Face hub has them, one per repository:
 * models--OWNER--NAME/{blobs,refs,snapshots}/, where refs/main names the folder in snapshots/.
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache */

/* The snapshot in @root that holds a model: the one of refs/main, else the newest. NULL if @root is
 * no such folder or holds none. Free with g_free. */
char *pd_hub_cache_snapshot (const char *root);

/* "OWNER/NAME" for @folder, the name of such a folder; others as they are. Free with g_free. */
char *pd_hub_cache_name (const char *folder);

/* The names of the .safetensors files in @folder, in their order. */
GPtrArray *pd_hub_cache_list_files (const char *folder);
