// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/pictures/profile.h"
#include "engine/base/host-memory.h"

#include <glib/gi18n-lib.h>
#include <lcms2.h>
#include <math.h>

enum
{
  ROWS = 64,     /* of pixels at once */
  SAMPLES = 256, /* of a curve that is judged */
  SHARE = 4096,  /* pixels that are worth a thread */
  GRID = 17,     /* colours an axis, of a space that is judged */
};

/* Beyond these gamma is no property of a display or a camera. */
static const double least_gamma = 0.05, greatest_gamma = 20;

/* Numbers in sRGB that a colour of a real space can have. */
static const float greatest_number = 16;

/* A nearly flat set of primaries holds no colours. */
static const double least_determinant = 1e-4, greatest_primary = 4;

static const cmsCIExyY srgb_white = { 0.3127, 0.329, 1 };
static const cmsCIExyYTRIPLE srgb_primaries = { { 0.64, 0.33, 1 },
                                                { 0.3, 0.6, 1 },
                                                { 0.15, 0.06, 1 } };

static void
close_profile (cmsHPROFILE profile)
{
  cmsCloseProfile (profile);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (cmsToneCurve, cmsFreeToneCurve)
typedef void Profile;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Profile, close_profile)

struct _PdProfile
{
  cmsHTRANSFORM to_linear; /* of four floats a pixel, to those of sRGB's light; the last is left */
  const Babl *from_linear; /* from there, in place */
  gboolean is_srgb;
};

static cmsToneCurve *
srgb_curve (void)
{
  const cmsFloat64Number parameters[5] = { 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045 };

  return cmsBuildParametricToneCurve (NULL, 4, parameters);
}

/* The space of "RGBA float". babl is much faster at the curves of sRGB than lcms2. */
static cmsHPROFILE
linear_srgb (void)
{
  g_autoptr (cmsToneCurve) line = cmsBuildGamma (NULL, 1);
  cmsToneCurve *curves[3] = { line, line, line };

  return cmsCreateRGBProfile (&srgb_white, &srgb_primaries, curves);
}

typedef struct
{
  const PdProfile *profile;
  const float *numbers;
  float *colors;
} Conversion;

static void
convert (gsize offset, gsize n, gpointer user_data)
{
  const Conversion *self = user_data;
  const float *numbers = self->numbers + 4 * offset;
  float *colors = self->colors + 4 * offset;

  cmsDoTransform (self->profile->to_linear, numbers, colors, (cmsUInt32Number) n);
  for (gsize i = 0; i < n; i++)
    colors[4 * i + 3] = numbers[4 * i + 3];
  babl_process (self->profile->from_linear, colors, colors, (long) n);
}

/* Rises from about black to about white. */
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
are_primaries (const cmsCIEXYZ *const c[3])
{
  double determinant;

  for (guint i = 0; i < 3; i++)
    if (!(MAX (MAX (fabs (c[i]->X), fabs (c[i]->Y)), fabs (c[i]->Z)) < greatest_primary))
      return FALSE;
  determinant = c[0]->X * (c[1]->Y * c[2]->Z - c[1]->Z * c[2]->Y) -
                c[1]->X * (c[0]->Y * c[2]->Z - c[0]->Z * c[2]->Y) +
                c[2]->X * (c[0]->Y * c[1]->Z - c[0]->Z * c[1]->Y);
  return fabs (determinant) > least_determinant;
}

/* What lcms2 would take as it is. Returns: NULL, or what is wrong with a profile's curves and
 * matrix, if it is made of those. */
static const char *
judge_parts (cmsHPROFILE profile, gboolean gray)
{
  static const cmsTagSignature curves[] = { cmsSigRedTRCTag, cmsSigGreenTRCTag, cmsSigBlueTRCTag };
  const cmsCIEXYZ *const colors[] = { cmsReadTag (profile, cmsSigRedColorantTag),
                                      cmsReadTag (profile, cmsSigGreenColorantTag),
                                      cmsReadTag (profile, cmsSigBlueColorantTag) };

  if (cmsIsTag (profile, cmsSigAToB0Tag) || cmsIsTag (profile, cmsSigAToB1Tag))
    return NULL;
  for (guint i = 0; i < (gray ? 1 : 3); i++)
    if (!is_curve (cmsReadTag (profile, gray ? cmsSigGrayTRCTag : curves[i])))
      return _ ("its curves do not rise from black to white");
  if (!gray && (colors[0] == NULL || colors[1] == NULL || colors[2] == NULL))
    return _ ("it has no readable matrix and curves");
  if (!gray && !are_primaries (colors))
    return _ ("its primary colours span no space");
  return NULL;
}

/* Looks at colours all over the space, whether sRGB has them and whether they are the same there.
 * Returns: NULL or what is wrong. */
static const char *
judge_colors (PdProfile *self, gboolean gray)
{
  self->is_srgb = TRUE;
  for (guint i = 0; i < (gray ? SAMPLES : GRID * GRID * GRID); i++)
    {
      float in[4] = { (float) (i / (GRID * GRID)) / (GRID - 1),
                      (float) (i / GRID % GRID) / (GRID - 1), (float) (i % GRID) / (GRID - 1) };
      float out[4] = { 0 };

      for (guint c = 0; gray && c < 3; c++)
        in[c] = (float) i / (SAMPLES - 1);
      convert (0, 1, &(Conversion){ self, in, out });
      for (guint c = 0; c < 3; c++)
        {
          if (!isfinite (out[c]) || fabsf (out[c]) > greatest_number)
            return _ ("its numbers are no colours");
          self->is_srgb = self->is_srgb && fabsf (out[c] - in[c]) < 1.0f / 255;
        }
    }
  return NULL;
}

static PdProfile *
new_of (cmsHPROFILE profile, const char **problem)
{
  const cmsColorSpaceSignature kind = cmsGetColorSpace (profile);
  const gboolean gray = kind == cmsSigGrayData;
  const cmsUInt32Number from = FLOAT_SH (1) | BYTES_SH (4) |
                               (gray ? COLORSPACE_SH (PT_GRAY) | CHANNELS_SH (1) | EXTRA_SH (3)
                                     : COLORSPACE_SH (PT_RGB) | CHANNELS_SH (3) | EXTRA_SH (1));
  g_autoptr (Profile) linear = NULL;
  g_autoptr (PdProfile) self = NULL;

  *problem = kind == cmsSigRgbData || gray ? judge_parts (profile, gray)
                                           : _ ("it is of neither RGB nor grey");
  if (*problem != NULL)
    return NULL;
  linear = linear_srgb ();
  self = g_new0 (PdProfile, 1);
  self->to_linear =
      cmsCreateTransform (profile, from, linear, TYPE_RGBA_FLT, INTENT_RELATIVE_COLORIMETRIC, 0);
  self->from_linear = babl_fish (babl_format ("RGBA float"), babl_format ("R'G'B'A float"));
  *problem = self->to_linear != NULL ? judge_colors (self, gray) : _ ("it is damaged");
  return *problem == NULL ? g_steal_pointer (&self) : NULL;
}

PdProfile *
pd_profile_new (gconstpointer bytes, gsize length, const char **problem)
{
  g_autoptr (Profile) profile = NULL;

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
  return new_of (profile, problem);
}

static gboolean
is_near (double a, double b)
{
  return fabs (a - b) < 0.01;
}

PdProfile *
pd_profile_new_of (double gamma, const double xy[8], const char **problem)
{
  const double exponent = gamma > 0 ? 1 / gamma : 1;
  g_autoptr (cmsToneCurve) curve = NULL;
  cmsToneCurve *curves[3];
  cmsCIExyY white = srgb_white;
  cmsCIExyYTRIPLE primaries = srgb_primaries;
  g_autoptr (Profile) profile = NULL;

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
  /* 1/2.2 stands for the curve of sRGB in files of old. */
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
  return new_of (profile, problem);
}

void
pd_profile_free (PdProfile *self)
{
  if (self == NULL)
    return;
  if (self->to_linear != NULL)
    cmsDeleteTransform (self->to_linear);
  g_free (self);
}

GeglBuffer *
pd_profile_apply (const PdProfile *self, GeglBuffer *picture, GError **error)
{
  const gboolean alpha = babl_format_has_alpha (gegl_buffer_get_format (picture));
  const Babl *rgba = babl_format ("R'G'B'A float");
  g_autofree float *numbers = NULL;
  g_autofree float *colors = NULL;
  GeglRectangle band = *gegl_buffer_get_extent (picture);
  const int height = band.height;
  Conversion conversion;
  GeglBuffer *converted;

  if (self->is_srgb)
    return g_object_ref (picture);
  numbers = pd_try_new (float, (gsize) 4 * band.width * ROWS, _ ("rows of the picture"), error);
  if (numbers == NULL)
    return NULL;
  colors = pd_try_new (float, (gsize) 4 * band.width * ROWS, _ ("rows of the picture"), error);
  if (colors == NULL)
    return NULL;
  conversion = (Conversion){ self, numbers, colors };
  converted = gegl_buffer_new (&band, alpha ? rgba : babl_format ("R'G'B' float"));
  for (; band.y < height; band.y += ROWS)
    {
      const gsize n = (gsize) band.width * (gsize) MIN (ROWS, height - band.y);

      band.height = MIN (ROWS, height - band.y);
      gegl_buffer_get (picture, &band, 1.0, rgba, numbers, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
      gegl_parallel_distribute_range (n, SHARE, convert, &conversion);
      gegl_buffer_set (converted, &band, 0, rgba, colors, GEGL_AUTO_ROWSTRIDE);
    }
  return converted;
}
