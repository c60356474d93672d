// SPDX-License-Identifier: GPL-3.0-or-later
/* Pictures from files of any kind, and in other sizes. */
#include "engine/base/error.h"
#include "engine/pictures/notes.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "tests/fixtures/picture-fixture.h"

#include <gdk-pixbuf/gdk-pixbuf.h>

static const char pixel_format[] = "R'G'B' float";

static void
test_load (void)
{
  g_autoptr (GeglBuffer) picture = pd_picture_fixture_make (19, 11);
  g_autoptr (GeglBuffer) loaded = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = pd_picture_fixture_path ("load.png");
  g_autofree float *pixels = NULL, *found = NULL;

  g_assert_true (pd_png_save (picture, path, 8, NULL, NULL));
  loaded = pd_picture_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gegl_buffer_get_width (loaded), ==, 19);
  g_assert_cmpuint (gegl_buffer_get_height (loaded), ==, 11);
  pixels = pd_picture_fixture_pixels (picture);
  found = pd_picture_fixture_pixels (loaded);
  for (guint i = 0; i < 19 * 11 * 3; i++)
    g_assert_cmpfloat_with_epsilon (found[i], CLAMP (pixels[i], 0.0f, 1.0f), 0.502 / 255);
  pd_picture_fixture_empty ();
}

/* The greys of a mask are numbers. */
static void
test_load_mask (void)
{
  g_autofree char *path = pd_picture_fixture_path ("mask.png");
  g_autoptr (GeglBuffer) greys = pd_picture_new (16, 3, "Y' u8"), mask = NULL;
  guchar saved[16 * 3];
  float found[16 * 3];

  for (int i = 0; i < 16 * 3; i++)
    saved[i] = (guchar) (i * 5);
  gegl_buffer_set (greys, NULL, 0, NULL, saved, GEGL_AUTO_ROWSTRIDE);
  g_assert_true (pd_png_save (greys, path, 8, NULL, NULL));
  mask = pd_picture_load_mask (path, NULL);
  gegl_buffer_get (mask, NULL, 1.0, babl_format ("Y float"), found, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  for (int i = 0; i < 16 * 3; i++)
    g_assert_cmpfloat_with_epsilon (found[i], saved[i] / 255.0, 1e-4);
  pd_picture_fixture_empty ();
}

static guint64
bytes_of_tiles (void)
{
  guint64 bytes;

  g_object_get (gegl_stats (), "tile-alloc-total", &bytes, NULL);
  return bytes;
}

/* What a mask does not show takes no memory, and what it shows at the corners of tiles is there. */
static void
test_load_large_mask (void)
{
  enum
  {
    SIDE = 2048,
    SHOWN = 300,
  };
  g_autofree char *path = pd_picture_fixture_path ("large-mask.png");
  g_autoptr (GeglBuffer) greys = pd_picture_new (SIDE, SIDE, "Y' u8"), mask = NULL;
  g_autofree float *found = g_new (float, SIDE *SIDE);
  const GeglRectangle shown = { 127, 500, SHOWN, SHOWN };
  guint64 before;

  gegl_buffer_set_color_from_pixel (greys, &shown, "\377", babl_format ("Y' u8"));
  g_assert_true (pd_png_save (greys, path, 8, NULL, NULL));
  g_clear_object (&greys);
  before = bytes_of_tiles ();
  mask = pd_picture_load_mask (path, NULL);
  g_assert_cmpuint (bytes_of_tiles () - before, <, SIDE * SIDE * sizeof (float) / 2);
  gegl_buffer_get (mask, NULL, 1.0, babl_format ("Y float"), found, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  for (int i = 0; i < SIDE * SIDE; i++)
    {
      const int x = i % SIDE - shown.x, y = i / SIDE - shown.y;

      g_assert_cmpfloat (found[i], ==, x >= 0 && x < SHOWN && y >= 0 && y < SHOWN);
    }
  pd_picture_fixture_empty ();
}

/* Reduced, a fine pattern becomes its mean, not one of its colours. */
static void
test_reduce (void)
{
  g_autofree float *stripes = g_new (float, 256 * 64), *found = g_new (float, 32 * 8);
  g_autoptr (GeglBuffer) picture = pd_picture_new (256, 64, "Y float"), reduced = NULL;

  for (int i = 0; i < 256 * 64; i++)
    stripes[i] = (float) (i % 256 % 4 < 2);
  gegl_buffer_set (picture, NULL, 0, NULL, stripes, GEGL_AUTO_ROWSTRIDE);
  reduced = pd_picture_scale (picture, 32, 8, "Y float");
  gegl_buffer_get (reduced, NULL, 1.0, NULL, found, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  for (int i = 0; i < 32 * 8; i++)
    if (i % 32 > 0 && i % 32 < 31)
      g_assert_cmpfloat_with_epsilon (found[i], 0.5, 0.1);
}

static void
test_load_jpeg (void)
{
  g_autoptr (GdkPixbuf) grey = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 40, 24);
  g_autofree char *path = pd_picture_fixture_path ("grey.jpg");
  g_autofree float *found = NULL;
  g_autoptr (GeglBuffer) loaded = NULL;
  g_autoptr (GError) error = NULL;

  gdk_pixbuf_fill (grey, 0x808080ff);
  g_assert_true (gdk_pixbuf_save (grey, path, "jpeg", NULL, NULL));
  loaded = pd_picture_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gegl_buffer_get_width (loaded), ==, 40);
  g_assert_cmpuint (gegl_buffer_get_height (loaded), ==, 24);
  found = pd_picture_fixture_pixels (loaded);
  for (guint i = 0; i < 40 * 24 * 3; i++)
    g_assert_cmpfloat_with_epsilon (found[i], 128.0 / 255, 2.0 / 255);
  pd_picture_fixture_empty ();
}

/* Linear light in the file must arrive as sRGB. */
static void
test_load_profile (void)
{
  g_autoptr (GdkPixbuf) grey = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 4, 4);
  g_autofree char *path = pd_picture_fixture_path ("linear.jpg");
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
  found = pd_picture_fixture_pixels (loaded);
  g_assert_cmpfloat_with_epsilon (found[0], 0.7366, 0.01);
  pd_picture_fixture_empty ();
}

static void
check_bad_input (const char *name, const void *bytes, gsize length, const char *message)
{
  g_autofree char *path = pd_picture_fixture_path (name);
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
  pd_picture_fixture_empty ();
}

/* What is said of a format that no loader knows names those that are. */
static void
test_unknown_format (void)
{
  static const char webp[] = "RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0";

  check_bad_input ("picture.xyz", "no format of anything at all", 28, "convert it to PNG");
  if (!gdk_pixbuf_get_formats ())
    return;
  check_bad_input ("picture.webp", webp, sizeof webp - 1, "be read");
  pd_picture_fixture_empty ();
}

/* Saves 16 × 16 pixels and reads them as a mask. The left
 * half has the first pair of @pixels, the right half the second. */
static float *
load_mask_of (const guchar pixels[2][4], char **note)
{
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, TRUE, 8, 16, 16);
  g_autofree char *path = pd_picture_fixture_path ("mask.png");
  g_autoptr (GeglBuffer) mask = NULL;
  g_autoptr (GError) error = NULL;
  float *values = g_new (float, 16 * 16);

  for (int i = 0; i < 16 * 16; i++)
    memcpy (gdk_pixbuf_get_pixels (pixbuf) + i / 16 * gdk_pixbuf_get_rowstride (pixbuf) +
                i % 16 * 4,
            pixels[i % 16 / 8], 4);
  g_assert_true (gdk_pixbuf_save (pixbuf, path, "png", &error, NULL));
  mask = pd_picture_load_mask (path, &error);
  g_assert_no_error (error);
  gegl_buffer_get (mask, NULL, 1.0, babl_format ("Y float"), values, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  *note = pd_notes_of (mask) ? g_strdup (pd_notes_of (mask)->pdata[0]) : NULL;
  return values;
}

/* Alpha multiplies a mask, or is the mask where its colour is the same everywhere; what hides under
 * alpha 0 does not count. */
static void
test_mask_alpha (void)
{
  static const struct
  {
    guchar pixels[2][4];
    float expected[2];
    gboolean noted;
  } kinds[] = {
    { { { 255, 255, 255, 255 }, { 255, 255, 255, 0 } }, { 1, 0 }, FALSE },
    { { { 255, 255, 255, 102 }, { 0, 0, 0, 0 } }, { 0.4f, 0 }, FALSE },
    { { { 0, 0, 0, 255 }, { 0, 0, 0, 0 } }, { 0, 1 }, TRUE },
    { { { 0, 0, 0, 51 }, { 255, 255, 255, 0 } }, { 0.8f, 1 }, TRUE },
    { { { 200, 30, 60, 204 }, { 9, 90, 200, 0 } }, { 0.8f, 0 }, TRUE },
    { { { 255, 255, 255, 255 }, { 0, 0, 0, 255 } }, { 1, 0 }, FALSE },
    { { { 255, 255, 255, 128 }, { 0, 0, 0, 255 } }, { 128 / 255.0f, 0 }, FALSE },
    { { { 0, 0, 0, 255 }, { 0, 0, 0, 255 } }, { 0, 0 }, FALSE },
    { { { 255, 255, 255, 0 }, { 255, 255, 255, 0 } }, { 0, 0 }, FALSE },
  };

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autofree char *note = NULL;
      g_autofree float *values = load_mask_of (kinds[k].pixels, &note);

      for (int i = 0; i < 16 * 16; i++)
        g_assert_cmpfloat_with_epsilon (values[i], kinds[k].expected[i % 16 / 8], 1e-4);
      g_assert_cmpint (note != NULL, ==, kinds[k].noted);
    }
  pd_picture_fixture_empty ();
}

/* Two files that differ only under alpha 0 are the same picture. */
static void
test_hidden (void)
{
  static const guchar colors[2][4] = { { 3, 200, 77, 0 }, { 255, 0, 9, 0 } };
  guchar found[2][4];

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, TRUE, 8, 1, 1);
      g_autofree char *path = pd_picture_fixture_path ("hidden.png");
      g_autoptr (GeglBuffer) picture = NULL;

      memcpy (gdk_pixbuf_get_pixels (pixbuf), colors[i], 4);
      g_assert_true (gdk_pixbuf_save (pixbuf, path, "png", NULL, NULL));
      picture = pd_picture_load (path, NULL);
      g_assert_true (pd_picture_forget_hidden (picture, NULL));
      gegl_buffer_get (picture, NULL, 1.0, babl_format ("R'G'B'A u8"), found[i],
                       GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
    }
  g_assert_cmpmem (found[0], 4, found[1], 4);
  pd_picture_fixture_empty ();
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
  found = pd_picture_fixture_pixels (scaled);
  for (int y = 0; y < 80; y++)
    for (int x = 0; x < 96; x++)
      g_assert_cmpfloat_with_epsilon (found[(y * 96 + x) * 3 + 1], ((float) x + 0.5f) / 96.0f,
                                      0.012);
}

int
main (int argc, char **argv)
{
  pd_picture_fixture_open (&argc, &argv);
  g_test_add_func ("/picture/load", test_load);
  g_test_add_func ("/picture/load-mask", test_load_mask);
  g_test_add_func ("/picture/load-large-mask", test_load_large_mask);
  g_test_add_func ("/picture/reduce", test_reduce);
  g_test_add_func ("/picture/load-jpeg", test_load_jpeg);
  g_test_add_func ("/picture/load-profile", test_load_profile);
  g_test_add_func ("/picture/load-bad", test_load_bad);
  g_test_add_func ("/picture/unknown-format", test_unknown_format);
  g_test_add_func ("/picture/mask-alpha", test_mask_alpha);
  g_test_add_func ("/picture/hidden", test_hidden);
  g_test_add_func ("/picture/scale", test_scale);
  return pd_picture_fixture_run ();
}
