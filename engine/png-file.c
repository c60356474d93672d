// SPDX-License-Identifier: GPL-3.0-or-later
/* GEGL converts the pixels; libpng writes the file, because gegl:png-save calls a full disk a
 * success and has no place for texts with keywords of one's own. */
#include "engine/png-file.h"
#include "engine/error.h"
#include "engine/picture.h"
#include "engine/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <gegl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a text read from a file: far more than a prompt, far less than harm. */
static const gsize max_text = 16 * 1024 * 1024;

enum
{
  ROWS = 128, /* of pixels read at once: about a row of GEGL's tiles */
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

/* rows: space for ROWS of them. problem: NULL before; after a failure (transfer full) what went
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
  const Babl *format = babl_format (depth == 16 ? "R'G'B' u16" : "R'G'B' u8");
  const gsize pitch = (gsize) extent->width * 3 * (depth / 8);
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, problem, on_error, on_warning);
  png_infop info = png ? png_create_info_struct (png) : NULL;

  if (!info)
    *problem = g_strdup (g_strerror (ENOMEM));
  else if (setjmp (png_jmpbuf (png)) == 0)
    {
      png_init_io (png, file);
      png_set_IHDR (png, info, extent->width, extent->height, (int) depth, PNG_COLOR_TYPE_RGB,
                    PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
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
      g_malloc ((gsize) gegl_buffer_get_width (picture) * ROWS * 3 * (depth / 8));
  g_autofree char *problem = NULL;
  FILE *file = fdopen (fd, "wb");

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

gboolean
pd_png_save (
    GeglBuffer *picture, const char *path, guint depth, const char *const *texts, GError **error)
{
  g_autofree char *resolved = resolve (path);
  g_autofree char *temporary = NULL;
  GStatBuf info;
  int fd;

  if (!pd_png_check_output (path, error))
    return FALSE;
  fd = open_beside (resolved, &temporary);
  if (fd < 0)
    return fail (path, g_strerror (errno), error);
  if (g_stat (resolved, &info) == 0)
    (void) fchmod (fd, info.st_mode & 0777);
  if (!write_file (fd, picture, path, depth, texts, error))
    {
      g_unlink (temporary);
      return FALSE;
    }
  if (g_rename (temporary, resolved) != 0)
    {
      fail (path, g_strerror (errno), error);
      g_unlink (temporary);
      return FALSE;
    }
  return TRUE;
}

gboolean
pd_png_is (const char *path)
{
  guchar signature[8];
  FILE *file = g_fopen (path, "rbe");
  gboolean is = file && fread (signature, sizeof signature, 1, file) == 1 &&
                png_sig_cmp (signature, 0, sizeof signature) == 0;

  if (file)
    fclose (file);
  return is;
}

/* Of a picture that is read. */
typedef struct
{
  png_structp png;
  png_infop info;
  char *problem; /* what went wrong */
  GeglBuffer *picture;
  guchar *rows;
  gsize pitch;
  int n_passes; /* more than one: interlaced */
} Reading;

static void
reading_clear (Reading *self)
{
  png_destroy_read_struct (&self->png, &self->info, NULL);
  g_clear_object (&self->picture);
  g_free (self->rows);
  g_free (self->problem);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reading, reading_clear)

/* The colour space of the profile; NULL: sRGB. */
static const Babl *
profile_space (const Reading *self)
{
  png_charp name;
  int compression;
  png_bytep profile;
  png_uint_32 length;
  const char *problem = NULL;
  const Babl *space;

  if (!png_get_iCCP (self->png, self->info, &name, &compression, &profile, &length))
    return NULL;
  space = babl_space_from_icc ((const char *) profile, (int) length,
                               BABL_ICC_INTENT_RELATIVE_COLORIMETRIC, &problem);
  return space && !babl_space_is_cmyk (space) && !babl_space_is_gray (space) ? space : NULL;
}

/* The rows as libpng is told to give them. */
static const Babl *
row_format (const Reading *self)
{
  static const char *const models[] = { "Y'", "Y'A", "R'G'B'", "R'G'B'A" };
  int channels = png_get_channels (self->png, self->info);
  g_autofree char *name =
      g_strdup_printf ("%s u%d", models[channels - 1], png_get_bit_depth (self->png, self->info));

  return babl_format_with_space (name, profile_space (self));
}

static void
read_header (Reading *self, FILE *file)
{
  guint width, height;

  if (setjmp (png_jmpbuf (self->png)) != 0)
    return;
  png_init_io (self->png, file);
  png_set_user_limits (self->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info (self->png, self->info);
  width = png_get_image_width (self->png, self->info);
  height = png_get_image_height (self->png, self->info);
  if (width > PD_PICTURE_MAX_SIDE || height > PD_PICTURE_MAX_SIDE)
    {
      self->problem = g_strdup_printf (_ ("the picture has %u × %u pixels, more than %d a side"),
                                       width, height, PD_PICTURE_MAX_SIDE);
      return;
    }
  png_set_expand (self->png);
  if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
    png_set_swap (self->png);
  self->n_passes = png_set_interlace_handling (self->png);
  png_read_update_info (self->png, self->info);
  self->pitch = png_get_rowbytes (self->png, self->info);
  self->rows = g_malloc (self->pitch * ROWS);
  self->picture =
      gegl_buffer_new (GEGL_RECTANGLE (0, 0, (int) width, (int) height), row_format (self));
}

static void
read_rows (Reading *self)
{
  GeglRectangle band = *gegl_buffer_get_extent (self->picture);
  const int height = band.height;

  if (setjmp (png_jmpbuf (self->png)) != 0)
    return;
  for (int pass = 0; pass < self->n_passes; pass++)
    for (band.y = 0; band.y < height; band.y += ROWS)
      {
        band.height = MIN (ROWS, height - band.y);
        if (pass > 0)
          gegl_buffer_get (self->picture, &band, 1.0, NULL, self->rows, GEGL_AUTO_ROWSTRIDE,
                           GEGL_ABYSS_NONE);
        for (int i = 0; i < band.height; i++)
          png_read_row (self->png, self->rows + i * self->pitch, NULL);
        gegl_buffer_set (self->picture, &band, 0, NULL, self->rows, GEGL_AUTO_ROWSTRIDE);
      }
  png_read_end (self->png, NULL);
}

GeglBuffer *
pd_png_load (const char *path, GError **error)
{
  g_auto (Reading) reading = { 0 };
  FILE *file = g_fopen (path, "rbe");

  if (!file)
    {
      fail (path, g_strerror (errno), error);
      return NULL;
    }
  reading.png =
      png_create_read_struct (PNG_LIBPNG_VER_STRING, &reading.problem, on_error, on_warning);
  reading.info = reading.png ? png_create_info_struct (reading.png) : NULL;
  if (!reading.info)
    reading.problem = g_strdup (g_strerror (ENOMEM));
  else
    {
      read_header (&reading, file);
      if (!reading.problem)
        read_rows (&reading);
    }
  fclose (file);
  if (!reading.problem)
    return g_steal_pointer (&reading.picture);
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: cannot be read as a picture: %s"),
               path, reading.problem);
  return NULL;
}

/* value, problem: NULL before; (transfer full) the text if there is one, what went wrong. */
static void
read_stream (FILE *file, const char *keyword, char **value, char **problem)
{
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, problem, on_error, on_warning);
  png_infop info = png ? png_create_info_struct (png) : NULL;

  if (!info)
    *problem = g_strdup (g_strerror (ENOMEM));
  else if (setjmp (png_jmpbuf (png)) == 0)
    {
      png_textp texts;
      int n_texts;

      png_init_io (png, file);
      png_set_chunk_malloc_max (png, max_text);
      png_set_user_limits (png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
      png_read_info (png, info);
      n_texts = png_get_text (png, info, &texts, NULL);
      for (int i = 0; i < n_texts && !*value; i++)
        if (g_str_equal (texts[i].key, keyword))
          *value = g_strdup (texts[i].text);
    }
  png_destroy_read_struct (&png, &info, NULL);
}

char *
pd_png_read_text (const char *path, const char *keyword, GError **error)
{
  g_autofree char *problem = NULL;
  g_autofree char *value = NULL;
  FILE *file = g_fopen (path, "rbe");

  if (!file)
    {
      fail (path, g_strerror (errno), error);
      return NULL;
    }
  read_stream (file, keyword, &value, &problem);
  fclose (file);
  if (problem)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                 _ ("%s: cannot be read as a PNG picture: %s"), path, problem);
  else if (!value)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                 _ ("%s: holds no text “%s”; only pictures made by this program can be repeated"),
                 path, keyword);
  return value && !problem ? g_steal_pointer (&value) : NULL;
}
