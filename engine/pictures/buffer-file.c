// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/pictures/buffer-file.h"
#include "engine/base/error.h"
#include "engine/base/host-memory.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The format, in the byte order of the machine (GEGL: gegl/buffer/gegl-buffer-index.h). A file
 * begins with a Header; from Header.next on follows a chain of Entry, each of one tile. */
typedef struct
{
  char magic[4];
  guint32 flags;
  guint64 next;
  guint32 tile_width, tile_height;
  guint16 bytes_per_pixel;
  char description[64]; /* the name of the babl format, then 0, then anything */
  gint32 x, y;
  guint32 width, height;
  guint32 revision;
  gint32 padding[36];
} Header;

typedef struct
{
  guint32 length, flags; /* of this entry */
  guint64 next;          /* offset of the next entry, 0: there is none */
  guint64 offset;        /* of the tile's pixels */
  gint32 x, y, z;        /* in tiles; z: level of the pyramid */
  guint32 revision;
} Entry;

G_STATIC_ASSERT (sizeof (Header) == 256);
G_STATIC_ASSERT (sizeof (Entry) == 40);

enum
{
  HEADER_FLAGS = 1 << 9 | 1 << 11, /* flushed, is a header; revision 0 of the format */
  ENTRY_TILE = 1,
  TILE = 128,           /* side of the tiles of files that are written */
  MAX_TILE = 4096,      /* and of those that are read */
  MAX_SIDE = 1 << 20,   /* of a picture */
  MAX_PIXEL_BYTES = 64, /* more than any format has */
};

static const char magic[] = { 'G', 'E', 'G', 'L' };

static void
fail (GError **error, const char *path, const char *reason)
{
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, "%s: %s", shown, reason);
}

static void
fail_errno (GError **error, const char *path, int number)
{
  fail (error, path, g_strerror (number));
}

/* One open file. */
typedef struct
{
  const char *path;
  int fd;
  guint64 size;
  Header header;
  const Babl *format;
} File;

static void
file_clear (File *file)
{
  if (file->fd >= 0)
    close (file->fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (File, file_clear)

static gboolean
read_at (const File *file, guint64 offset, void *data, gsize size, GError **error)
{
  char *at = data;

  while (size > 0)
    {
      gssize n = pread (file->fd, at, size, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          fail_errno (error, file->path, errno);
          return FALSE;
        }
      if (n == 0)
        {
          fail (error, file->path, _ ("the file ends too early; write it again"));
          return FALSE;
        }
      at += n;
      offset += (guint64) n;
      size -= (gsize) n;
    }
  return TRUE;
}

static gboolean
check_header (File *file, GError **error)
{
  const Header *header = &file->header;

  if (memcmp (header->magic, magic, sizeof magic) != 0)
    {
      fail (error, file->path, _ ("no GEGL buffer file"));
      return FALSE;
    }
  if (memchr (header->description, 0, sizeof header->description) != NULL &&
      babl_format_exists (header->description))
    file->format = babl_format (header->description);
  if (file->format == NULL ||
      babl_format_get_bytes_per_pixel (file->format) != header->bytes_per_pixel ||
      header->bytes_per_pixel > MAX_PIXEL_BYTES || header->tile_width == 0 ||
      header->tile_width > MAX_TILE || header->tile_height == 0 || header->tile_height > MAX_TILE ||
      header->width == 0 || header->width > MAX_SIDE || header->height == 0 ||
      header->height > MAX_SIDE)
    {
      fail (error, file->path,
            _ ("a GEGL buffer file whose header is damaged, or of an unknown pixel format"));
      return FALSE;
    }
  return TRUE;
}

static gboolean
open_file (File *file, GError **error)
{
  struct stat status;

  file->fd = g_open (file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  if (file->fd < 0 || fstat (file->fd, &status) != 0)
    {
      fail_errno (error, file->path, errno);
      return FALSE;
    }
  if (!S_ISREG (status.st_mode))
    {
      fail (error, file->path, _ ("not a file"));
      return FALSE;
    }
  file->size = (guint64) status.st_size;
  return read_at (file, 0, &file->header, sizeof file->header, error) && check_header (file, error);
}

/* Whether the tile lies in the picture and its pixels in the file. */
static gboolean
check_entry (const File *file, const Entry *entry, gsize tile_bytes, GError **error)
{
  const Header *header = &file->header;

  if (entry->flags == ENTRY_TILE && entry->length >= sizeof *entry && entry->z == 0 &&
      entry->x >= 0 && (guint64) entry->x * header->tile_width < header->width && entry->y >= 0 &&
      (guint64) entry->y * header->tile_height < header->height && entry->offset < file->size &&
      tile_bytes <= file->size - entry->offset)
    return TRUE;
  fail (error, file->path, _ ("a GEGL buffer file whose list of tiles is damaged"));
  return FALSE;
}

/* Such tiles are what a buffer has where nothing was written, and take no memory there. */
static gboolean
is_zero (const guchar *bytes, gsize n)
{
  return bytes[0] == 0 && memcmp (bytes, bytes + 1, n - 1) == 0;
}

GeglBuffer *
pd_buffer_file_load (const char *path, GError **error)
{
  g_auto (File) file = { .path = path, .fd = -1 };
  const Header *header = &file.header;
  g_autoptr (GeglBuffer) buffer = NULL;
  g_autofree guchar *pixels = NULL;
  gsize tile_bytes;
  guint64 next, n_tiles;

  if (!open_file (&file, error))
    return NULL;
  tile_bytes = (gsize) header->tile_width * header->tile_height * header->bytes_per_pixel;
  n_tiles = (guint64) ((header->width + header->tile_width - 1) / header->tile_width) *
            ((header->height + header->tile_height - 1) / header->tile_height);
  /* No more than the file has room for, or a list that leads back to itself would take its time. */
  n_tiles = MIN (n_tiles, (file.size - sizeof *header) / (sizeof (Entry) + tile_bytes));
  if (tile_bytes > file.size)
    {
      fail (error, path, _ ("the file ends too early; write it again"));
      return NULL;
    }
  pixels = pd_try_new (guchar, tile_bytes, _ ("a tile of the picture"), error);
  if (pixels == NULL)
    return NULL;
  buffer = gegl_buffer_new (GEGL_RECTANGLE (0, 0, (int) header->width, (int) header->height),
                            file.format);
  for (next = header->next; next != 0;)
    {
      Entry entry;
      GeglRectangle tile;

      if (n_tiles-- == 0)
        {
          fail (error, path, _ ("a GEGL buffer file whose list of tiles is damaged"));
          return NULL;
        }
      if (!read_at (&file, next, &entry, sizeof entry, error) ||
          !check_entry (&file, &entry, tile_bytes, error) ||
          !read_at (&file, entry.offset, pixels, tile_bytes, error))
        return NULL;
      tile =
          *GEGL_RECTANGLE (entry.x * (int) header->tile_width, entry.y * (int) header->tile_height,
                           (int) header->tile_width, (int) header->tile_height);
      if (!is_zero (pixels, tile_bytes))
        gegl_buffer_set (buffer, &tile, 0, file.format, pixels, GEGL_AUTO_ROWSTRIDE);
      next = entry.next;
    }
  return g_steal_pointer (&buffer);
}

static gboolean
write_all (const File *file, const void *data, gsize size, GError **error)
{
  const char *at = data;

  while (size > 0)
    {
      gssize n = write (file->fd, at, size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          fail_errno (error, file->path, errno);
          return FALSE;
        }
      at += n;
      size -= (gsize) n;
    }
  return TRUE;
}

static gboolean
write_tiles (File *file, GeglBuffer *buffer, GError **error)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);
  const gsize tile_bytes = (gsize) TILE * TILE * file->header.bytes_per_pixel;
  const guint columns = (file->header.width + TILE - 1) / TILE;
  const guint rows = (file->header.height + TILE - 1) / TILE;
  const guint64 n_tiles = (guint64) columns * rows;
  g_autofree guchar *pixels = pd_try_new (guchar, tile_bytes, _ ("a tile of the picture"), error);

  if (pixels == NULL)
    return FALSE;
  for (guint64 i = 0; i < n_tiles; i++)
    {
      const guint64 place = sizeof (Header) + (i + 1) * sizeof (Entry);
      const Entry entry = { .length = sizeof entry,
                            .flags = ENTRY_TILE,
                            .next = i + 1 < n_tiles ? place : 0,
                            .offset = sizeof (Header) + n_tiles * sizeof (Entry) + i * tile_bytes,
                            .x = (gint32) (i % columns),
                            .y = (gint32) (i / columns) };

      if (!write_all (file, &entry, sizeof entry, error))
        return FALSE;
    }
  for (guint64 i = 0; i < n_tiles; i++)
    {
      const GeglRectangle tile = { extent->x + (int) (i % columns) * TILE,
                                   extent->y + (int) (i / columns) * TILE, TILE, TILE };

      gegl_buffer_get (buffer, &tile, 1.0, file->format, pixels, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
      if (!write_all (file, pixels, tile_bytes, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_file (File *file, GeglBuffer *buffer, GError **error)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);

  file->format = gegl_buffer_get_format (buffer);
  file->header = (Header){
    .flags = HEADER_FLAGS,
    .next = sizeof file->header,
    .tile_width = TILE,
    .tile_height = TILE,
    .bytes_per_pixel = (guint16) babl_format_get_bytes_per_pixel (file->format),
    .width = (guint32) extent->width,
    .height = (guint32) extent->height,
  };
  memcpy (file->header.magic, magic, sizeof magic);
  /* The numbers of the pixels without their colour space, for which the format has no place. */
  g_strlcpy (file->header.description, babl_format_get_encoding (file->format),
             sizeof file->header.description);
  return write_all (file, &file->header, sizeof file->header, error) &&
         write_tiles (file, buffer, error);
}

static char *
part_name (const char *path)
{
  return g_strconcat (path, ".part", NULL);
}

static gboolean
open_part (File *file, const char *part, GError **error)
{
  file->fd = g_open (part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file->fd < 0)
    fail_errno (error, file->path, errno);
  return file->fd >= 0;
}

gboolean
pd_buffer_file_reserve (GeglBuffer *buffer, const char *path, GError **error)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);
  const guint64 n_tiles =
      ((guint64) extent->width + TILE - 1) / TILE * (((guint64) extent->height + TILE - 1) / TILE);
  const guint64 size =
      sizeof (Header) + n_tiles * (sizeof (Entry) + (guint64) TILE * TILE *
                                                        (guint64) babl_format_get_bytes_per_pixel (
                                                            gegl_buffer_get_format (buffer)));
  g_autofree char *part = part_name (path);
  g_auto (File) file = { .path = path, .fd = -1 };

  if (!open_part (&file, part, error))
    return FALSE;
  if (fallocate (file.fd, 0, 0, (off_t) size) == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
    return TRUE;
  fail_errno (error, path, errno);
  g_unlink (part);
  return FALSE;
}

void
pd_buffer_file_give_back (const char *path)
{
  g_autofree char *part = part_name (path);

  g_unlink (part);
}

gboolean
pd_buffer_file_save (GeglBuffer *buffer, const char *path, GError **error)
{
  g_autofree char *part = part_name (path);
  g_auto (File) file = { .path = path, .fd = -1 };

  if (!open_part (&file, part, error))
    return FALSE;
  if (!write_file (&file, buffer, error))
    {
      g_unlink (part);
      return FALSE;
    }
  /* What was reserved may have been longer. */
  if (ftruncate (file.fd, lseek (file.fd, 0, SEEK_CUR)) != 0 || g_rename (part, path) != 0)
    {
      fail_errno (error, path, errno);
      g_unlink (part);
      return FALSE;
    }
  return TRUE;
}
