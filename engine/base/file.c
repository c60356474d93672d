// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"

static const gsize READ_PIECE = 1024 * 1024; /* bytes between two looks at the cancellable */

static GPrivate recorder = G_PRIVATE_INIT (NULL); /* of GPtrArray, not owned */

void
pd_file_stamp_free (PdFileStamp *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self);
}

static PdFileStamp
stamp_of (const struct stat *info)
{
  return (PdFileStamp){
    .device = info->st_dev,
    .inode = info->st_ino,
    .size = (guint64) info->st_size,
    .modified = (gint64) info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec,
  };
}

gboolean
pd_file_stamp_holds (const PdFileStamp *self)
{
  struct stat info;
  if (stat (self->path, &info) != 0)
    return FALSE;
  const PdFileStamp now = stamp_of (&info);
  return now.device == self->device && now.inode == self->inode && now.size == self->size &&
         now.modified == self->modified;
}

void
pd_file_record_push (GPtrArray *stamps)
{
  g_private_set (&recorder, stamps);
}

void
pd_file_record_pop (void)
{
  g_private_set (&recorder, NULL);
}

/* What stands at a path instead of a file. */
static const char *
name_of_mode (guint mode)
{
  if (S_ISDIR (mode))
    return _ ("a folder");
  if (S_ISFIFO (mode))
    return _ ("a named pipe");
  if (S_ISSOCK (mode))
    return _ ("a socket");
  return _ ("a device");
}

static gboolean
check_regular (const char *path, guint mode, GError **error)
{
  if (S_ISREG (mode))
    return TRUE;
  pd_error_set_bad_model (error, _ ("%s: this is %s, expected a file"), path, name_of_mode (mode));
  return FALSE;
}

static void
set_from_errno (GError **error, const char *path, int code)
{
  pd_error_set_bad_model (error, _ ("%s: cannot be read: %s"), path, g_strerror (code));
}

int
pd_file_open (const char *path, PdFileStamp *stamp, GError **error)
{
  GPtrArray *stamps = g_private_get (&recorder);
  struct stat info;
  /* Looked at before it is opened: opening a device may do something. */
  if (stat (path, &info) != 0)
    {
      set_from_errno (error, path, errno);
      return -1;
    }
  if (!check_regular (path, info.st_mode, error))
    return -1;
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0 || fstat (fd, &info) != 0)
    {
      set_from_errno (error, path, errno);
      if (fd >= 0)
        close (fd);
      return -1;
    }
  if (!check_regular (path, info.st_mode, error))
    {
      close (fd);
      return -1;
    }
  *stamp = stamp_of (&info);
  if (stamps != NULL)
    {
      PdFileStamp *copy = g_memdup2 (stamp, sizeof *stamp);
      copy->path = g_strdup (path);
      g_ptr_array_add (stamps, copy);
    }
  return fd;
}

/* Sets *done to fewer than @size bytes where the file ends earlier. */
static gboolean
read_some (
    int fd, const char *path, guint64 offset, guint8 *out, gsize size, gsize *done, GError **error)
{
  *done = 0;
  while (*done < size)
    {
      gssize n =
          pread (fd, out + *done, MIN (size - *done, READ_PIECE), (goffset) (offset + *done));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          set_from_errno (error, path, errno);
          return FALSE;
        }
      if (n == 0)
        break;
      *done += (gsize) n;
      if (g_cancellable_set_error_if_cancelled (g_cancellable_get_current (), error))
        return FALSE;
    }
  return TRUE;
}

gboolean
pd_file_read_at (int fd, const char *path, guint64 offset, void *out, gsize size, GError **error)
{
  gsize done;
  if (!read_some (fd, path, offset, out, size, &done, error))
    return FALSE;
  if (done == size)
    return TRUE;
  pd_error_set_bad_model (error, _ ("%s: has become shorter while it was read"), path);
  return FALSE;
}

GBytes *
pd_file_read (const char *path, gsize max_bytes, GError **error)
{
  PdFileStamp stamp;
  g_autofree guint8 *data = NULL;
  gsize done;
  int fd = pd_file_open (path, &stamp, error);
  if (fd < 0)
    return NULL;
  gboolean fits = stamp.size <= max_bytes;
  if (fits)
    data = pd_try_new (guint8, stamp.size + 1, path, error);
  else
    pd_error_set_bad_model (error, _ ("%s: %zu bytes, expected at most %zu"), path,
                            (gsize) stamp.size, max_bytes);
  gboolean read = data != NULL && read_some (fd, path, 0, data, stamp.size, &done, error);
  close (fd);
  return read ? g_bytes_new_take (g_steal_pointer (&data), done) : NULL;
}
