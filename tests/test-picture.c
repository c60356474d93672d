// SPDX-License-Identifier: GPL-3.0-or-later
/* Pictures and their PNG files. */
#include "engine/error.h"
#include "engine/picture.h"
#include "engine/png-file.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <gegl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <png.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char pixel_format[] = "R'G'B' float";

static char *folder;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static guint
count_files (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
empty_folder (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *path = in_folder (name);

      g_remove (path);
    }
}

/* Every channel another value; the first pixels lie outside [0, 1]. */
static GeglBuffer *
make_picture (guint width, guint height)
{
  gsize n = (gsize) width * height * 3;
  g_autofree float *pixels = g_new (float, n);
  GeglBuffer *picture = pd_picture_new (width, height, pixel_format);

  for (gsize i = 0; i < n; i++)
    pixels[i] = (float) (i * 7919 % 65536) / 65535.0f;
  pixels[0] = -0.5f;
  pixels[1] = 1.5f;
  gegl_buffer_set (picture, NULL, 0, NULL, pixels, GEGL_AUTO_ROWSTRIDE);
  return picture;
}

/* Returns: (transfer full) as "R'G'B' float". */
static float *
pixels_of (GeglBuffer *picture)
{
  float *pixels =
      g_new (float, (gsize) gegl_buffer_get_width (picture) * gegl_buffer_get_height (picture) * 3);

  gegl_buffer_get (picture, NULL, 1.0, babl_format (pixel_format), pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return pixels;
}

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
  g_autoptr (GeglBuffer) picture = make_picture (61, 37);
  g_autofree char *path = in_folder ("samples.png");
  g_autofree guint16 *samples = NULL;
  g_autofree float *pixels = NULL;
  g_autoptr (GError) error = NULL;
  guint width;
  guint height;
  int found_depth;

  g_assert_true (pd_png_save (picture, path, depth, NULL, &error));
  g_assert_no_error (error);
  pixels = pixels_of (picture);
  samples = read_samples (path, &width, &height, &found_depth);
  g_assert_cmpuint (width, ==, 61);
  g_assert_cmpuint (height, ==, 37);
  g_assert_cmpint (found_depth, ==, depth);
  for (guint i = 0; i < width * height * 3; i++)
    {
      float expected = CLAMP (pixels[i], 0.0f, 1.0f) * (depth == 16 ? 65535 : 255);

      g_assert_cmpfloat_with_epsilon (samples[i], expected, 0.502);
    }
  empty_folder ();
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
  g_autoptr (GeglBuffer) picture = make_picture (64, 64);
  g_autofree char *first = in_folder ("first.png");
  g_autofree char *second = in_folder ("second.png");
  g_autofree char *first_bytes = NULL;
  g_autofree char *second_bytes = NULL;
  gsize first_length;
  gsize second_length;

  g_assert_true (pd_png_save (picture, first, 8, NULL, NULL));
  g_assert_true (pd_png_save (picture, second, 8, NULL, NULL));
  g_assert_true (g_file_get_contents (first, &first_bytes, &first_length, NULL));
  g_assert_true (g_file_get_contents (second, &second_bytes, &second_length, NULL));
  g_assert_cmpmem (first_bytes, first_length, second_bytes, second_length);
  empty_folder ();
}

static void
test_texts (void)
{
  g_autoptr (GeglBuffer) picture = make_picture (3, 2);
  g_autofree char *path = in_folder ("texts.png");
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
  empty_folder ();
}

static void
check_no_text (const char *name, const void *bytes, gsize length, const char *message)
{
  g_autofree char *path = in_folder (name);
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
  g_autoptr (GeglBuffer) picture = make_picture (3, 2);
  const char *const texts[] = { "parallel-diffusion", "{\"steps\": 30}", NULL };
  g_autofree char *path = in_folder ("plain.png");
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
  empty_folder ();
}

static void
test_load (void)
{
  g_autoptr (GeglBuffer) picture = make_picture (19, 11);
  g_autoptr (GeglBuffer) loaded = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in_folder ("load.png");
  g_autofree float *pixels = NULL, *found = NULL;

  g_assert_true (pd_png_save (picture, path, 8, NULL, NULL));
  loaded = pd_picture_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gegl_buffer_get_width (loaded), ==, 19);
  g_assert_cmpuint (gegl_buffer_get_height (loaded), ==, 11);
  pixels = pixels_of (picture);
  found = pixels_of (loaded);
  for (guint i = 0; i < 19 * 11 * 3; i++)
    g_assert_cmpfloat_with_epsilon (found[i], CLAMP (pixels[i], 0.0f, 1.0f), 0.502 / 255);
  empty_folder ();
}

static void
test_load_jpeg (void)
{
  g_autoptr (GdkPixbuf) grey = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 40, 24);
  g_autofree char *path = in_folder ("grey.jpg");
  g_autofree float *found = NULL;
  g_autoptr (GeglBuffer) loaded = NULL;
  g_autoptr (GError) error = NULL;

  gdk_pixbuf_fill (grey, 0x808080ff);
  g_assert_true (gdk_pixbuf_save (grey, path, "jpeg", NULL, NULL));
  loaded = pd_picture_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gegl_buffer_get_width (loaded), ==, 40);
  g_assert_cmpuint (gegl_buffer_get_height (loaded), ==, 24);
  found = pixels_of (loaded);
  for (guint i = 0; i < 40 * 24 * 3; i++)
    g_assert_cmpfloat_with_epsilon (found[i], 128.0 / 255, 2.0 / 255);
  empty_folder ();
}

/* Linear light in the file must arrive as sRGB. */
static void
test_load_profile (void)
{
  g_autoptr (GdkPixbuf) grey = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 4, 4);
  g_autofree char *path = in_folder ("linear.jpg");
  g_autofree float *found = NULL;
  g_autofree char *base64 = NULL;
  g_autoptr (GeglBuffer) loaded = NULL;
  g_autoptr (GError) error = NULL;
  const Babl *linear = babl_space_with_trc (babl_space ("sRGB"), babl_trc ("linear"));
  int length;
  const char *profile = babl_space_get_icc (linear, &length);

  base64 = g_base64_encode ((const guchar *) profile, length);
  gdk_pixbuf_fill (grey, 0x808080ff);
  g_assert_true (gdk_pixbuf_save (grey, path, "jpeg", &error, "icc-profile", base64, NULL));
  loaded = pd_picture_load (path, &error);
  g_assert_no_error (error);
  found = pixels_of (loaded);
  g_assert_cmpfloat_with_epsilon (found[0], 0.7366, 0.01);
  empty_folder ();
}

static void
check_bad_input (const char *name, const void *bytes, gsize length, const char *message)
{
  g_autofree char *path = in_folder (name);
  g_autoptr (GError) error = NULL;

  if (bytes)
    g_assert_true (g_file_set_contents (path, bytes, (gssize) length, NULL));
  g_assert_null (pd_picture_load (path, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, message));
}

static void
test_load_bad (void)
{
  g_autoptr (GdkPixbuf) noise = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 100, 100);
  /* 70000 x 1 */
  static const guchar huge[] = { 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00,
                                 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x01, 0x11, 0x70, 0x00, 0x00,
                                 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x7d, 0x21, 0xea, 0x1c,
                                 0x00, 0x00, 0x00, 0x09, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63,
                                 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x5e, 0xff, 0x7d, 0xf9, 0x00,
                                 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82 };
  static const char *const types[] = { "png", "jpeg" };

  check_bad_input ("missing.png", NULL, 0, "No such file");
  check_bad_input ("", NULL, 0, "cannot be read");
  check_bad_input ("empty.png", "", 0, "no data");
  check_bad_input ("text.png", "hello, this is no picture", 25, "PNG");
  check_bad_input ("huge.png", huge, sizeof huge, "70000 × 1 pixels");
  for (int i = 0; i < 100 * 100 * 3; i++)
    gdk_pixbuf_get_pixels (noise)[i / 300 * gdk_pixbuf_get_rowstride (noise) + i % 300] =
        (guchar) (i * 7919 >> 3);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autofree char *bytes = NULL;
      gsize length;

      g_assert_true (gdk_pixbuf_save_to_buffer (noise, &bytes, &length, types[i], NULL, NULL));
      check_bad_input ("cut", bytes, 100, "cannot be read");
    }
  empty_folder ();
}

static void
test_scale (void)
{
  g_autofree float *ramp = g_new (float, 64 * 32 * 3), *found = NULL;
  g_autoptr (GeglBuffer) picture = NULL;
  g_autoptr (GeglBuffer) scaled = NULL;

  for (int y = 0; y < 32; y++)
    for (int x = 0; x < 64; x++)
      for (int c = 0; c < 3; c++)
        ramp[(y * 64 + x) * 3 + c] = ((float) x + 0.5f) / 64.0f;
  picture = pd_picture_new (64, 32, pixel_format);
  gegl_buffer_set (picture, NULL, 0, NULL, ramp, GEGL_AUTO_ROWSTRIDE);
  scaled = pd_picture_scale (picture, 96, 80, pixel_format);
  g_assert_cmpuint (gegl_buffer_get_width (scaled), ==, 96);
  g_assert_cmpuint (gegl_buffer_get_height (scaled), ==, 80);
  found = pixels_of (scaled);
  for (int y = 0; y < 80; y++)
    for (int x = 0; x < 96; x++)
      g_assert_cmpfloat_with_epsilon (found[(y * 96 + x) * 3 + 1], ((float) x + 0.5f) / 96.0f,
                                      0.012);
}

static void
check_bad_output (const char *path, const char *message)
{
  g_autoptr (GeglBuffer) picture = make_picture (3, 2);
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
  g_autofree char *no_folder = in_folder ("absent/out.png");
  g_autofree char *directory = in_folder ("directory.png");
  g_autofree char *device = in_folder ("device.png");
  g_autofree char *jpeg = in_folder ("out.jpg");

  g_assert_cmpint (g_mkdir (directory, 0777), ==, 0);
  g_assert_cmpint (symlink ("/dev/null", device), ==, 0);
  check_bad_output (no_folder, "absent; create it first");
  check_bad_output (directory, "not a file");
  check_bad_output (device, "not a file");
  check_bad_output (jpeg, "must end in .png");
  check_bad_output ("", "must end in .png");
  g_assert_cmpuint (count_files (), ==, 2);
  empty_folder ();
}

static void
test_write_protected (void)
{
  g_autofree char *path = in_folder ("out.png");

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
  empty_folder ();
}

/* A disk that fills up half way: the old file stays, nothing else is left. */
static void
test_disk_full (void)
{
  g_autoptr (GeglBuffer) picture = make_picture (200, 200);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = in_folder ("out.png");
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
  g_assert_true (g_file_get_contents (path, &old, NULL, NULL));
  g_assert_cmpstr (old, ==, "old");
  g_assert_cmpuint (count_files (), ==, 1);
  empty_folder ();
}

/* What was there keeps its permissions, a symbolic link stays one, a new file obeys the umask. */
static void
test_replace (void)
{
  g_autoptr (GeglBuffer) picture = make_picture (3, 2);
  g_autofree char *target = in_folder ("target.png");
  g_autofree char *link_name = in_folder ("link.png");
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
  g_assert_cmpuint (count_files (), ==, 2);
  umask (umask_before);
  empty_folder ();
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  folder = g_dir_make_tmp ("pd-picture-XXXXXX", NULL);
  g_test_add_func ("/picture/samples-8", test_samples_8);
  g_test_add_func ("/picture/samples-16", test_samples_16);
  g_test_add_func ("/picture/same-bytes", test_same_bytes);
  g_test_add_func ("/picture/texts", test_texts);
  g_test_add_func ("/picture/no-texts", test_no_texts);
  g_test_add_func ("/picture/load", test_load);
  g_test_add_func ("/picture/load-jpeg", test_load_jpeg);
  g_test_add_func ("/picture/load-profile", test_load_profile);
  g_test_add_func ("/picture/load-bad", test_load_bad);
  g_test_add_func ("/picture/scale", test_scale);
  g_test_add_func ("/picture/bad-output", test_bad_output);
  g_test_add_func ("/picture/write-protected", test_write_protected);
  g_test_add_func ("/picture/disk-full", test_disk_full);
  g_test_add_func ("/picture/replace", test_replace);
  status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  gegl_exit ();
  return status;
}
