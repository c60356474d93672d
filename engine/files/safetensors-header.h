// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/files/tensor-info.h"

/* What a header says about one tensor. */
typedef struct
{
  PdTensorInfo info;  /* without data */
  guint64 begin, end; /* of its data, in bytes after the header */
} PdTensorEntry;

/* Reads the header @text of @length bytes, of a file with @data_size bytes after it:
 * every entry is checked by itself. @names owns the strings; @path begins the messages. *@entries:
 * the *@n entries in the header's order, to be freed with g_free also after a failure. */
gboolean pd_safetensors_read_header (const char *text,
                                     gsize length,
                                     guint64 data_size,
                                     const char *path,
                                     GStringChunk *names,
                                     PdTensorEntry **entries,
                                     gsize *n,
                                     GError **error);

/* Sets PD_ERROR_BAD_MODEL, "@path: tensor "@tensor": …"; always FALSE. @tensor may be NULL. */
gboolean
pd_safetensors_fail (const char *path, const char *tensor, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
