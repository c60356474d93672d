// SPDX-License-Identifier: GPL-3.0-or-later
/* GEGL's files of buffers: the same as GEGL's own, and errors where GEGL ends the process. */
#include "engine/pictures/buffer-file.h"
#include "engine/base/error.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char *folder;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static gsize
bytes_of (GeglBuffer *buffer)
{
  return (gsize) gegl_buffer_get_width (buffer) * gegl_buffer_get_height (buffer) *
         babl_format_get_bytes_per_pixel (gegl_buffer_get_format (buffer));
}

static guchar *
pixels_of (GeglBuffer *buffer)
{
  guchar *pixels = g_malloc (bytes_of (buffer));

  gegl_buffer_get (buffer, NULL, 1.0, NULL, pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  return pixels;
}

static GeglBuffer *
make_buffer (int x, int y, int width, int height, const char *format)
{
  GeglBuffer *buffer = gegl_buffer_new (GEGL_RECTANGLE (x, y, width, height), babl_format (format));
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  g_autofree guchar *pixels = g_malloc (bytes_of (buffer));

  /* Bytes below 0x40 make no NaN in any float format. */
  for (gsize i = 0; i < bytes_of (buffer); i++)
    pixels[i] = (guchar) g_rand_int_range (random, 0, 0x40);
  gegl_buffer_set (buffer, NULL, 0, NULL, pixels, GEGL_AUTO_ROWSTRIDE);
  return buffer;
}

static void
assert_same (GeglBuffer *left, GeglBuffer *right)
{
  g_autofree guchar *left_pixels = pixels_of (left);
  g_autofree guchar *right_pixels = pixels_of (right);

  g_assert_true (gegl_buffer_get_format (left) == gegl_buffer_get_format (right));
  g_assert_cmpint (gegl_buffer_get_width (left), ==, gegl_buffer_get_width (right));
  g_assert_cmpint (gegl_buffer_get_height (left), ==, gegl_buffer_get_height (right));
  g_assert_cmpmem (left_pixels, bytes_of (left), right_pixels, bytes_of (right));
}

static const char *const formats[] = { "R'G'B' float", "R'G'B'A u8", "Y float", "RGBA half",
                                       "Y'A u16" };

/* 300 × 130: several tiles, the last ones cut. */
static void
test_own (void)
{
  g_autofree char *path = in_folder ("own");

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autoptr (GeglBuffer) buffer = make_buffer (-5, 77, 300, 130, formats[i]);
      g_autoptr (GeglBuffer) back = NULL;
      g_autoptr (GError) error = NULL;
      GStatBuf status;

      g_assert_true (pd_buffer_file_save (buffer, path, &error));
      g_assert_no_error (error);
      g_assert_cmpint (g_stat (path, &status), ==, 0);
      g_assert_cmpint (status.st_mode & 0777, ==, 0600);
      back = pd_buffer_file_load (path, &error);
      g_assert_no_error (error);
      g_assert_cmpint (gegl_buffer_get_x (back), ==, 0);
      g_assert_cmpint (gegl_buffer_get_y (back), ==, 0);
      assert_same (buffer, back);
    }
  g_unlink (path);
}

static void
test_theirs (void)
{
  g_autofree char *path = in_folder ("theirs");

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autoptr (GeglBuffer) buffer = make_buffer (0, 0, 300, 130, formats[i]);
      g_autoptr (GeglBuffer) read_here = NULL;
      g_autoptr (GeglBuffer) read_there = NULL;
      g_autoptr (GError) error = NULL;

      gegl_buffer_save (buffer, path, NULL);
      read_here = pd_buffer_file_load (path, &error);
      g_assert_no_error (error);
      assert_same (buffer, read_here);
      g_assert_true (pd_buffer_file_save (buffer, path, NULL));
      read_there = gegl_buffer_load (path);
      assert_same (buffer, read_there);
    }
  g_unlink (path);
}

/* Tiles that are not in a file are empty ones. */
static void
test_sparse (void)
{
  g_autofree char *path = in_folder ("sparse");
  g_autoptr (GeglBuffer) buffer =
      gegl_buffer_new (GEGL_RECTANGLE (0, 0, 600, 600), babl_format ("Y float"));
  g_autoptr (GeglBuffer) back = NULL;
  const float one = 1.0F;

  gegl_buffer_set (buffer, GEGL_RECTANGLE (599, 599, 1, 1), 0, NULL, &one, GEGL_AUTO_ROWSTRIDE);
  gegl_buffer_save (buffer, path, NULL);
  back = pd_buffer_file_load (path, NULL);
  g_assert_nonnull (back);
  assert_same (buffer, back);
  g_unlink (path);
}

static void
check_failure (const char *path, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pd_buffer_file_load (path, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_damaged (void)
{
  static const struct
  {
    gsize offset;
    guint32 value;
    const char *message;
  } damages[] = {
    { 0, 0x20202020, "no GEGL buffer file" },
    { 16, 0, "header is damaged" },          /* tile_width */
    { 20, 100000, "header is damaged" },     /* tile_height */
    { 24, 0x52520003, "header is damaged" }, /* bytes per pixel */
    { 28, 0x52525252, "header is damaged" }, /* the format's name */
    { 100, 0, "header is damaged" },         /* width */
    { 100, 0x7fffffff, "header is damaged" },
    { 8, 0x7fffff00, "ends too early" },               /* Header.next */
    { 256 + 4, 99, "list of tiles is damaged" },       /* Entry.flags */
    { 256 + 8, 256, "list of tiles is damaged" },      /* Entry.next: itself */
    { 256 + 16, 1 << 30, "list of tiles is damaged" }, /* Entry.offset */
    { 256 + 24, 3, "list of tiles is damaged" },       /* Entry.x */
    { 256 + 28, 0x80000000, "list of tiles is damaged" },
  };
  g_autofree char *path = in_folder ("damaged");
  g_autofree char *absent = in_folder ("absent");
  g_autoptr (GeglBuffer) buffer = make_buffer (0, 0, 300, 130, "R'G'B' float");
  g_autofree char *bytes = NULL;
  gsize length;

  g_assert_true (pd_buffer_file_save (buffer, path, NULL));
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autofree char *damaged = g_memdup2 (bytes, length);

      memcpy (damaged + damages[i].offset, &damages[i].value, sizeof damages[i].value);
      g_assert_true (g_file_set_contents (path, damaged, (gssize) length, NULL));
      check_failure (path, damages[i].message);
    }
  g_assert_true (g_file_set_contents (path, bytes, (gssize) length - 1, NULL));
  check_failure (path, "list of tiles is damaged");
  g_assert_true (g_file_set_contents (path, bytes, 100, NULL));
  check_failure (path, "ends too early");
  check_failure (absent, g_strerror (ENOENT));
  check_failure (folder, "not a file");
  g_unlink (path);
}

/* Space is taken, used by the file, and given back. */
static void
test_reserve (void)
{
  g_autofree char *path = in_folder ("reserved");
  g_autofree char *part = in_folder ("reserved.part");
  g_autoptr (GeglBuffer) large = make_buffer (0, 0, 2000, 1500, "R'G'B' float");
  g_autoptr (GeglBuffer) small = make_buffer (0, 0, 20, 30, "R'G'B' float");
  g_autoptr (GeglBuffer) loaded = NULL;
  g_autoptr (GError) error = NULL;
  struct stat status;

  g_assert_true (pd_buffer_file_reserve (large, path, &error));
  g_assert_no_error (error);
  g_assert_cmpint (stat (part, &status), ==, 0);
  g_assert_cmpint (512 * status.st_blocks, >=, 2000 * 1500 * 12);
  pd_buffer_file_give_back (path);
  g_assert_cmpint (stat (part, &status), !=, 0);
  pd_buffer_file_give_back (path);

  g_assert_true (pd_buffer_file_reserve (large, path, &error));
  g_assert_true (pd_buffer_file_save (small, path, &error));
  g_assert_no_error (error);
  g_assert_cmpint (stat (part, &status), !=, 0);
  g_assert_cmpint (stat (path, &status), ==, 0);
  g_assert_cmpint (status.st_size, <, 1000000);
  loaded = pd_buffer_file_load (path, &error);
  g_assert_no_error (error);
  assert_same (small, loaded);
  g_unlink (path);
}

/* No room: an error, and neither the file nor a part of it. */
static void
test_full (void)
{
  g_autofree char *path = in_folder ("full");
  g_autoptr (GeglBuffer) buffer = make_buffer (0, 0, 300, 130, "R'G'B' float");
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = NULL;
  struct rlimit old, small;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  small = old;
  small.rlim_cur = 100000;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (pd_buffer_file_reserve (buffer, path, NULL));
  g_assert_false (pd_buffer_file_save (buffer, path, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, path));
  dir = g_dir_open (folder, 0, NULL);
  g_assert_null (g_dir_read_name (dir));
}

static void
test_no_folder (void)
{
  g_autofree char *path = in_folder ("absent/file");
  g_autoptr (GeglBuffer) buffer = make_buffer (0, 0, 3, 3, "Y float");
  g_autoptr (GError) error = NULL;

  g_assert_false (pd_buffer_file_save (buffer, path, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, path));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  folder = g_dir_make_tmp ("pd-buffer-file-XXXXXX", NULL);
  g_test_add_func ("/buffer-file/own", test_own);
  g_test_add_func ("/buffer-file/theirs", test_theirs);
  g_test_add_func ("/buffer-file/sparse", test_sparse);
  g_test_add_func ("/buffer-file/damaged", test_damaged);
  g_test_add_func ("/buffer-file/reserve", test_reserve);
  g_test_add_func ("/buffer-file/full", test_full);
  g_test_add_func ("/buffer-file/no-folder", test_no_folder);
  status = g_test_run ();
  gegl_exit ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}
