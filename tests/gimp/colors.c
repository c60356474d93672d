// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/gimp/colors.h"
#include "tests/gimp/call.h"
#include "tests/gimp/picture.h"
#include "tests/gimp/tap.h"

#include <libgimp/gimp.h>
#include <math.h>

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

/* Sets one rectangle of a drawable to one colour, R'G'B'A of the image's own kind. */
static void
put (gint32 drawable, const GeglRectangle *area, const float *color)
{
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);
  const gsize n = (gsize) area->width * area->height;
  g_autofree float *pixels = g_new (float, 4 * n);

  for (gsize i = 0; i < 4 * n; i++)
    pixels[i] = color[i % 4];
  gegl_buffer_set (buffer, area, 0, babl_format ("R'G'B'A float"), pixels, GEGL_AUTO_ROWSTRIDE);
  g_object_unref (buffer);
  gimp_drawable_update (drawable, area->x, area->y, area->width, area->height);
}

/* An image of one layer. */
static gint32
plain_picture (gint precision, gint32 *layer)
{
  const float color[] = { 0.6f, 0.4f, 0.2f, 1.0f };
  gint32 image = gimp_image_new_with_precision (extent.width, extent.height, GIMP_RGB, precision);

  *layer = gimp_layer_new (image, "alone", extent.width, extent.height, GIMP_RGBA_IMAGE, 100.0,
                           GIMP_LAYER_MODE_NORMAL);
  gimp_image_insert_layer (image, *layer, 0, 0);
  put (*layer, &extent, color);
  return image;
}

/* The alpha of a pixel of the result is about what was expected. */
static void
expect_alpha (const Pixels *pixels, guint x, guint y, float expected)
{
  const float is = ((float *) pixels->bytes)[4 * (y * pixels->width + x) + 3];

  if (ABS (is - expected) > 0.01f)
    tap_fail ("alpha at %u, %u is %g, expected %g", x, y, is, expected);
}

/* A hole and a half-transparent part, seen or hidden by a layer mask. */
static void
check_alpha (void)
{
  static const char *const modes[] = { "restyle", "restyle", "upscale", "inpaint" };
  const float hole[] = { 0.9f, 0.1f, 0.9f, 0.0f }, half[] = { 0.6f, 0.4f, 0.2f, 0.5f };

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      const gboolean upscale = i == 2, kept = i != 3;
      const guint factor = upscale ? 2 : 1;
      g_autofree char *options =
          g_strconcat (quick, i == 1 ? " source=layer" : "", upscale ? " scale=2" : "", NULL);
      g_autofree char *message = NULL;
      gint32 layer, made;
      gint32 image = plain_picture (GIMP_PRECISION_U8_GAMMA, &layer);

      tap_begin ("colours: transparency, %s, %s", modes[i], options);
      put (layer, GEGL_RECTANGLE (8, 8, 16, 16), hole);
      put (layer, GEGL_RECTANGLE (40, 8, 16, 16), half);
      if (i == 1)
        {
          gint32 mask = gimp_layer_create_mask (layer, GIMP_ADD_MASK_WHITE);
          const float black[] = { 0, 0, 0, 1 };

          gimp_layer_add_mask (layer, mask);
          put (mask, GEGL_RECTANGLE (8, 40, 16, 16), black);
        }
      made = call (image, layer, "a", modes[i], 0.3, options, &message);
      if (made == -1)
        tap_fail ("%s", message);
      else
        {
          g_auto (Pixels) pixels = pixels_read (made, "R'G'B'A float");

          expect_alpha (&pixels, 16 * factor, 16 * factor, kept ? 0.0f : 1.0f);
          expect_alpha (&pixels, 48 * factor, 16 * factor, kept ? 0.5f : 1.0f);
          expect_alpha (&pixels, 16 * factor, 48 * factor, i == 1 ? 0.0f : 1.0f);
          expect_alpha (&pixels, 48 * factor, 48 * factor, 1.0f);
          if (upscale)
            gimp_image_delete (gimp_item_get_image (made));
        }
      gimp_image_delete (image);
      tap_end ();
    }
}

/* One pixel that is no number, or far outside 0 to 1, at the border of what is selected. */
static void
check_numbers (void)
{
  static const struct
  {
    const char *name;
    const char *mode;
    double strength;
    float color[4];
    float low, high; /* range of the result */
  } cases[] = {
    { "not a number", "inpaint", 1.0, { NAN, 0.5f, 0.5f, 1.0f }, 0.0f, 1.0f },
    { "infinite", "restyle", 0.5, { 0.5f, INFINITY, 0.5f, 1.0f }, 0.0f, 1.0f },
    { "alpha is not a number", "upscale", 0.3, { 0.5f, 0.5f, 0.5f, NAN }, 0.0f, 1.0f },
    { "a highlight", "inpaint", 1.0, { 30.0f, 20.0f, 10.0f, 1.0f }, 0.0f, 1.0f },
    { "a highlight, half kept", "restyle", 0.5, { 30.0f, 20.0f, 10.0f, 1.0f }, 0.0f, 30.0f },
    { "negative", "upscale", 0.3, { -7.0f, 0.5f, 0.5f, 1.0f }, -7.0f, 1.0f },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *options = g_strconcat (quick, " scale=2 source=layer", NULL);
      g_autofree char *message = NULL;
      gint32 layer, made;
      gint32 image = plain_picture (GIMP_PRECISION_FLOAT_GAMMA, &layer);

      tap_begin ("colours: %s, %s", cases[i].name, cases[i].mode);
      put (layer, GEGL_RECTANGLE (38, 20, 5, 5), cases[i].color);
      gimp_image_select_rectangle (image, GIMP_CHANNEL_OP_REPLACE, 10, 10, 30, 30);
      made = call (image, layer, "a", cases[i].mode, cases[i].strength, options, &message);
      if (made == -1)
        tap_fail ("%s", message);
      else
        {
          g_auto (Pixels) pixels = pixels_read (made, "R'G'B'A float");
          const float *values = (const float *) pixels.bytes;
          const float margin = 0.01f * (cases[i].high - cases[i].low);

          for (gsize k = 0; k < pixels.size / sizeof (float); k++)
            if (!(values[k] >= cases[i].low - margin && values[k] <= cases[i].high + margin))
              {
                tap_fail ("a value is %g", values[k]);
                break;
              }
          if (gimp_item_get_image (made) != image)
            gimp_image_delete (gimp_item_get_image (made));
        }
      gimp_image_delete (image);
      tap_end ();
    }
}

/* Strength 0 keeps what the model cannot see. */
static void
check_kept (void)
{
  const float highlight[] = { 30.0f, 20.0f, -3.0f, 1.0f };
  g_autofree char *message = NULL;
  gint32 layer, made;
  gint32 image = plain_picture (GIMP_PRECISION_FLOAT_GAMMA, &layer);

  tap_begin ("colours: outside sRGB, restyle of strength 0");
  put (layer, GEGL_RECTANGLE (20, 20, 20, 20), highlight);
  made = call (image, layer, "a", "restyle", 0.0, quick, &message);
  if (made == -1)
    tap_fail ("%s", message);
  else
    {
      g_auto (Pixels) pixels = pixels_read (made, "R'G'B'A float");
      const float *pixel = (const float *) pixels.bytes + 4 * (30 * pixels.width + 30);

      /* The model's own error is up to 1. */
      for (int c = 0; c < 3; c++)
        if (!(ABS (pixel[c] - highlight[c]) <= 1.0f))
          tap_fail ("channel %d is %g, was %g", c, pixel[c], highlight[c]);
    }
  gimp_image_delete (image);
  tap_end ();
}

void
check_colors (void)
{
  check_gray_profiles ();
  check_alpha ();
  check_numbers ();
  check_kept ();
}
