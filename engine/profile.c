// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/profile.h"

#include <glib/gi18n-lib.h>
#include <lcms2.h>
#include <math.h>
#include <string.h>

enum
{
  SAMPLES = 256,  /* of a curve that is judged */
  ENTRIES = 4096, /* of a curve that babl is given */
};

/* Beyond these gamma is no property of a display or a camera. */
static const double least_gamma = 0.05, greatest_gamma = 20;

/* A nearly flat set of primaries cannot be turned back. */
static const double least_determinant = 1e-4, greatest_primary = 4;

static void
close_profile (cmsHPROFILE profile)
{
  cmsCloseProfile (profile);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (cmsToneCurve, cmsFreeToneCurve)
typedef void Profile;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Profile, close_profile)

/* What babl needs to know. The curves are borrowed. */
typedef struct
{
  cmsCIEXYZ white, colors[3]; /* relative to D50 */
  const cmsToneCurve *curves[3];
} Space;

static const cmsCIEXYZ srgb_colors[3] = { { 0.4360747, 0.2225045, 0.0139322 },
                                          { 0.3850649, 0.7168786, 0.0971045 },
                                          { 0.1430804, 0.0606169, 0.7141733 } };

static cmsToneCurve *
srgb_curve (void)
{
  const cmsFloat64Number parameters[5] = { 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045 };

  return cmsBuildParametricToneCurve (NULL, 4, parameters);
}

/* Rises from about black to about white, so that it can be turned back. */
static gboolean
is_curve (const cmsToneCurve *curve)
{
  float before = 0, first = 0;

  if (curve == NULL)
    return FALSE;
  for (guint i = 0; i <= SAMPLES; i++)
    {
      float value = cmsEvalToneCurveFloat (curve, (float) i / SAMPLES);

      if (!isfinite (value) || value < -0.1f || value > 1.1f || (i > 0 && value < before - 1e-4f))
        return FALSE;
      first = i == 0 ? value : first;
      before = value;
    }
  return before - first > 0.5f;
}

static gboolean
are_primaries (const cmsCIEXYZ *c)
{
  double determinant = c[0].X * (c[1].Y * c[2].Z - c[1].Z * c[2].Y) -
                       c[1].X * (c[0].Y * c[2].Z - c[0].Z * c[2].Y) +
                       c[2].X * (c[0].Y * c[1].Z - c[0].Z * c[1].Y);

  for (guint i = 0; i < 3; i++)
    if (!(MAX (MAX (fabs (c[i].X), fabs (c[i].Y)), fabs (c[i].Z)) < greatest_primary))
      return FALSE;
  return fabs (determinant) > least_determinant;
}

/* (transfer full) The same curve; as a table of a length between whose entries babl, which takes
 * the nearest, does not err, and which it works off in no time. */
static cmsToneCurve *
babl_curve (const cmsToneCurve *curve)
{
  g_autofree float *values = NULL;

  if (cmsGetToneCurveParametricType (curve) != 0)
    return cmsDupToneCurve (curve);
  values = g_new (float, ENTRIES);
  for (guint i = 0; i < ENTRIES; i++)
    values[i] = cmsEvalToneCurveFloat (curve, (float) i / (ENTRIES - 1));
  return cmsBuildTabulatedToneCurveFloat (NULL, ENTRIES, values);
}

/* A profile of nothing but the space. */
static GByteArray *
write_profile (const Space *space)
{
  static const cmsTagSignature colors[] = { cmsSigRedColorantTag, cmsSigGreenColorantTag,
                                            cmsSigBlueColorantTag };
  static const cmsTagSignature curves[] = { cmsSigRedTRCTag, cmsSigGreenTRCTag, cmsSigBlueTRCTag };
  g_autoptr (Profile) profile = cmsCreateProfilePlaceholder (NULL);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  cmsUInt32Number length = 0;
  gboolean good = profile != NULL;

  if (!good)
    return NULL;
  cmsSetProfileVersion (profile, 4.3);
  cmsSetDeviceClass (profile, cmsSigDisplayClass);
  cmsSetColorSpace (profile, cmsSigRgbData);
  cmsSetPCS (profile, cmsSigXYZData);
  good = cmsWriteTag (profile, cmsSigMediaWhitePointTag, &space->white);
  for (guint i = 0; i < 3 && good; i++)
    {
      g_autoptr (cmsToneCurve) curve = babl_curve (space->curves[i]);

      good = curve != NULL && cmsWriteTag (profile, colors[i], &space->colors[i]) &&
             cmsWriteTag (profile, curves[i], curve);
    }
  if (!good || !cmsSaveProfileToMem (profile, NULL, &length))
    return NULL;
  g_byte_array_set_size (bytes, length);
  return cmsSaveProfileToMem (profile, bytes->data, &length) ? g_steal_pointer (&bytes) : NULL;
}

static const Babl *
make_space (const Space *space, const char **problem)
{
  g_autoptr (GByteArray) bytes = NULL;
  const Babl *babl = NULL;

  for (guint i = 0; i < 3; i++)
    if (!is_curve (space->curves[i]))
      {
        *problem = _ ("its curves do not rise from black to white");
        return NULL;
      }
  if (!are_primaries (space->colors))
    {
      *problem = _ ("its primary colours span no space");
      return NULL;
    }
  bytes = write_profile (space);
  if (bytes != NULL)
    babl = babl_space_from_icc ((const char *) bytes->data, (int) bytes->len,
                                BABL_ICC_INTENT_RELATIVE_COLORIMETRIC, problem);
  if (babl == NULL)
    *problem = _ ("there is no memory for it");
  return babl;
}

static const Babl *
rgb_space (cmsHPROFILE profile, const char **problem)
{
  const cmsCIEXYZ *const colors[] = { cmsReadTag (profile, cmsSigRedColorantTag),
                                      cmsReadTag (profile, cmsSigGreenColorantTag),
                                      cmsReadTag (profile, cmsSigBlueColorantTag) };
  Space space = { .white = *cmsD50_XYZ (),
                  .curves = { cmsReadTag (profile, cmsSigRedTRCTag),
                              cmsReadTag (profile, cmsSigGreenTRCTag),
                              cmsReadTag (profile, cmsSigBlueTRCTag) } };

  for (guint i = 0; i < 3; i++)
    {
      if (colors[i] == NULL || space.curves[i] == NULL)
        {
          *problem = _ ("it has no readable matrix and curves");
          return NULL;
        }
      space.colors[i] = *colors[i];
    }
  return make_space (&space, problem);
}

static const Babl *
gray_space (cmsHPROFILE profile, const char **problem)
{
  const cmsToneCurve *curve = cmsReadTag (profile, cmsSigGrayTRCTag);
  Space space = { .white = *cmsD50_XYZ (), .curves = { curve, curve, curve } };

  if (curve == NULL || cmsGetPCS (profile) != cmsSigXYZData)
    {
      *problem = _ ("it has no readable curve");
      return NULL;
    }
  memcpy (space.colors, srgb_colors, sizeof srgb_colors);
  return make_space (&space, problem);
}

const Babl *
pd_profile_space (gconstpointer bytes, gsize length, const char **problem)
{
  g_autoptr (Profile) profile = NULL;

  *problem = NULL;
  if (length > PD_PROFILE_MOST)
    {
      *problem = _ ("it is larger than 4 MiB");
      return NULL;
    }
  profile = cmsOpenProfileFromMem (bytes, (cmsUInt32Number) length);
  if (profile == NULL)
    {
      *problem = _ ("it is damaged");
      return NULL;
    }
  switch (cmsGetColorSpace (profile))
    {
    case cmsSigRgbData:
      return rgb_space (profile, problem);
    case cmsSigGrayData:
      return gray_space (profile, problem);
    default:
      *problem = _ ("it is of neither RGB nor grey");
      return NULL;
    }
}

static gboolean
is_near (double a, double b)
{
  return fabs (a - b) < 0.01;
}

static gboolean
is_srgb (double gamma, const double xy[8])
{
  static const double srgb[8] = { 0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06 };

  for (guint i = 0; xy != NULL && i < 8; i++)
    if (!is_near (xy[i], srgb[i]))
      return FALSE;
  /* 1/2.2 stands for the curve of sRGB in files of old. */
  return gamma == 0 || is_near (gamma, 1 / 2.2);
}

const Babl *
pd_profile_space_of (double gamma, const double xy[8], const char **problem)
{
  const double exponent = gamma > 0 ? 1 / gamma : 1;
  g_autoptr (cmsToneCurve) curve = NULL;
  g_autoptr (Profile) profile = NULL;
  cmsToneCurve *curves[3];
  cmsCIExyY white = { .x = 0.3127, .y = 0.329, .Y = 1 };
  cmsCIExyYTRIPLE primaries = { { 0.64, 0.33, 1 }, { 0.3, 0.6, 1 }, { 0.15, 0.06, 1 } };

  *problem = NULL;
  if (is_srgb (gamma, xy))
    return NULL;
  for (guint i = 1; xy != NULL && i < 8; i += 2)
    if (xy[i] < 1e-5)
      {
        *problem = _ ("its primary colours span no space");
        return NULL;
      }
  if (exponent < least_gamma || exponent > greatest_gamma)
    {
      *problem = _ ("its gamma is out of range");
      return NULL;
    }
  curve = gamma == 0 || is_near (gamma, 1 / 2.2) ? srgb_curve ()
                                                 : cmsBuildParametricToneCurve (NULL, 1, &exponent);
  for (guint i = 0; i < 3; i++)
    curves[i] = curve;
  if (xy != NULL)
    {
      white = (cmsCIExyY){ xy[0], xy[1], 1 };
      primaries =
          (cmsCIExyYTRIPLE){ { xy[2], xy[3], 1 }, { xy[4], xy[5], 1 }, { xy[6], xy[7], 1 } };
    }
  profile = cmsCreateRGBProfile (&white, &primaries, curves);
  if (profile == NULL)
    {
      *problem = _ ("its primary colours span no space");
      return NULL;
    }
  return rgb_space (profile, problem);
}
