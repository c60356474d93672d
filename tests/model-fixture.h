// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* What the tests of model files share. */

/* A path in the shared folder (environment variable PD_SHARED, else beside the source), or NULL
 * after skipping the test if it is not there. */
char *pd_fixture_shared (const char *relative);

/* A fresh empty folder, removed with all that is in it by pd_fixture_remove. */
char *pd_fixture_folder (void);
void pd_fixture_remove (char *folder);

/* Writes @length bytes to folder/name, making folders on the way, and returns the path. @length -1:
 * a string. */
char *pd_fixture_write (const char *folder, const char *name, const void *data, gssize length);

/* Writes a safetensors file: header length, @header, then @data_size bytes that a sparse file gives
 * as zeros, beginning with the @n_bytes of @bytes. */
char *pd_fixture_write_safetensors (const char *folder,
                                    const char *name,
                                    const char *header,
                                    guint64 data_size,
                                    const void *bytes,
                                    gsize n_bytes);

/* Collects "name, dtype, shape" for a header with the data of one after the other. */
typedef struct
{
  GString *header;
  guint64 data_size;
} PdFixtureHeader;

void pd_fixture_header_init (PdFixtureHeader *self);
/* @shape is the inside of a JSON list, such as "32, 4, 3, 3". */
void pd_fixture_header_add (PdFixtureHeader *self, const char *name, const char *shape);
/* The tensors that tell the sizes of an SD 1.x model with 2 levels and no encoder, in one file. */
void pd_fixture_header_add_ldm (PdFixtureHeader *self);
char *pd_fixture_header_write (PdFixtureHeader *self, const char *folder, const char *name);

/* Fails the test unless @error is PD_ERROR with @code and its message contains each of the
 * space-separated @fragments and no newline; then clears it. */
void pd_fixture_expect (GError **error, int code, const char *fragments);
