// SPDX-License-Identifier: GPL-3.0-or-later
/* Colour profiles: good ones give the colours that lcms2 gives within sRGB, bad ones neither a
 * signal nor a number that is not finite. */
#include "engine/pictures/profile.h"

#include <gegl.h>
#include <lcms2.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  N = 52, /* pixels that are converted */
};

typedef enum
{
  GAMMA,
  PARAMETRIC,
  SHORT_TABLE,
  LONG_TABLE,
  N_CURVES,
} Curve;

static cmsToneCurve *
make_curve (Curve curve)
{
  static const cmsFloat64Number parameters[5] = { 2.2, 0.9, 0.1, 0.08, 0.04 };
  const guint n = curve == LONG_TABLE ? 20000 : 1024;
  g_autofree cmsUInt16Number *table = g_new (cmsUInt16Number, n);

  if (curve == GAMMA)
    return cmsBuildGamma (NULL, 1.7);
  if (curve == PARAMETRIC)
    return cmsBuildParametricToneCurve (NULL, 4, parameters);
  for (guint i = 0; i < n; i++)
    table[i] = (cmsUInt16Number) lrint (65535 * pow ((double) i / (n - 1), 1.5));
  return cmsBuildTabulatedToneCurve16 (NULL, n, table);
}

static GBytes *
make_profile (Curve curve, gboolean gray, double version)
{
  cmsToneCurve *tone = make_curve (curve);
  cmsToneCurve *curves[3] = { tone, tone, tone };
  const cmsCIExyYTRIPLE primaries = { { 0.7, 0.29, 1 }, { 0.2, 0.71, 1 }, { 0.14, 0.05, 1 } };
  const cmsCIExyY white = { 0.32, 0.335, 1 };
  cmsHPROFILE profile = gray ? cmsCreateGrayProfile (cmsD50_xyY (), tone)
                             : cmsCreateRGBProfile (&white, &primaries, curves);
  cmsUInt32Number length = 0;
  guchar *bytes;

  cmsSetProfileVersion (profile, version);
  g_assert_true (cmsSaveProfileToMem (profile, NULL, &length));
  bytes = g_malloc (length);
  g_assert_true (cmsSaveProfileToMem (profile, bytes, &length));
  cmsCloseProfile (profile);
  cmsFreeToneCurve (tone);
  return g_bytes_new_take (bytes, length);
}

/* @pixels, @found: N of R'G'B'A. */
static void
convert (const PdProfile *profile, const guchar *pixels, float *found)
{
  const GeglRectangle extent = { 0, 0, N, 1 };
  g_autoptr (GeglBuffer) picture = gegl_buffer_new (&extent, babl_format ("R'G'B'A u8"));
  g_autoptr (GeglBuffer) converted = NULL;
  g_autoptr (GError) error = NULL;

  gegl_buffer_set (picture, &extent, 0, NULL, pixels, GEGL_AUTO_ROWSTRIDE);
  converted = pd_profile_apply (profile, picture, &error);
  g_assert_no_error (error);
  gegl_buffer_get (converted, &extent, 1.0, babl_format ("R'G'B'A float"), found,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
}

/* Of four channels, so that what must not be changed is seen. */
static void
check_good (Curve curve, gboolean gray, double version)
{
  g_autoptr (GBytes) bytes = make_profile (curve, gray, version);
  gconstpointer data = g_bytes_get_data (bytes, NULL);
  const gsize length = g_bytes_get_size (bytes);
  cmsHPROFILE from = cmsOpenProfileFromMem (data, (guint) length), to = cmsCreate_sRGBProfile ();
  cmsHTRANSFORM transform =
      cmsCreateTransform (from, gray ? TYPE_GRAY_FLT : TYPE_RGB_FLT, to, TYPE_RGB_FLT,
                          INTENT_RELATIVE_COLORIMETRIC, cmsFLAGS_NOOPTIMIZE);
  const char *problem = NULL;
  g_autoptr (PdProfile) profile = pd_profile_new (data, length, &problem);
  guchar pixels[4 * N] = { 0 };
  float found[4 * N];

  g_assert_cmpstr (problem, ==, NULL);
  for (guint k = 0; k < N; k++)
    {
      pixels[4 * k] = (guchar) (5 * k);
      pixels[4 * k + 1] = (guchar) (gray ? 5 * k : 35 * k);
      pixels[4 * k + 2] = (guchar) (gray ? 5 * k : 255 - 5 * k);
      pixels[4 * k + 3] = (guchar) (255 - k);
    }
  convert (profile, pixels, found);
  for (guint k = 0; k < N; k++)
    {
      const guchar *pixel = pixels + 4 * k;
      const float in[3] = { pixel[0] / 255.0f, pixel[1] / 255.0f, pixel[2] / 255.0f };
      float expected[3];

      cmsDoTransform (transform, in, expected, 1);
      for (guint c = 0; c < 3; c++)
        g_assert_cmpfloat_with_epsilon (found[4 * k + c], expected[c], 1e-4);
      g_assert_cmpfloat_with_epsilon (found[4 * k + 3], pixel[3] / 255.0f, 1e-6);
    }
  cmsDeleteTransform (transform);
  cmsCloseProfile (from);
  cmsCloseProfile (to);
}

/* Every curve, of colours and of grey, in both versions of the format, many in one process. */
static void
test_good (void)
{
  for (guint i = 0; i < 4 * N_CURVES; i++)
    {
      g_test_message ("curve %u, %s, version %d", i / 4, i & 1 ? "grey" : "colours", i & 2 ? 2 : 4);
      check_good (i / 4, i & 1, i & 2 ? 2.1 : 4.3);
    }
}

/* In a process of its own. Returns: whether the profile was taken. */
static gboolean
try_profile (const guchar *bytes, gsize length)
{
  const pid_t child = fork ();
  int status;

  if (child == 0)
    {
      guchar pixels[4 * N];
      const char *problem = NULL;
      PdProfile *profile = pd_profile_new (bytes, length, &problem);
      float found[4 * N] = { 0 };

      for (guint i = 0; i < G_N_ELEMENTS (pixels); i++)
        pixels[i] = (guchar) (i * 77);
      if (profile != NULL)
        convert (profile, pixels, found);
      else if (problem == NULL)
        _exit (3);
      for (guint i = 0; i < G_N_ELEMENTS (found); i++)
        if (!isfinite (found[i]))
          _exit (2);
      _exit (profile != NULL);
    }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), <=, 1);
  return WEXITSTATUS (status) == 1;
}

/* Every field of 4 bytes, of the header, the list of tags and the tags, as other numbers; files cut
 * off. */
static void
test_damaged (void)
{
  const Curve curves[] = { SHORT_TABLE, PARAMETRIC };
  guint taken = 0, refused = 0;

  for (guint k = 0; k < G_N_ELEMENTS (curves); k++)
    {
      g_autoptr (GBytes) good = make_profile (curves[k], FALSE, 4.3);
      const gsize length = g_bytes_get_size (good);
      const guint32 numbers[] = { 0, 0x7fffffff, 0xffffffff, (guint32) length - 4 };

      for (gsize at = 0; at + 4 <= length; at += at < 300 ? 4 : 36)
        {
          const guint32 number = GUINT32_TO_BE (numbers[at / 4 % G_N_ELEMENTS (numbers)]);
          g_autofree guchar *bytes = g_memdup2 (g_bytes_get_data (good, NULL), length);

          memcpy (bytes + at, &number, sizeof number);
          *(try_profile (bytes, length) ? &taken : &refused) += 1;
        }
      for (gsize cut = 0; cut < length; cut += 97)
        try_profile (g_bytes_get_data (good, NULL), cut);
    }
  g_test_message ("%u taken, %u refused", taken, refused);
  g_assert_cmpuint (taken, >, 10);
  g_assert_cmpuint (refused, >, 10);
}

/* Curves that cannot be turned back and primaries that span nothing. */
static void
test_senseless (void)
{
  static const double exponents[] = { 0, -2, 1e-4, 1e6 };
  const char *problem;
  double xy[8] = { 0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06 };

  for (guint i = 0; i < G_N_ELEMENTS (exponents); i++)
    {
      cmsToneCurve *curve = cmsBuildGamma (NULL, exponents[i]);
      cmsHPROFILE profile = cmsCreateGrayProfile (cmsD50_xyY (), curve);
      cmsUInt32Number length = 0;
      g_autofree guchar *bytes = NULL;

      g_assert_true (cmsSaveProfileToMem (profile, NULL, &length));
      bytes = g_malloc (length);
      g_assert_true (cmsSaveProfileToMem (profile, bytes, &length));
      try_profile (bytes, length);
      cmsCloseProfile (profile);
      cmsFreeToneCurve (curve);
    }
  g_assert_null (pd_profile_new_of (1e-5, NULL, &problem));
  g_assert_nonnull (problem);
  g_assert_null (pd_profile_new_of (300, NULL, &problem));
  g_assert_nonnull (problem);
  xy[3] = 0;
  g_assert_null (pd_profile_new_of (1, xy, &problem));
  g_assert_nonnull (problem);
}

/* More spaces than libraries have room for, of files that differ in gamma alone. */
static void
test_many (void)
{
  for (guint i = 0; i < 150; i++)
    {
      const double exponent = 1.2 + i * 0.011;
      const char *problem = NULL;
      g_autoptr (PdProfile) profile = pd_profile_new_of (1 / exponent, NULL, &problem);
      guchar pixels[4 * N];
      float found[4 * N];
      double light;

      g_assert_nonnull (profile);
      memset (pixels, 128, sizeof pixels);
      convert (profile, pixels, found);
      light = pow (128 / 255.0, fabs (1 / exponent - 1 / 2.2) < 0.01 ? 2.2 : exponent);
      g_assert_cmpfloat_with_epsilon (found[1], 1.055 * pow (light, 1 / 2.4) - 0.055, 0.01);
    }
}

/* A file that names sRGB keeps its numbers and its depth. */
static void
test_srgb (void)
{
  static const double xy[8] = { 0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06 };
  const double versions[] = { 2.1, 4.3 };
  const char *problem = NULL;
  g_autoptr (PdProfile) told = pd_profile_new_of (0.45455, xy, &problem);
  g_autoptr (GeglBuffer) picture =
      gegl_buffer_new (GEGL_RECTANGLE (0, 0, 5, 3), babl_format ("R'G'B' u16"));
  GeglBuffer *same = pd_profile_apply (told, picture, NULL);

  g_assert_true (same == picture);
  g_object_unref (same);
  for (guint i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      cmsHPROFILE srgb = cmsCreate_sRGBProfile ();
      g_autoptr (PdProfile) profile = NULL;
      g_autofree guchar *bytes = NULL;
      cmsUInt32Number length = 0;

      cmsSetProfileVersion (srgb, versions[i]);
      cmsSaveProfileToMem (srgb, NULL, &length);
      bytes = g_malloc (length);
      g_assert_true (cmsSaveProfileToMem (srgb, bytes, &length));
      cmsCloseProfile (srgb);
      profile = pd_profile_new (bytes, length, &problem);
      same = pd_profile_apply (profile, picture, NULL);
      g_assert_true (same == picture);
      g_object_unref (same);
    }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  g_test_add_func ("/profile/good", test_good);
  g_test_add_func ("/profile/damaged", test_damaged);
  g_test_add_func ("/profile/senseless", test_senseless);
  g_test_add_func ("/profile/many", test_many);
  g_test_add_func ("/profile/srgb", test_srgb);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
