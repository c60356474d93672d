// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include <lcms2.h>

#include "engine/pictures/orientation.h"
#include "engine/pictures/profile.h"
#include "tests/fuzz/fuzz-gegl.h"
#include "tests/fuzz/fuzz.h"

/* What a picture says of its colours and of how it was held. The input begins with a byte, its
 * Mode. */
typedef enum
{
  PROFILE,     /* an ICC profile */
  GAMMA,       /* a gamma, and where there is more, 8 chromaticities, in 100000ths as in a PNG */
  ORIENTATION, /* Exif */
  N_MODES,
} Mode;

static const char *const words[] = {
  "RGB ",
  "GRAY",
  "XYZ ",
  "Lab ",
  "mntr",
  "acsp",
  "para",
  "curv",
  "desc",
  "mluc",
  "mAB ",
  "rTRC",
  "gTRC",
  "bTRC",
  "kTRC",
  "rXYZ",
  "gXYZ",
  "bXYZ",
  "wtpt",
  "A2B0",
  "\xff\xff\xff\xff",
  "\x01\x01\x01\x01",
  "MM",
  "II*",
  "\x12\x01\x03",
  NULL,
};

static void
add_profile (GPtrArray *seeds, cmsHPROFILE profile)
{
  cmsUInt32Number length = 0;
  g_autofree char *bytes = NULL;

  g_assert_true (profile != NULL && cmsSaveProfileToMem (profile, NULL, &length));
  bytes = g_malloc (length);
  g_assert_true (cmsSaveProfileToMem (profile, bytes, &length));
  cmsCloseProfile (profile);
  pd_fuzz_add_seed (seeds, "\0", 1, bytes, (gssize) length);
}

static void
add_seeds (GPtrArray *seeds)
{
  static const guint32 numbers[9] = {
    45455, 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000
  };
  static const char big[] = "MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1\0\6\0";
  static const char little[] = "II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\3\0\0";
  const cmsCIExyY white = { 0.3127, 0.329, 1 };
  const cmsCIExyYTRIPLE primaries = { { 0.64, 0.33, 1 }, { 0.21, 0.71, 1 }, { 0.15, 0.06, 1 } };
  const guint16 table[] = { 0, 9000, 30000, 65535 };
  cmsToneCurve *curves[] = { cmsBuildGamma (NULL, 2.2),
                             cmsBuildTabulatedToneCurve16 (NULL, 4, table),
                             cmsBuildGamma (NULL, 1) };

  add_profile (seeds, cmsCreate_sRGBProfile ());
  add_profile (seeds, cmsCreateRGBProfile (&white, &primaries, curves));
  add_profile (seeds, cmsCreateGrayProfile (&white, curves[0]));
  add_profile (seeds, cmsCreateGrayProfile (&white, curves[1]));
  add_profile (seeds, cmsCreateLab4Profile (NULL));
  for (guint i = 0; i < G_N_ELEMENTS (curves); i++)
    cmsFreeToneCurve (curves[i]);
  pd_fuzz_add_seed (seeds, "\1", 1, numbers, sizeof numbers);
  pd_fuzz_add_seed (seeds, "\1", 1, numbers, sizeof numbers[0]);
  pd_fuzz_add_seed (seeds, "\2", 1, big, sizeof big);
  pd_fuzz_add_seed (seeds, "\2", 1, little, sizeof little);
}

const PdFuzzTarget pd_fuzz_target = { add_seeds, words };

/* A space gives colours for the numbers of a picture. */
static void
check_space (const PdProfile *profile, const char *problem)
{
  static const guint8 numbers[] = { 0,   0,   0, 255, 255, 255, 255, 255, 255, 0,  0,   255,
                                    128, 128, 0, 128, 1,   2,   3,   4,   77,  77, 200, 0 };
  const GeglRectangle extent = { 0, 0, sizeof numbers / 4, 1 };
  g_autoptr (GeglBuffer) picture = NULL, converted = NULL;
  float colors[sizeof numbers];
  g_autoptr (GError) error = NULL;

  g_assert_true ((profile == NULL) == (problem != NULL));
  if (profile == NULL)
    {
      g_assert_true (*problem != '\0' && g_utf8_validate (problem, -1, NULL));
      return;
    }
  picture = gegl_buffer_new (&extent, babl_format ("R'G'B'A u8"));
  gegl_buffer_set (picture, &extent, 0, NULL, numbers, GEGL_AUTO_ROWSTRIDE);
  converted = pd_profile_apply (profile, picture, &error);
  pd_fuzz_check (converted != NULL, error);
  gegl_buffer_get (converted, &extent, 1.0, babl_format ("R'G'B'A float"), colors,
                   GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  for (guint i = 0; i < G_N_ELEMENTS (colors); i++)
    g_assert_true (isfinite (colors[i]));
}

static PdProfile *
read_numbers (const uint8_t *data, gsize size, const char **problem)
{
  double numbers[9] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (numbers) && (i + 1) * sizeof (guint32) <= size; i++)
    {
      guint32 number;

      memcpy (&number, data + i * sizeof number, sizeof number);
      numbers[i] = number % (1u << 31) / 1e5;
    }
  return pd_profile_new_of (numbers[0], size >= sizeof (guint32) * 9 ? numbers + 1 : NULL, problem);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *problem = NULL;
  g_autoptr (PdProfile) profile = NULL;
  guint orientation;

  pd_fuzz_gegl_start ();
  if (size == 0)
    return 0;
  switch (data[0] % N_MODES)
    {
    case PROFILE:
      profile = pd_profile_new (data + 1, size - 1, &problem);
      check_space (profile, problem);
      break;
    case GAMMA:
      profile = read_numbers (data + 1, size - 1, &problem);
      check_space (profile, problem);
      break;
    case ORIENTATION:
    default:
      orientation = pd_orientation_of_exif (data + 1, size - 1);
      g_assert_true (orientation >= 1 && orientation <= 8);
    }
  return 0;
}
