// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/pictures/png-chunks.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <string.h>

enum
{
  HEADER = 8,           /* length and name */
  SUM = 4,              /* after the data */
  SHORT_SKIP = 1 << 14, /* bytes that are read rather than sought past, which costs two calls */
};

/* Does not return when the file ends. */
static void
read_all (png_structp png, FILE *file, guchar *data, gsize size)
{
  if (fread (data, 1, size, file) == size)
    return;
  png_error (png, ferror (file) ? g_strerror (errno) : _ ("the file ends too early"));
}

static void
skip (png_structp png, FILE *file, guint64 size)
{
  guchar bytes[SHORT_SKIP];

  if (size <= sizeof bytes)
    read_all (png, file, bytes, size);
  else if (fseeko (file, (off_t) size, SEEK_CUR) != 0)
    png_error (png, g_strerror (errno));
}

/* Whether the chunk whose head has been read is to be seen; reads its keyword. */
static gboolean
is_wanted (PdPngChunks *self, png_structp png, guint32 length)
{
  const char *name = (const char *) self->head + 4;
  const gsize keyword = self->keyword != NULL ? strlen (self->keyword) + 1 : 0;
  guint i = 0;

  if (!(name[0] & 0x20))
    return TRUE;
  while (self->wanted[i].name != NULL && memcmp (name, self->wanted[i].name, 4) != 0)
    i++;
  if (self->wanted[i].name == NULL || self->seen & 1u << i || length < keyword)
    return FALSE;
  if (keyword > 0)
    {
      g_assert (keyword <= sizeof self->head - HEADER);
      read_all (png, self->file, self->head + HEADER, keyword);
      self->head_size += keyword;
      if (memcmp (self->head + HEADER, self->keyword, keyword) != 0)
        return FALSE;
    }
  if (length > self->wanted[i].most)
    {
      self->too_long |= 1u << i;
      return FALSE;
    }
  self->seen |= 1u << i;
  return TRUE;
}

static void
next_chunk (PdPngChunks *self, png_structp png)
{
  for (;;)
    {
      guint64 rest;
      guint32 length;
      gboolean wanted;

      self->head_at = 0;
      self->head_size = HEADER;
      read_all (png, self->file, self->head, HEADER);
      length = png_get_uint_32 (self->head);
      wanted = is_wanted (self, png, length);
      rest = (guint64) length + SUM - (self->head_size - HEADER);
      if (wanted)
        {
          self->left = rest;
          return;
        }
      skip (png, self->file, rest);
    }
}

/* libpng's callback. */
static void
read_data (png_structp png, png_bytep data, png_size_t size)
{
  PdPngChunks *self = png_get_io_ptr (png);

  while (size > 0)
    {
      gsize part;

      if (self->head_at == self->head_size && self->left == 0)
        next_chunk (self, png);
      part = MIN (size, self->head_size - self->head_at);
      if (part > 0)
        {
          memcpy (data, self->head + self->head_at, part);
          self->head_at += part;
        }
      else
        {
          part = (gsize) MIN (size, self->left);
          read_all (png, self->file, data, part);
          self->left -= part;
        }
      data += part;
      size -= part;
    }
}

void
pd_png_chunks_start (PdPngChunks *self, png_structp png)
{
  self->left = 8; /* the signature */
  png_set_read_fn (png, self, read_data);
}
