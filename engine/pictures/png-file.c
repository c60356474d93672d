// SPDX-License-Identifier: GPL-3.0-or-later
/* GEGL converts the pixels; libpng writes the file, because gegl:png-save calls a full disk a
 * success and has no place for texts with keywords of one's own. */
#include "engine/pictures/png-file.h"
#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <gegl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <png.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum
{
  ROWS = 128, /* of pixels written at once: about a row of GEGL's tiles */
};

static gboolean
fail (const char *path, const char *problem, GError **error)
{
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, "%s: %s", path, problem);
  return FALSE;
}

/* Where the bytes go: the file a symbolic link leads to, so that the link stays. */
static char *
resolve (const char *path)
{
  char *real = realpath (path, NULL);
  char *resolved = g_strdup (real ? real : path);

  free (real);
  return resolved;
}

/* A new, empty file beside path. Returns its descriptor or -1 with errno. */
static int
open_beside (const char *path, char **name)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *hidden = g_strdup_printf (".%.200s.XXXXXX", base);

  *name = g_build_filename (folder, hidden, NULL);
  return g_mkstemp_full (*name, O_RDWR | O_CLOEXEC, 0666);
}

static gboolean
check_destination (const char *path, const char *resolved, GError **error)
{
  GStatBuf info;

  if (g_stat (resolved, &info) != 0)
    return errno == ENOENT || fail (path, g_strerror (errno), error);
  if (!S_ISREG (info.st_mode))
    return fail (path, _ ("exists and is not a file"), error);
  if (g_access (resolved, W_OK) != 0)
    return fail (path, _ ("exists and is write-protected"), error);
  return TRUE;
}

gboolean
pd_png_check_output (const char *path, GError **error)
{
  g_autofree char *resolved = resolve (path);
  g_autofree char *lower = g_ascii_strdown (path, -1);
  g_autofree char *temporary = NULL;
  g_autofree char *folder = g_path_get_dirname (resolved);
  int fd;

  if (!g_str_has_suffix (lower, ".png"))
    return fail (path, _ ("the output is a PNG file, its name must end in .png"), error);
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("%s: there is no folder %s; create it first"), path, folder);
      return FALSE;
    }
  if (!check_destination (path, resolved, error))
    return FALSE;
  fd = open_beside (resolved, &temporary);
  if (fd < 0)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: cannot be written: %s"), path,
                   g_strerror (errno));
      return FALSE;
    }
  close (fd);
  g_unlink (temporary);
  return TRUE;
}

/* libpng's callback: its pointer is a char ** for the first message. Does not return. */
static void
on_error (png_structp png, png_const_charp message)
{
  char **problem = png_get_error_ptr (png);

  if (!*problem)
    *problem = g_strdup (message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp message)
{
}

/* libpng's own says "Write Error" of everything. */
static void
write_data (png_structp png, png_bytep data, png_size_t size)
{
  if (fwrite (data, 1, size, png_get_io_ptr (png)) != size)
    png_error (png, g_strerror (errno));
}

static void
flush_data (png_structp png)
{
  if (fflush (png_get_io_ptr (png)) != 0)
    png_error (png, g_strerror (errno));
}

static gboolean
has_alpha (GeglBuffer *picture)
{
  return babl_format_has_alpha (gegl_buffer_get_format (picture));
}

static gsize
row_bytes (GeglBuffer *picture, guint depth)
{
  return (gsize) gegl_buffer_get_width (picture) * (has_alpha (picture) ? 4 : 3) * (depth / 8);
}

static void
set_texts (png_structp png, png_infop info, const char *const *texts)
{
  for (guint i = 0; texts && texts[i]; i += 2)
    {
      png_text text = {
        .compression = PNG_ITXT_COMPRESSION_NONE,
        .key = (png_charp) texts[i],
        .text = (png_charp) texts[i + 1],
        .lang = (png_charp) "",
        .lang_key = (png_charp) "",
      };

      png_set_text (png, info, &text, 1);
    }
}

/* Of strategies and filters those with which photographs and generated pictures take a fifth of
 * the time that they take with libpng's own choice, and about the same space.
 *
 * rows: space for ROWS of them. problem: NULL before; after a failure (transfer full) what went
 * wrong. No variable of this
 * function is changed after setjmp(). */
static void
write_stream (FILE *file,
              GeglBuffer *buffer,
              guint depth,
              const char *const *texts,
              guchar *rows,
              char **problem)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (buffer);
  const gboolean alpha = has_alpha (buffer);
  const Babl *format = babl_format (depth == 16 ? (alpha ? "R'G'B'A u16" : "R'G'B' u16")
                                                : (alpha ? "R'G'B'A u8" : "R'G'B' u8"));
  const gsize pitch = row_bytes (buffer, depth);
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, problem, on_error, on_warning);
  png_infop info = png ? png_create_info_struct (png) : NULL;

  if (!info)
    *problem = g_strdup (g_strerror (ENOMEM));
  else if (setjmp (png_jmpbuf (png)) == 0)
    {
      png_set_write_fn (png, file, write_data, flush_data);
      png_set_compression_strategy (png, Z_RLE);
      png_set_filter (png, PNG_FILTER_TYPE_BASE,
                      depth == 16 ? PNG_FILTER_PAETH : PNG_FILTER_AVG | PNG_FILTER_PAETH);
      png_set_IHDR (png, info, extent->width, extent->height, (int) depth,
                    alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                    PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
      png_set_sRGB_gAMA_and_cHRM (png, info, PNG_sRGB_INTENT_PERCEPTUAL);
      set_texts (png, info, texts);
      png_write_info (png, info);
      if (depth == 16 && G_BYTE_ORDER == G_LITTLE_ENDIAN)
        png_set_swap (png);
      for (int y = 0; y < extent->height; y += ROWS)
        {
          int n_rows = MIN (ROWS, extent->height - y);

          gegl_buffer_get (buffer, GEGL_RECTANGLE (0, y, extent->width, n_rows), 1.0, format, rows,
                           GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
          for (int i = 0; i < n_rows; i++)
            png_write_row (png, rows + i * pitch);
        }
      png_write_end (png, info);
    }
  png_destroy_write_struct (&png, &info);
}

/* Takes the descriptor over. */
static gboolean
write_file (int fd,
            GeglBuffer *picture,
            const char *path,
            guint depth,
            const char *const *texts,
            GError **error)
{
  g_autofree guchar *rows =
      pd_try_new (guchar, row_bytes (picture, depth) * ROWS, _ ("rows of the picture"), error);
  g_autofree char *problem = NULL;
  FILE *file = rows != NULL ? fdopen (fd, "wb") : NULL;

  if (file == NULL)
    {
      if (rows != NULL)
        fail (path, g_strerror (errno), error);
      close (fd);
      return FALSE;
    }
  write_stream (file, picture, depth, texts, rows, &problem);
  if (!problem && (fflush (file) != 0 || fsync (fd) != 0))
    problem = g_strdup (g_strerror (errno));
  fclose (file);
  if (problem)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: cannot be written: %s"), path,
                   problem);
      return FALSE;
    }
  return pd_storage_check (error);
}

/* Signals that end a process which does not listen to them. */
static const int ending_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static char unfinished[PATH_MAX]; /* the file that goes before the process ends; "": none */

static void
on_ending_signal (int number)
{
  unlink (unfinished);
  raise (number); /* of which the default action comes with the end of this function */
}

/* From now on such a signal first removes the file. A process that listens to a signal decides
 * itself what comes of it. */
static void
guard (const char *temporary)
{
  struct sigaction action = { .sa_handler = on_ending_signal, .sa_flags = (int) SA_RESETHAND };

  if (g_strlcpy (unfinished, temporary, sizeof unfinished) >= sizeof unfinished)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (ending_signals); i++)
    {
      struct sigaction old;

      if (sigaction (ending_signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        sigaction (ending_signals[i], &action, NULL);
    }
}

static void
unguard (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (ending_signals); i++)
    {
      struct sigaction old;

      if (sigaction (ending_signals[i], NULL, &old) == 0 && old.sa_handler == on_ending_signal)
        signal (ending_signals[i], SIG_DFL);
    }
}

gboolean
pd_png_save (
    GeglBuffer *picture, const char *path, guint depth, const char *const *texts, GError **error)
{
  g_autofree char *resolved = resolve (path);
  g_autofree char *temporary = NULL;
  GStatBuf info;
  int fd;
  gboolean good;

  if (!pd_png_check_output (path, error))
    return FALSE;
  fd = open_beside (resolved, &temporary);
  if (fd < 0)
    return fail (path, g_strerror (errno), error);
  if (g_stat (resolved, &info) == 0)
    (void) fchmod (fd, info.st_mode & 0777);
  guard (temporary);
  good = write_file (fd, picture, path, depth, texts, error);
  if (good && g_rename (temporary, resolved) != 0)
    good = fail (path, g_strerror (errno), error);
  if (!good)
    g_unlink (temporary);
  unguard ();
  return good;
}
