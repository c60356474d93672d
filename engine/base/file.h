// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <glib.h>

/* Reading files that a stranger may have made: only regular ones, opened without ever waiting. */

/* Which file was opened, so that another one or a changed one in its place can be told. */
typedef struct
{
  char *path;
  guint64 device, inode, size; /* size: bytes */
  gint64 modified;             /* ns */
} PdFileStamp;

void pd_file_stamp_free (PdFileStamp *self);

/* Whether the same file, unchanged, is at its path. */
gboolean pd_file_stamp_holds (const PdFileStamp *self);

/* Opens @path for reading; -1 unless it is a regular file, once links are followed. A pipe, device,
 * socket or folder is named and not opened. *stamp gets what was opened, without its path. Fails
 * with PD_ERROR_BAD_MODEL. */
int pd_file_open (const char *path, PdFileStamp *stamp, GError **error);

/* Reads @size bytes at @offset. Fails where there are fewer, with PD_ERROR_BAD_MODEL. */
gboolean
pd_file_read_at (int fd, const char *path, guint64 offset, void *out, gsize size, GError **error);

/* The whole file, whose size must be at most @max_bytes. Can be cancelled by the thread's current
 * cancellable (g_cancellable_push_current). Fails with PD_ERROR_BAD_MODEL, G_IO_ERROR_CANCELLED. */
GBytes *pd_file_read (const char *path, gsize max_bytes, GError **error);

/* Until pop, every file that this thread opens adds its PdFileStamp to @stamps. They do not nest.
 */
void pd_file_record_push (GPtrArray *stamps);
void pd_file_record_pop (void);
