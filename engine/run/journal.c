// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>

#include "engine/base/error.h"

/* The file is this header and the parts, one after the other. */
typedef struct
{
  char magic[8];
  guint32 byte_order; /* BYTE_ORDER_MARK */
  guint32 size;       /* of this header */
  guint8 run[PD_JOURNAL_DIGEST_SIZE];
  guint64 seed;
  guint32 level, n_draws;
  guint32 base_height, base_width;
  guint64 part_sizes[PD_JOURNAL_N_PARTS];
  guint32 has_part[PD_JOURNAL_N_PARTS];
  guint8 digest[PD_JOURNAL_DIGEST_SIZE]; /* SHA-256 of the file with zeros here */
} Header;

static const char magic[8] = "PDJRNL2";
static const guint32 BYTE_ORDER_MARK = 0x01020304;
static const char suffix[] = ".journal";

void
pd_journal_clear (PdJournal *self)
{
  for (guint i = 0; i < PD_JOURNAL_N_PARTS; i++)
    g_clear_pointer (&self->parts[i], g_bytes_unref);
  *self = (PdJournal){ 0 };
}

static void
digest_file (const Header *header, GBytes *const *parts, guint8 digest[PD_JOURNAL_DIGEST_SIZE])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length = PD_JOURNAL_DIGEST_SIZE;
  Header blank = *header;

  memset (blank.digest, 0, sizeof blank.digest);
  g_checksum_update (checksum, (const guchar *) &blank, sizeof blank);
  for (guint i = 0; i < PD_JOURNAL_N_PARTS; i++)
    if (parts[i] != NULL)
      g_checksum_update (checksum, g_bytes_get_data (parts[i], NULL),
                         (gssize) g_bytes_get_size (parts[i]));
  g_checksum_get_digest (checksum, digest, &length);
}

static gboolean
fail (GError **error, const char *path)
{
  int saved = errno;

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved),
               _ ("the journal %s cannot be written: %s"), path, g_strerror (saved));
  return FALSE;
}

static gboolean
write_all (int file, gconstpointer data, gsize size)
{
  const guint8 *next = data;

  while (size > 0)
    {
      gssize written = write (file, next, size);

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return FALSE;
      next += written;
      size -= (gsize) written;
    }
  return TRUE;
}

static gboolean
write_file (int file, const Header *header, GBytes *const *parts)
{
  if (!write_all (file, header, sizeof *header))
    return FALSE;
  for (guint i = 0; i < PD_JOURNAL_N_PARTS; i++)
    if (parts[i] != NULL &&
        !write_all (file, g_bytes_get_data (parts[i], NULL), g_bytes_get_size (parts[i])))
      return FALSE;
  return fsync (file) == 0;
}

/* So that the new name is on the disk too. Not every file system can do it, and none needs it for
 * the file to be whole. */
static void
sync_folder (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int file = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (file < 0)
    return;
  fsync (file);
  close (file);
}

gboolean
pd_journal_save (const PdJournal *self, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL);
  Header header = { .byte_order = BYTE_ORDER_MARK,
                    .size = sizeof header,
                    .seed = self->seed,
                    .level = self->level,
                    .n_draws = self->n_draws,
                    .base_height = self->base_height,
                    .base_width = self->base_width };
  gboolean written;
  int file;

  memcpy (header.magic, magic, sizeof magic);
  memcpy (header.run, self->run, sizeof header.run);
  for (guint i = 0; i < PD_JOURNAL_N_PARTS; i++)
    if (self->parts[i] != NULL)
      {
        header.has_part[i] = 1;
        header.part_sizes[i] = g_bytes_get_size (self->parts[i]);
      }
  digest_file (&header, self->parts, header.digest);

  if (g_mkdir_with_parents (folder, 0700) != 0)
    return fail (error, path);
  file = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0600);
  if (file < 0)
    return fail (error, path);
  written = write_file (file, &header, self->parts);
  if (close (file) != 0 || !written || g_rename (temporary, path) != 0)
    {
      fail (error, path);
      g_unlink (temporary);
      return FALSE;
    }
  sync_folder (path);
  return TRUE;
}

static gboolean
refuse (GError **error, const char *path, const char *reason)
{
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("the journal %s cannot be used: %s; run again without --resume to start anew"),
               path, reason);
  return FALSE;
}

/* Checks everything that can be known without the parts. */
static gboolean
check_header (const Header *header, gsize file_size, const char *path, GError **error)
{
  gsize left = file_size - sizeof *header;

  if (header->byte_order != BYTE_ORDER_MARK || header->size != sizeof *header)
    return refuse (error, path, _ ("it was written on another kind of machine"));
  for (guint i = 0; i < PD_JOURNAL_N_PARTS; i++)
    {
      if (header->has_part[i] > 1 || header->part_sizes[i] > left ||
          (!header->has_part[i] && header->part_sizes[i] > 0))
        return refuse (error, path, _ ("it is damaged or cut short"));
      left -= header->part_sizes[i];
    }
  return left == 0 || refuse (error, path, _ ("it is damaged or too long"));
}

gboolean
pd_journal_load (PdJournal *self, const char *path, GError **error)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, error);
  g_autoptr (GBytes) bytes = NULL;
  g_auto (PdJournal) loaded = { 0 };
  guint8 digest[PD_JOURNAL_DIGEST_SIZE];
  Header header;
  gsize size, offset = sizeof header;

  *self = (PdJournal){ 0 };
  if (file == NULL)
    return FALSE;
  bytes = g_mapped_file_get_bytes (file);
  size = g_bytes_get_size (bytes);
  if (size < sizeof header || memcmp (g_bytes_get_data (bytes, NULL), magic, sizeof magic) != 0)
    return refuse (error, path, _ ("it is no journal of this version"));
  memcpy (&header, g_bytes_get_data (bytes, NULL), sizeof header);
  if (!check_header (&header, size, path, error))
    return FALSE;

  loaded.seed = header.seed;
  loaded.level = header.level;
  loaded.n_draws = header.n_draws;
  loaded.base_height = header.base_height;
  loaded.base_width = header.base_width;
  memcpy (loaded.run, header.run, sizeof loaded.run);
  for (guint i = 0; i < PD_JOURNAL_N_PARTS; i++)
    {
      if (header.has_part[i])
        loaded.parts[i] = g_bytes_new_from_bytes (bytes, offset, header.part_sizes[i]);
      offset += header.part_sizes[i];
    }
  digest_file (&header, loaded.parts, digest);
  if (memcmp (digest, header.digest, sizeof digest) != 0)
    return refuse (error, path, _ ("it is damaged"));
  *self = loaded;
  loaded = (PdJournal){ 0 };
  return TRUE;
}

static char *
run_name (const guint8 *run)
{
  g_autoptr (GString) name = g_string_new (NULL);

  for (guint i = 0; i < PD_JOURNAL_DIGEST_SIZE; i++)
    g_string_append_printf (name, "%02x", run[i]);
  return g_string_free (g_steal_pointer (&name), FALSE);
}

char *
pd_journal_path (const char *folder, const guint8 *run, guint64 seed)
{
  g_autofree char *name = run_name (run);
  g_autofree char *file = g_strdup_printf ("%s-%" G_GUINT64_FORMAT "%s", name, seed, suffix);

  return g_build_filename (folder, file, NULL);
}

/* 0: no such file. */
static gint64
modification_time (const char *path)
{
  GStatBuf info;

  if (g_stat (path, &info) != 0)
    return 0;
  return (gint64) info.st_mtim.tv_sec * G_USEC_PER_SEC + info.st_mtim.tv_nsec / 1000;
}

char *
pd_journal_find (const char *folder, const guint8 *run)
{
  g_autofree char *prefix = run_name (run), *newest = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  gint64 newest_time = 0;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      gint64 time = modification_time (path);

      if (!g_str_has_prefix (name, prefix) || !g_str_has_suffix (name, suffix) ||
          time <= newest_time)
        continue;
      newest_time = time;
      g_free (newest);
      newest = g_steal_pointer (&path);
    }
  return g_steal_pointer (&newest);
}

void
pd_journal_remove (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path), *base = g_path_get_basename (path);
  g_autofree char *prefix = g_strconcat (base, ".", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  g_unlink (path);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (folder, name, NULL);

      if (g_str_has_prefix (name, prefix))
        g_unlink (file);
    }
}

void
pd_journal_prune (const char *folder, gint64 seconds)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const gint64 oldest = g_get_real_time () - seconds * G_USEC_PER_SEC;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      /* Temporary files have something after the suffix. */
      if (strstr (name, suffix) != NULL && modification_time (path) < oldest)
        g_unlink (path);
    }
}

char *
pd_journal_folder (void)
{
  return g_build_filename (g_get_user_cache_dir (), "parallel-diffusion", "journals", NULL);
}
