// SPDX-License-Identifier: GPL-3.0-or-later
/* What is read from PNG files. Of their ancillary chunks libpng sees those that are listed here. */
#include "engine/base/error.h"
#include "engine/pictures/notes.h"
#include "engine/pictures/orientation.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-chunks.h"
#include "engine/pictures/png-file.h"
#include "engine/pictures/profile.h"

#include <errno.h>
#include <gegl.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <png.h>
#include <string.h>

enum
{
  ROWS = 128,         /* of pixels read at once: about a row of GEGL's tiles */
  MAX_TEXT = 2 << 20, /* bytes: more than a command line holds, far less than harm */
};

/* What says how the pixels are to be understood. */
enum
{
  PROFILE, /* the place of iCCP */
};

static const PdPngWanted picture_chunks[] = {
  [PROFILE] = { "iCCP", PD_PROFILE_MOST },
  { "tRNS", 256 },
  { "sRGB", 1 },
  { "gAMA", 4 },
  { "cHRM", 32 },
  { "eXIf", 1 << 16 },
  { NULL },
};

static const PdPngWanted text_chunks[] = {
  { "iTXt", MAX_TEXT },
  { "tEXt", MAX_TEXT },
  { "zTXt", MAX_TEXT },
  { NULL },
};

static gboolean
fail (const char *path, const char *problem, GError **error)
{
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, "%s: %s", path, problem);
  return FALSE;
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

/* libpng's error pointer. */
typedef struct
{
  char *problem;        /* what went wrong first; owned */
  gboolean bad_profile; /* libpng warned of iCCP */
} Said;

/* libpng's callback. Does not return. */
static void
on_error (png_structp png, png_const_charp message)
{
  Said *said = png_get_error_ptr (png);

  if (!said->problem)
    said->problem = g_strdup (message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp message)
{
  Said *said = png_get_error_ptr (png);

  if (g_str_has_prefix (message, picture_chunks[PROFILE].name))
    said->bad_profile = TRUE;
}

/* Of a picture that is read. */
typedef struct
{
  png_structp png;
  png_infop info;
  Said said;
  PdPngChunks chunks;
  PdProfile *space;
  const char *unfollowed; /* why the colour space that the file names is not */
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
  pd_profile_free (self->space);
  g_free (self->rows);
  g_free (self->said.problem);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reading, reading_clear)

/* The colour space that the file names; NULL: sRGB. A profile comes before sRGB, sRGB before gAMA
 * and cHRM (Portable Network Graphics, third edition, 11.3.2). */
static PdProfile *
color_space (Reading *self)
{
  png_charp name;
  int compression;
  png_bytep profile;
  png_uint_32 length;
  double gamma = 0, xy[8];
  gboolean has_primaries;

  if (png_get_iCCP (self->png, self->info, &name, &compression, &profile, &length))
    return pd_profile_new (profile, length, &self->unfollowed);
  if (self->said.bad_profile || self->chunks.too_long & 1u << PROFILE)
    self->unfollowed = _ ("it is damaged or too large");
  if (png_get_valid (self->png, self->info, PNG_INFO_sRGB))
    return NULL;
  has_primaries = png_get_cHRM (self->png, self->info, &xy[0], &xy[1], &xy[2], &xy[3], &xy[4],
                                &xy[5], &xy[6], &xy[7]) != 0;
  if (!png_get_gAMA (self->png, self->info, &gamma))
    gamma = 0;
  if (self->unfollowed != NULL || (gamma == 0 && !has_primaries))
    return NULL;
  return pd_profile_new_of (gamma, has_primaries ? xy : NULL, &self->unfollowed);
}

/* The rows as libpng is told to give them. */
static const Babl *
row_format (Reading *self)
{
  static const char *const models[] = { "Y'", "Y'A", "R'G'B'", "R'G'B'A" };
  int channels = png_get_channels (self->png, self->info);
  g_autofree char *name =
      g_strdup_printf ("%s u%d", models[channels - 1], png_get_bit_depth (self->png, self->info));

  return babl_format (name);
}

static void
read_header (Reading *self)
{
  guint width, height;

  if (setjmp (png_jmpbuf (self->png)) != 0)
    return;
  pd_png_chunks_start (&self->chunks, self->png);
  png_set_chunk_malloc_max (self->png, PD_PROFILE_MOST);
  png_set_user_limits (self->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info (self->png, self->info);
  width = png_get_image_width (self->png, self->info);
  height = png_get_image_height (self->png, self->info);
  if (width > PD_PICTURE_MAX_SIDE || height > PD_PICTURE_MAX_SIDE)
    {
      self->said.problem =
          g_strdup_printf (_ ("the picture has %u × %u pixels, more than %d a side"), width, height,
                           PD_PICTURE_MAX_SIDE);
      return;
    }
  png_set_expand (self->png);
  if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
    png_set_swap (self->png);
  self->n_passes = png_set_interlace_handling (self->png);
  png_read_update_info (self->png, self->info);
  self->pitch = png_get_rowbytes (self->png, self->info);
  self->rows = g_try_malloc (self->pitch * ROWS);
  if (self->rows == NULL)
    {
      self->said.problem = g_strdup (g_strerror (ENOMEM));
      return;
    }
  self->space = color_space (self);
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
  png_read_end (self->png, self->info);
}

/* Upright, as Exif tells it; that may stand behind the pixels. */
static GeglBuffer *
turn (Reading *self)
{
  png_uint_32 length;
  png_bytep exif;

  if (!png_get_eXIf_1 (self->png, self->info, &length, &exif))
    return g_steal_pointer (&self->picture);
  return pd_orientation_apply (self->picture, pd_orientation_of_exif (exif, length));
}

/* (transfer full) */
static GeglBuffer *
in_srgb (Reading *self, GError **error)
{
  g_autoptr (GeglBuffer) turned = turn (self);

  if (self->space == NULL)
    return g_steal_pointer (&turned);
  return pd_profile_apply (self->space, turned, error);
}

GeglBuffer *
pd_png_load (const char *path, GError **error)
{
  FILE *file = g_fopen (path, "rbe");
  g_auto (Reading) reading = { .chunks = { .file = file, .wanted = picture_chunks } };
  GeglBuffer *picture;

  if (!file)
    {
      fail (path, g_strerror (errno), error);
      return NULL;
    }
  reading.png = png_create_read_struct (PNG_LIBPNG_VER_STRING, &reading.said, on_error, on_warning);
  reading.info = reading.png ? png_create_info_struct (reading.png) : NULL;
  if (!reading.info)
    reading.said.problem = g_strdup (g_strerror (ENOMEM));
  else
    {
      read_header (&reading);
      if (!reading.said.problem)
        read_rows (&reading);
    }
  fclose (file);
  if (reading.said.problem)
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: cannot be read as a picture: %s"),
                   path, reading.said.problem);
      return NULL;
    }
  picture = in_srgb (&reading, error);
  if (picture == NULL)
    return NULL;
  if (reading.unfollowed != NULL)
    pd_notes_add_profile (picture, path, reading.unfollowed);
  return picture;
}

/* value: NULL before; (transfer full) the text if there is one. */
static void
read_stream (PdPngChunks *chunks, char **value, Said *said)
{
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, said, on_error, on_warning);
  png_infop info = png ? png_create_info_struct (png) : NULL;

  if (!info)
    said->problem = g_strdup (g_strerror (ENOMEM));
  else if (setjmp (png_jmpbuf (png)) == 0)
    {
      png_textp texts;

      pd_png_chunks_start (chunks, png);
      png_set_chunk_malloc_max (png, MAX_TEXT);
      png_set_user_limits (png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
      png_read_info (png, info);
      if (png_get_text (png, info, &texts, NULL) > 0)
        *value = g_strdup (texts[0].text);
    }
  png_destroy_read_struct (&png, &info, NULL);
}

char *
pd_png_read_text (const char *path, const char *keyword, GError **error)
{
  FILE *file = g_fopen (path, "rbe");
  PdPngChunks chunks = { .file = file, .wanted = text_chunks, .keyword = keyword };
  Said said = { 0 };
  g_autofree char *problem = NULL;
  g_autofree char *value = NULL;

  if (!file)
    {
      fail (path, g_strerror (errno), error);
      return NULL;
    }
  read_stream (&chunks, &value, &said);
  fclose (file);
  problem = said.problem;
  if (problem)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                 _ ("%s: cannot be read as a PNG picture: %s"), path, problem);
  else if (!value && (chunks.too_long || chunks.seen))
    g_set_error (
        error, PD_ERROR, PD_ERROR_BAD_REQUEST,
        _ ("%s: its text “%s” is damaged or longer than 2 MiB; only whole pictures made by this "
           "program can be repeated"),
        path, keyword);
  else if (!value)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                 _ ("%s: holds no text “%s”; only pictures made by this program can be repeated"),
                 path, keyword);
  return value && !problem ? g_steal_pointer (&value) : NULL;
}
