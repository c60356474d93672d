// SPDX-License-Identifier: GPL-3.0-or-later
/* What PNG files say beside their pixels: followed, passed over, and never more than it may cost.
 */
#include "engine/base/error.h"
#include "engine/pictures/notes.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "tests/fixtures/chunk-fixture.h"
#include "tests/fixtures/picture-fixture.h"

#include <lcms2.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum
{
  SLACK = 100 << 20, /* bytes that a picture may take beside what it takes without the extras */
};

static char *
store (const GByteArray *png)
{
  char *path = pd_picture_fixture_path ("made.png");

  g_assert_true (g_file_set_contents (path, (const char *) png->data, (gssize) png->len, NULL));
  return path;
}

static GeglBuffer *
load (const GByteArray *png)
{
  g_autofree char *path = store (png);
  g_autoptr (GError) error = NULL;
  GeglBuffer *picture = pd_picture_load (path, &error);

  g_assert_no_error (error);
  return picture;
}

static float *
first_pixel (GeglBuffer *picture)
{
  float *pixel = g_new (float, 4);

  gegl_buffer_get (picture, GEGL_RECTANGLE (0, 0, 1, 1), 1.0, babl_format ("R'G'B'A float"), pixel,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  return pixel;
}

static void
insert_numbers (GByteArray *png, const char *name, const guint32 *numbers, guint n)
{
  g_autofree guint32 *big = g_new (guint32, n);

  for (guint i = 0; i < n; i++)
    big[i] = GUINT32_TO_BE (numbers[i]);
  pd_chunk_fixture_insert (png, "IDAT", name, big, n * sizeof *big);
}

static double
srgb_from_light (double light)
{
  return light <= 0.0031308 ? 12.92 * light : 1.055 * pow (light, 1 / 2.4) - 0.055;
}

/* Of every kind and depth the samples are light to the power of gAMA. */
static void
test_gamma (void)
{
  static const guint32 gammas[] = { 100000, 70000, 55556, 25000 };
  static const guint types[] = { 0, 2, 4, 6 };
  static const guint channels[] = { 1, 3, 2, 4 };

  for (guint g = 0; g < G_N_ELEMENTS (gammas); g++)
    for (guint k = 0; k < G_N_ELEMENTS (types); k++)
      for (guint depth = 8; depth <= 16; depth += 8)
        {
          const gsize bytes = channels[k] * depth / 8;
          const double sample = depth == 8 ? 0x97 / 255.0 : 0x9797 / 65535.0;
          guchar pixel[8];
          g_autoptr (GByteArray) png = NULL;
          g_autoptr (GeglBuffer) picture = NULL;
          g_autofree float *found = NULL;

          memset (pixel, 0x97, sizeof pixel);
          png = pd_chunk_fixture_png (3, 5, depth, types[k], pixel, bytes);
          insert_numbers (png, "gAMA", &gammas[g], 1);
          picture = load (png);
          found = first_pixel (picture);
          for (guint c = 0; c < 3; c++)
            g_assert_cmpfloat_with_epsilon (
                found[c], srgb_from_light (pow (sample, 100000.0 / gammas[g])), 0.4 / 255);
        }
  pd_picture_fixture_empty ();
}

/* What says the same as sRGB, or comes after it or after a profile, changes nothing. */
static void
test_gamma_without_effect (void)
{
  static const guchar pixel[] = { 188, 40, 220 };
  static const guint32 linear = 100000, usual = 45455, nonsense = 30;
  const guint32 srgb[8] = { 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000 };
  const guchar intent = 0;

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GByteArray) png = pd_chunk_fixture_png (3, 5, 8, 2, pixel, 3);
      g_autoptr (GeglBuffer) picture = NULL;
      g_autofree float *found = NULL;

      if (i == 0)
        pd_chunk_fixture_insert (png, "IDAT", "sRGB", &intent, 1);
      insert_numbers (png, "gAMA", i == 0 ? &linear : i == 3 ? &nonsense : &usual, 1);
      if (i == 2)
        insert_numbers (png, "cHRM", srgb, 8);
      picture = load (png);
      g_assert_true (gegl_buffer_get_format (picture) == babl_format ("R'G'B' u8"));
      g_assert_cmpint (pd_notes_of (picture) != NULL, ==, i == 3);
    }
  pd_picture_fixture_empty ();
}

/* @green: of cHRM, in 1/100000 */
static void
check_primaries (const guint32 xy[8], const float expected[3])
{
  static const guchar pixel[] = { 0, 255, 0 };
  g_autoptr (GByteArray) png = pd_chunk_fixture_png (3, 5, 8, 2, pixel, 3);
  g_autoptr (GeglBuffer) picture = NULL;
  g_autofree float *found = NULL;

  insert_numbers (png, "cHRM", xy, 8);
  picture = load (png);
  found = first_pixel (picture);
  for (guint c = 0; c < 3; c++)
    g_assert_cmpfloat_with_epsilon (found[c], expected[c], 0.01);
}

static void
test_primaries (void)
{
  /* Display P3, whose green is outside sRGB (the curve goes on straight below 0); then primaries on
   * one line: not followed. */
  static const guint32 p3[8] = { 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000 };
  static const guint32 flat[8] = { 31270, 32900, 60000, 30000, 30000, 30000, 15000, 30000 };
  static const float p3_green[3] = { -2.903f, 1.0183f, -1.0158f }, green[3] = { 0, 1, 0 };

  check_primaries (p3, p3_green);
  check_primaries (flat, green);
  pd_picture_fixture_empty ();
}

/* A profile of samples whose light is their power of @exponent. */
static GBytes *
make_profile (gboolean gray, double exponent)
{
  cmsToneCurve *curve = cmsBuildGamma (NULL, exponent);
  cmsToneCurve *curves[3] = { curve, curve, curve };
  const cmsCIExyYTRIPLE primaries = { { 0.64, 0.33, 1 }, { 0.3, 0.6, 1 }, { 0.15, 0.06, 1 } };
  const cmsCIExyY white = { 0.3127, 0.329, 1 };
  cmsHPROFILE profile = gray ? cmsCreateGrayProfile (cmsD50_xyY (), curve)
                             : cmsCreateRGBProfile (&white, &primaries, curves);
  cmsUInt32Number length = 0;
  guchar *bytes;

  g_assert_true (cmsSaveProfileToMem (profile, NULL, &length));
  bytes = g_malloc (length);
  g_assert_true (cmsSaveProfileToMem (profile, bytes, &length));
  cmsCloseProfile (profile);
  cmsFreeToneCurve (curve);
  return g_bytes_new_take (bytes, length);
}

static void
insert_profile (GByteArray *png, gconstpointer profile, gsize length)
{
  g_autoptr (GBytes) packed = pd_chunk_fixture_deflate (profile, length);
  g_autoptr (GByteArray) data = g_byte_array_new ();

  g_byte_array_append (data, (const guchar *) "p\0", 3);
  g_byte_array_append (data, g_bytes_get_data (packed, NULL), (guint) g_bytes_get_size (packed));
  pd_chunk_fixture_insert (png, "IDAT", "iCCP", data->data, data->len);
}

/* Of colours and of grey, before gAMA; those that are damaged leave a note. */
static void
test_profile (void)
{
  static const guchar pixel[] = { 140, 140, 140 };
  static const guint32 linear = 100000;

  for (guint i = 0; i < 4; i++)
    {
      const gboolean gray = i & 1, damaged = i >= 2;
      g_autoptr (GByteArray) png =
          pd_chunk_fixture_png (3, 5, 8, gray ? 0 : 2, pixel, gray ? 1 : 3);
      g_autoptr (GBytes) profile = make_profile (gray, 1.6);
      g_autofree guchar *bytes =
          g_memdup2 (g_bytes_get_data (profile, NULL), g_bytes_get_size (profile));
      g_autoptr (GeglBuffer) picture = NULL;
      g_autofree float *found = NULL;

      if (damaged)
        memset (bytes + 132, 0xff, 200);
      insert_profile (png, bytes, g_bytes_get_size (profile));
      if (!damaged)
        insert_numbers (png, "gAMA", &linear, 1);
      picture = load (png);
      found = first_pixel (picture);
      g_assert_cmpfloat_with_epsilon (
          found[1], damaged ? 140 / 255.0 : srgb_from_light (pow (140 / 255.0, 1.6)), 0.4 / 255);
      g_assert_cmpint (pd_notes_of (picture) != NULL, ==, damaged);
      if (damaged)
        g_assert_nonnull (strstr (pd_notes_of (picture)->pdata[0], "colour profile"));
    }
  pd_picture_fixture_empty ();
}

/* @orientation: in an Exif block of either byte order */
static void
insert_exif (GByteArray *png, const char *before, guchar orientation, gboolean big)
{
  const guchar little_block[] = { 'I', 'I', 42, 0, 8, 0,           0, 0, 1, 0, 0x12, 1, 3,
                                  0,   1,   0,  0, 0, orientation, 0, 0, 0, 0, 0,    0, 0 };
  const guchar big_block[] = { 'M', 'M', 0, 42, 0, 0, 0,           8, 0, 1, 1, 0x12, 0,
                               3,   0,   0, 0,  1, 0, orientation, 0, 0, 0, 0, 0,    0 };

  pd_chunk_fixture_insert (png, before, "eXIf", big ? big_block : little_block,
                           sizeof little_block);
}

/* A picture of 2 × 3 pixels, each orientation before and behind the pixels: upright they are
 * 1 2 / 3 4 / 5 6, as files store them. */
static void
test_orientation (void)
{
  static const guchar upright[6] = { 1, 2, 3, 4, 5, 6 };
  static const struct
  {
    guint width, height;
    guchar stored[6];
  } kinds[8] = {
    { 2, 3, { 1, 2, 3, 4, 5, 6 } }, { 2, 3, { 2, 1, 4, 3, 6, 5 } }, { 2, 3, { 6, 5, 4, 3, 2, 1 } },
    { 2, 3, { 5, 6, 3, 4, 1, 2 } }, { 3, 2, { 1, 3, 5, 2, 4, 6 } }, { 3, 2, { 2, 4, 6, 1, 3, 5 } },
    { 3, 2, { 6, 4, 2, 5, 3, 1 } }, { 3, 2, { 5, 3, 1, 6, 4, 2 } },
  };

  for (guint k = 0; k < 16; k++)
    {
      const guint orientation = k % 8, width = kinds[orientation].width;
      g_autoptr (GeglBuffer) stored = pd_picture_new (width, 6 / width, "Y' u8"), picture = NULL;
      g_autoptr (GByteArray) png = g_byte_array_new ();
      g_autofree char *path = pd_picture_fixture_path ("stored.png");
      g_autofree guchar *bytes = NULL;
      guchar found[6];
      gsize length;

      gegl_buffer_set (stored, NULL, 0, NULL, kinds[orientation].stored, GEGL_AUTO_ROWSTRIDE);
      g_assert_true (pd_png_save (stored, path, 8, NULL, NULL));
      g_assert_true (g_file_get_contents (path, (char **) &bytes, &length, NULL));
      g_byte_array_append (png, bytes, (guint) length);
      insert_exif (png, k < 8 ? "IDAT" : "", (guchar) (orientation + 1), k & 1);
      picture = load (png);
      g_assert_cmpint (gegl_buffer_get_width (picture), ==, 2);
      g_assert_cmpint (gegl_buffer_get_height (picture), ==, 3);
      gegl_buffer_get (picture, NULL, 1.0, babl_format ("Y' u8"), found, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
      g_assert_cmpmem (found, 6, upright, 6);
    }
  pd_picture_fixture_empty ();
}

/* Larger than the tiles in which pictures are turned. */
static void
test_orientation_large (void)
{
  g_autoptr (GeglBuffer) stored = pd_picture_fixture_make (301, 257), picture = NULL;
  g_autofree char *path = pd_picture_fixture_path ("stored.png");
  g_autofree guchar *bytes = NULL;
  g_autofree float *before = NULL, *after = NULL;
  g_autoptr (GByteArray) png = g_byte_array_new ();
  g_autoptr (GeglBuffer) plain = NULL;
  gsize length;

  g_assert_true (pd_png_save (stored, path, 16, NULL, NULL));
  plain = pd_picture_load (path, NULL);
  before = pd_picture_fixture_pixels (plain);
  g_assert_true (g_file_get_contents (path, (char **) &bytes, &length, NULL));
  g_byte_array_append (png, bytes, (guint) length);
  insert_exif (png, "IDAT", 6, TRUE);
  picture = load (png);
  after = pd_picture_fixture_pixels (picture);
  for (int y = 0; y < 301; y++)
    for (int x = 0; x < 257; x++)
      g_assert_cmpfloat (after[(y * 257 + x) * 3 + 1], ==, before[((256 - x) * 301 + y) * 3 + 1]);
  pd_picture_fixture_empty ();
}

/* Address space in use, bytes. */
static gsize
address_space (void)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  return (gsize) g_ascii_strtoull (text, NULL, 10) * (gsize) sysconf (_SC_PAGESIZE);
}

/* Reads @png as a picture and for its text, with little memory beyond what there is. */
static void
check_bounded (const GByteArray *png)
{
  g_autofree char *path = store (png), *text = NULL;
  g_autoptr (GeglBuffer) picture = NULL;
  struct rlimit limit, small;

  g_assert_cmpint (getrlimit (RLIMIT_AS, &limit), ==, 0);
  small = limit;
  small.rlim_cur = address_space () + SLACK;
  g_assert_cmpint (setrlimit (RLIMIT_AS, &small), ==, 0);
  picture = pd_picture_load (path, NULL);
  text = pd_png_read_text (path, "parallel-diffusion", NULL);
  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
  g_assert_nonnull (picture);
}

/* Ancillary chunks of every name that libpng knows and one that it does not, at each place: long,
 * many, or small and of much when unpacked. */
static void
test_bombs (void)
{
  static const char *const names[] = { "tEXt", "zTXt", "iTXt", "sPLT", "iCCP", "eXIf", "hIST",
                                       "pCAL", "sCAL", "tRNS", "bKGD", "gAMA", "cHRM", "sRGB",
                                       "sBIT", "pHYs", "oFFs", "tIME", "zzZz" };
  static const char *const places[] = { "IDAT", "" };
  static const guchar pixel[] = { 10, 20, 30 };
  const gsize unpacked_bytes = 32 << 20;
  g_autofree guchar *zeros = g_malloc0 (unpacked_bytes);
  g_autoptr (GBytes) packed = pd_chunk_fixture_deflate (zeros, unpacked_bytes);
  g_autoptr (GByteArray) bomb = g_byte_array_new ();
  struct rlimit limit;

  getrlimit (RLIMIT_AS, &limit);
  g_byte_array_append (bomb, (const guchar *) "k\0", 3);
  g_byte_array_append (bomb, g_bytes_get_data (packed, NULL), (guint) g_bytes_get_size (packed));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint place = 0; place < G_N_ELEMENTS (places); place++)
      {
        g_autoptr (GByteArray) png = pd_chunk_fixture_png (9, 7, 8, 2, pixel, 3);

        for (guint k = 0; k < 8; k++)
          pd_chunk_fixture_insert (png, places[place], names[i], bomb->data, bomb->len);
        if (i < 3)
          pd_chunk_fixture_insert (png, places[place], names[i], zeros, 9 << 20);
        check_bounded (png);
      }
  pd_picture_fixture_empty ();
}

/* A length beyond the end of the file, in a chunk that is seen and in one that is not. */
static void
test_length (void)
{
  static const char *const names[] = { "zTXt", "gAMA", "IDAT", "tIME" };
  static const guchar pixel[] = { 10, 20, 30 };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GByteArray) png = pd_chunk_fixture_png (9, 7, 8, 2, pixel, 3);
      g_autofree char *path = NULL, *text = NULL;
      g_autoptr (GError) error = NULL;

      pd_chunk_fixture_insert (png, "IDAT", names[i], "parallel-diffusion\0\0", 21);
      memcpy (png->data + 33, "\x7f\xff\xff\x00", 4);
      path = store (png);
      g_assert_null (pd_picture_load (path, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
      g_assert_null (pd_png_read_text (path, "parallel-diffusion", NULL));
    }
  pd_picture_fixture_empty ();
}

/* Of many texts only the wanted one is read, and it must be short. */
static void
test_texts (void)
{
  static const guchar pixel[] = { 10, 20, 30 };
  g_autoptr (GByteArray) png = pd_chunk_fixture_png (9, 7, 8, 2, pixel, 3);
  g_autofree guchar *filler = g_malloc0 (3 << 20);
  g_autofree char *path = NULL, *text = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 50; i++)
    pd_chunk_fixture_insert (png, "IDAT", "tEXt", "other\0text", 10);
  pd_chunk_fixture_insert (png, "IDAT", "tEXt", "wanted\0first", 12);
  pd_chunk_fixture_insert (png, "IDAT", "tEXt", "wanted\0second", 13);
  path = store (png);
  text = pd_png_read_text (path, "wanted", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "first");
  memcpy (filler, "long\0", 5);
  pd_chunk_fixture_insert (png, "IDAT", "tEXt", filler, 3 << 20);
  g_free (path);
  path = store (png);
  g_assert_null (pd_png_read_text (path, "long", &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, "longer than 2 MiB"));
  pd_picture_fixture_empty ();
}

int
main (int argc, char **argv)
{
  pd_picture_fixture_open (&argc, &argv);
  g_test_add_func ("/png-load/gamma", test_gamma);
  g_test_add_func ("/png-load/gamma-without-effect", test_gamma_without_effect);
  g_test_add_func ("/png-load/primaries", test_primaries);
  g_test_add_func ("/png-load/profile", test_profile);
  g_test_add_func ("/png-load/orientation", test_orientation);
  g_test_add_func ("/png-load/orientation-large", test_orientation_large);
  g_test_add_func ("/png-load/bombs", test_bombs);
  g_test_add_func ("/png-load/length", test_length);
  g_test_add_func ("/png-load/texts", test_texts);
  return pd_picture_fixture_run ();
}
