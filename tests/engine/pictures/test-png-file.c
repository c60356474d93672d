// SPDX-License-Identifier: GPL-3.0-or-later
/* Pictures in PNG files. */
#include "engine/base/error.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "tests/fixtures/picture-fixture.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <png.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The samples as the file holds them. */
static guint16 *
read_samples (const char *path, guint *width, guint *height, int *depth)
{
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct (png);
  FILE *file = g_fopen (path, "rb");
  guint16 *samples;

  g_assert_nonnull (file);
  png_init_io (png, file);
  png_read_png (png, info, PNG_TRANSFORM_IDENTITY, NULL);
  *width = png_get_image_width (png, info);
  *height = png_get_image_height (png, info);
  *depth = png_get_bit_depth (png, info);
  g_assert_cmpint (png_get_color_type (png, info), ==, PNG_COLOR_TYPE_RGB);
  samples = g_new (guint16, (gsize) *width * *height * 3);
  for (guint y = 0; y < *height; y++)
    for (guint x = 0; x < *width * 3; x++)
      {
        const guchar *row = png_get_rows (png, info)[y];

        samples[y * *width * 3 + x] =
            *depth == 16 ? (guint16) (row[2 * x] << 8 | row[2 * x + 1]) : row[x];
      }
  png_destroy_read_struct (&png, &info, NULL);
  fclose (file);
  return samples;
}

static void
check_samples (int depth)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (61, 37);
  g_autofree char *path = pd_picture_fixture_path ("samples.png");
  g_autofree guint16 *samples = NULL;
  g_autofree float *pixels = NULL;
  g_autoptr (GError) error = NULL;
  guint width;
  guint height;
  int found_depth;

  g_assert_true (pd_png_save (picture, path, depth, NULL, &error));
  g_assert_no_error (error);
  pixels = pd_picture_fixture_pixels (picture);
  samples = read_samples (path, &width, &height, &found_depth);
  g_assert_cmpuint (width, ==, 61);
  g_assert_cmpuint (height, ==, 37);
  g_assert_cmpint (found_depth, ==, depth);
  for (guint i = 0; i < width * height * 3; i++)
    {
      float expected = CLAMP (pixels[i], 0.0f, 1.0f) * (depth == 16 ? 65535 : 255);

      g_assert_cmpfloat_with_epsilon (samples[i], expected, 0.502);
    }
  pd_picture_fixture_empty ();
}

static void
test_samples_8 (void)
{
  check_samples (8);
}

static void
test_samples_16 (void)
{
  check_samples (16);
}

static void
test_same_bytes (void)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (64, 64);
  g_autofree char *first = pd_picture_fixture_path ("first.png");
  g_autofree char *second = pd_picture_fixture_path ("second.png");
  g_autofree char *first_bytes = NULL;
  g_autofree char *second_bytes = NULL;
  gsize first_length;
  gsize second_length;

  g_assert_true (pd_png_save (picture, first, 8, NULL, NULL));
  g_assert_true (pd_png_save (picture, second, 8, NULL, NULL));
  g_assert_true (g_file_get_contents (first, &first_bytes, &first_length, NULL));
  g_assert_true (g_file_get_contents (second, &second_bytes, &second_length, NULL));
  g_assert_cmpmem (first_bytes, first_length, second_bytes, second_length);
  pd_picture_fixture_empty ();
}

static void
test_texts (void)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (3, 2);
  g_autofree char *path = pd_picture_fixture_path ("texts.png");
  g_autofree char *long_text = g_strnfill (100000, 'x');
  const char *const texts[] = {
    "Description", "Grüße, 日本の苔 🪨\nline", "parallel-diffusion", long_text, "empty", "",
    NULL
  };

  g_assert_true (pd_png_save (picture, path, 8, texts, NULL));
  for (guint i = 0; texts[i]; i += 2)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *found = pd_png_read_text (path, texts[i], &error);

      g_assert_no_error (error);
      g_assert_cmpstr (found, ==, texts[i + 1]);
    }
  pd_picture_fixture_empty ();
}

static void
check_no_text (const char *name, const void *bytes, gsize length, const char *message)
{
  g_autofree char *path = pd_picture_fixture_path (name);
  g_autoptr (GError) error = NULL;

  if (bytes)
    g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));
  g_assert_null (pd_png_read_text (path, "parallel-diffusion", &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_no_texts (void)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (3, 2);
  const char *const texts[] = { "parallel-diffusion", "{\"steps\": 30}", NULL };
  g_autofree char *path = pd_picture_fixture_path ("plain.png");
  g_autofree char *bytes = NULL;
  char *inside;
  gsize length;

  g_assert_true (pd_png_save (picture, path, 8, NULL, NULL));
  check_no_text ("plain.png", NULL, 0, "made by this program");
  check_no_text ("missing.png", NULL, 0, "No such file");
  check_no_text ("empty.png", "", 0, "PNG");
  check_no_text ("text.png", "hello, this is no picture", 25, "PNG");
  g_assert_true (pd_png_save (picture, path, 8, texts, NULL));
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  check_no_text ("truncated.png", bytes, 60, "PNG");
  for (inside = bytes; memcmp (inside, "steps", 5) != 0; inside++)
    g_assert_true (inside < bytes + length - 5);
  inside[0] = 'S';
  check_no_text ("damaged.png", bytes, length, "made by this program");
  pd_picture_fixture_empty ();
}

/* 16 bits come back as they were saved. */
static void
test_load_16 (void)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (301, 257), loaded = NULL;
  g_autofree char *path = pd_picture_fixture_path ("deep.png");
  g_autofree guint16 *saved = NULL, *found = g_new (guint16, 301 * 257 * 3);
  g_autoptr (GError) error = NULL;
  guint width, height;
  int depth;

  g_assert_true (pd_png_save (picture, path, 16, NULL, NULL));
  saved = read_samples (path, &width, &height, &depth);
  loaded = pd_picture_load (path, &error);
  g_assert_no_error (error);
  gegl_buffer_get (loaded, NULL, 1.0, babl_format ("R'G'B' u16"), found, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  g_assert_cmpmem (found, 301 * 257 * 3 * sizeof *found, saved, 301 * 257 * 3 * sizeof *saved);
  pd_picture_fixture_empty ();
}

/* Writes rows of @channels bytes per pixel as another kind of PNG. */
static void
write_png (const char *path, int width, int height, int type, int channels, int interlace)
{
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct (png);
  const png_color colors[2] = { { 10, 20, 30 }, { 200, 100, 50 } };
  FILE *file = g_fopen (path, "wb");
  g_autofree guchar *bytes = g_malloc ((gsize) width * height * channels);
  g_autofree png_bytep *rows = g_new (png_bytep, height);

  for (int y = 0; y < height; y++)
    {
      rows[y] = bytes + (gsize) y * width * channels;
      for (int x = 0; x < width * channels; x++)
        rows[y][x] = (guchar) (type == PNG_COLOR_TYPE_PALETTE ? (x + y) % 2 : x * 3 + y * 5);
    }
  png_init_io (png, file);
  png_set_IHDR (png, info, (guint) width, (guint) height, 8, type, interlace,
                PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (type == PNG_COLOR_TYPE_PALETTE)
    png_set_PLTE (png, info, colors, 2);
  png_write_info (png, info);
  png_set_interlace_handling (png);
  png_write_image (png, rows);
  png_write_end (png, info);
  png_destroy_write_struct (&png, &info);
  fclose (file);
}

/* Grey, with transparency, interlaced, with a palette. */
static void
test_load_kinds (void)
{
  enum
  {
    WIDTH = 37,
    HEIGHT = 150,
  };
  static const struct
  {
    int type, channels, interlace;
  } kinds[] = {
    { PNG_COLOR_TYPE_GRAY, 1, PNG_INTERLACE_NONE },
    { PNG_COLOR_TYPE_GRAY, 1, PNG_INTERLACE_ADAM7 },
    { PNG_COLOR_TYPE_GRAY_ALPHA, 2, PNG_INTERLACE_NONE },
    { PNG_COLOR_TYPE_RGB, 3, PNG_INTERLACE_ADAM7 },
    { PNG_COLOR_TYPE_RGB_ALPHA, 4, PNG_INTERLACE_NONE },
    { PNG_COLOR_TYPE_PALETTE, 1, PNG_INTERLACE_NONE },
  };
  g_autofree char *path = pd_picture_fixture_path ("kind.png");

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GeglBuffer) loaded = NULL;
      g_autoptr (GError) error = NULL;
      guchar found[WIDTH * HEIGHT * 3];

      write_png (path, WIDTH, HEIGHT, kinds[k].type, kinds[k].channels, kinds[k].interlace);
      loaded = pd_picture_load (path, &error);
      g_assert_no_error (error);
      g_assert_cmpint (gegl_buffer_get_width (loaded), ==, WIDTH);
      g_assert_cmpint (gegl_buffer_get_height (loaded), ==, HEIGHT);
      gegl_buffer_get (loaded, NULL, 1.0, babl_format ("R'G'B' u8"), found, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
      for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
        {
          int x = i / 3 % WIDTH, y = i / 3 / WIDTH, c = kinds[k].channels >= 3 ? i % 3 : 0;
          static const guchar colors[2][3] = { { 10, 20, 30 }, { 200, 100, 50 } };
          guchar expected = kinds[k].type == PNG_COLOR_TYPE_PALETTE
                                ? colors[(x + y) % 2][i % 3]
                                : (guchar) ((x * kinds[k].channels + c) * 3 + y * 5);

          g_assert_cmpint (found[i], ==, expected);
        }
    }
  pd_picture_fixture_empty ();
}

static void
check_bad_output (const char *path, const char *message)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (3, 2);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) save_error = NULL;

  g_assert_false (pd_png_check_output (path, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
  g_assert_false (pd_png_save (picture, path, 8, NULL, &save_error));
  g_assert_cmpstr (save_error->message, ==, error->message);
}

static void
test_bad_output (void)
{
  g_autofree char *no_folder = pd_picture_fixture_path ("absent/out.png");
  g_autofree char *directory = pd_picture_fixture_path ("directory.png");
  g_autofree char *device = pd_picture_fixture_path ("device.png");
  g_autofree char *jpeg = pd_picture_fixture_path ("out.jpg");

  g_assert_cmpint (g_mkdir (directory, 0777), ==, 0);
  g_assert_cmpint (symlink ("/dev/null", device), ==, 0);
  check_bad_output (no_folder, "absent; create it first");
  check_bad_output (directory, "not a file");
  check_bad_output (device, "not a file");
  check_bad_output (jpeg, "must end in .png");
  check_bad_output ("", "must end in .png");
  g_assert_cmpuint (pd_picture_fixture_count (), ==, 2);
  pd_picture_fixture_empty ();
}

static void
test_write_protected (void)
{
  g_autofree char *path = pd_picture_fixture_path ("out.png");
  g_autofree char *folder = g_path_get_dirname (path);

  if (geteuid () == 0)
    {
      g_test_skip ("root may write everywhere");
      return;
    }
  g_assert_cmpint (g_chmod (folder, 0555), ==, 0);
  check_bad_output (path, "cannot be written");
  g_assert_cmpint (g_chmod (folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, "old", 3, NULL));
  g_assert_cmpint (g_chmod (path, 0444), ==, 0);
  check_bad_output (path, "write-protected");
  pd_picture_fixture_empty ();
}

/* A disk that fills up half way: the old file stays, nothing else is left. */
static void
test_disk_full (void)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (200, 200);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pd_picture_fixture_path ("out.png");
  g_autofree char *old = NULL;
  struct rlimit limit;
  struct rlimit small;
  void (*handler) (int);

  g_assert_true (g_file_set_contents (path, "old", 3, NULL));
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  small = limit;
  small.rlim_cur = 4096;
  handler = signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_false (pd_png_save (picture, path, 16, NULL, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  signal (SIGXFSZ, handler);
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, "cannot be written"));
  g_assert_nonnull (strstr (error->message, g_strerror (EFBIG)));
  g_assert_true (g_file_get_contents (path, &old, NULL, NULL));
  g_assert_cmpstr (old, ==, "old");
  g_assert_cmpuint (pd_picture_fixture_count (), ==, 1);
  pd_picture_fixture_empty ();
}

/* What was there keeps its permissions, a symbolic link stays one, a new file obeys the umask. */
static void
test_replace (void)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (3, 2);
  g_autofree char *target = pd_picture_fixture_path ("target.png");
  g_autofree char *link_name = pd_picture_fixture_path ("link.png");
  mode_t umask_before = umask (022);
  GStatBuf info;

  g_assert_true (pd_png_save (picture, target, 8, NULL, NULL));
  g_assert_cmpint (g_stat (target, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0644);
  g_assert_cmpint (g_chmod (target, 0640), ==, 0);
  g_assert_cmpint (symlink ("target.png", link_name), ==, 0);
  g_assert_true (pd_png_save (picture, link_name, 8, NULL, NULL));
  g_assert_cmpint (g_stat (target, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0640);
  g_assert_true (g_file_test (link_name, G_FILE_TEST_IS_SYMLINK));
  g_assert_cmpuint (pd_picture_fixture_count (), ==, 2);
  umask (umask_before);
  pd_picture_fixture_empty ();
}

/* A signal while a picture is written ends the process as it would anyway, and leaves nothing. */
static void
test_signal (void)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (1500, 1500);
  g_autofree char *path = pd_picture_fixture_path ("out.png");
  const pid_t child = fork ();
  int status;

  if (child == 0)
    {
      signal (SIGTERM, SIG_DFL);
      for (;;)
        pd_png_save (picture, path, 16, NULL, NULL);
    }
  g_usleep (300000);
  g_assert_cmpint (kill (child, SIGTERM), ==, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGTERM);
  g_assert_cmpuint (pd_picture_fixture_count (), <=, 1);
  pd_picture_fixture_empty ();
}

int
main (int argc, char **argv)
{
  pd_picture_fixture_open (&argc, &argv);
  g_test_add_func ("/png-file/samples-8", test_samples_8);
  g_test_add_func ("/png-file/samples-16", test_samples_16);
  g_test_add_func ("/png-file/same-bytes", test_same_bytes);
  g_test_add_func ("/png-file/texts", test_texts);
  g_test_add_func ("/png-file/no-texts", test_no_texts);
  g_test_add_func ("/png-file/load-16", test_load_16);
  g_test_add_func ("/png-file/load-kinds", test_load_kinds);
  g_test_add_func ("/png-file/bad-output", test_bad_output);
  g_test_add_func ("/png-file/write-protected", test_write_protected);
  g_test_add_func ("/png-file/disk-full", test_disk_full);
  g_test_add_func ("/png-file/replace", test_replace);
  g_test_add_func ("/png-file/signal", test_signal);
  return pd_picture_fixture_run ();
}
