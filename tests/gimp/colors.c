// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/colors.h"
#include "tests/gimp/call.h"
#include "tests/gimp/picture.h"
#include "tests/gimp/tap.h"

#include <libgimp/gimp.h>

static const GeglRectangle extent = { 0, 0, 64, 64 };

/* What a gray picture becomes, as sRGB. profile: that the picture is brought into, NULL: none */
static Pixels
made_from_gray (gint precision, GimpColorProfile *profile, const char *mode)
{
  g_autofree char *message = NULL;
  Pixels pixels = { 0 };
  gint32 layer, made;
  gint32 image = picture_new (GIMP_GRAY, precision, TRUE, &extent, &layer);

  if (profile)
    gimp_image_convert_color_profile (image, profile,
                                      GIMP_COLOR_RENDERING_INTENT_RELATIVE_COLORIMETRIC, FALSE);
  made = call (image, layer, "a", mode, 0.3, quick, &message);
  if (made == -1)
    tap_fail ("%s: %s", mode, message);
  else
    {
      const gint32 in = gimp_item_get_image (made);

      if (profile)
        {
          /* Deep enough for a way back without a loss. */
          gimp_image_convert_precision (in, GIMP_PRECISION_FLOAT_GAMMA);
          gimp_image_convert_rgb (in);
        }
      pixels = pixels_read (made, "R'G'B' float");
      if (in != image)
        gimp_image_delete (in);
    }
  gimp_image_delete (image);
  return pixels;
}

/* tolerance: of the mean difference; single pixels may differ more, as the model is sensitive to
 * what rounding changes. */
static void
expect_alike (const Pixels *a, const Pixels *b, double tolerance)
{
  const gsize n = a->size / sizeof (float);
  double sum = 0.0;

  if (!tap_expect (a->bytes && b->bytes && a->size == b->size, "both have a result"))
    return;
  for (gsize i = 0; i < n; i++)
    sum += ABS (((float *) a->bytes)[i] - ((float *) b->bytes)[i]);
  if (!(sum / (double) n <= tolerance))
    tap_fail ("colours differ by %g in the mean", sum / (double) n);
}

/* The same picture with and without a profile, through every kind of number. */
static void
check_gray_profiles (void)
{
  static const gint precisions[] = { GIMP_PRECISION_U8_GAMMA,   GIMP_PRECISION_U16_GAMMA,
                                     GIMP_PRECISION_U16_LINEAR, GIMP_PRECISION_U32_GAMMA,
                                     GIMP_PRECISION_HALF_GAMMA, GIMP_PRECISION_FLOAT_LINEAR };
  static const char *const modes[] = { "restyle", "inpaint", "upscale" };
  GimpColorProfile *profiles[] = { gimp_color_profile_new_d50_gray_lab_trc (),
                                   gimp_color_profile_new_d65_gray_linear () };

  for (guint i = 0; i < G_N_ELEMENTS (precisions); i++)
    {
      const char *mode = modes[i % G_N_ELEMENTS (modes)];
      g_auto (Pixels) plain = { 0 };
      g_auto (Pixels) profiled = { 0 };

      tap_begin ("colours: gray with a profile, precision %d, %s", precisions[i], mode);
      plain = made_from_gray (GIMP_PRECISION_FLOAT_GAMMA, NULL, mode);
      profiled = made_from_gray (precisions[i], profiles[i % G_N_ELEMENTS (profiles)], mode);
      expect_alike (&plain, &profiled, 0.02);
      tap_end ();
    }
  for (guint i = 0; i < G_N_ELEMENTS (profiles); i++)
    g_object_unref (profiles[i]);
}

void
check_colors (void)
{
  check_gray_profiles ();
}
