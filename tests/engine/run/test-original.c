// SPDX-License-Identifier: GPL-3.0-or-later
/* What the model is shown of a picture, and what comes back of what it was not shown. */
#include "engine/run/original.h"
#include "engine/pictures/picture.h"

#include <math.h>

static const char rgba[] = "R'G'B'A float";

/* A row of @n pixels. */
static GeglBuffer *
make_row (const float (*pixels)[4], guint n, const char *format)
{
  GeglBuffer *row = pd_picture_new (n, 1, format);

  gegl_buffer_set (row, NULL, 0, babl_format (rgba), pixels, GEGL_AUTO_ROWSTRIDE);
  return row;
}

static void
read_row (GeglBuffer *row, float (*pixels)[4])
{
  gegl_buffer_get (row, NULL, 1.0, babl_format (rgba), pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
}

static void
check_pixel (const float *found, float r, float g, float b, float a)
{
  g_assert_cmpfloat_with_epsilon (found[0], r, 2e-3);
  g_assert_cmpfloat_with_epsilon (found[1], g, 2e-3);
  g_assert_cmpfloat_with_epsilon (found[2], b, 2e-3);
  g_assert_cmpfloat_with_epsilon (found[3], a, 2e-3);
}

/* An opaque picture of 8 bits is shown as it is, itself. */
static void
test_plain (void)
{
  static const float pixels[2][4] = { { 0.2f, 0.4f, 0.6f, 1 }, { 1, 0, 1, 1 } };
  g_autoptr (GeglBuffer) input = make_row (pixels, 2, "R'G'B' u8");
  const PdImages images = { .input = input, .output = input };
  g_auto (PdOriginal) original = { 0 };

  g_assert_true (pd_original_open (&original, &images, NULL));
  g_assert_true (original.shown == input);
  g_assert_null (original.work);
}

/* Transparency is grey, hidden colours do not matter, restyle gives alpha and colour back. */
static void
test_alpha (void)
{
  static const float pixels[4][4] = {
    { 0.2f, 0.4f, 0.8f, 1 }, { 0.2f, 0.4f, 0.8f, 0.6f }, { 1, 0, 1, 0 }, { 0, 1, 0, 0 }
  };
  g_autoptr (GeglBuffer) input = make_row (pixels, 4, "R'G'B'A u8");
  g_autoptr (GeglBuffer) output = pd_picture_new (4, 1, "R'G'B'A float");
  g_autoptr (PdRequest) request = pd_request_new ();
  const PdImages images = { .input = input, .output = output };
  g_auto (PdOriginal) original = { 0 };
  float found[4][4];

  g_object_set (request, "mode", PD_REQUEST_MODE_RESTYLE, "strength", 0.7, NULL);
  g_assert_true (pd_original_open (&original, &images, NULL));
  read_row (original.shown, found);
  check_pixel (found[0], 0.2f, 0.4f, 0.8f, 1);
  check_pixel (found[1], 0.32f, 0.44f, 0.68f, 1);
  check_pixel (found[2], 0.5f, 0.5f, 0.5f, 1);
  check_pixel (found[3], 0.5f, 0.5f, 0.5f, 1);
  gegl_buffer_copy (original.shown, NULL, GEGL_ABYSS_NONE, original.work, NULL);
  g_assert_true (pd_original_finish (&original, request, &images, NULL));
  read_row (output, found);
  check_pixel (found[0], 0.2f, 0.4f, 0.8f, 1);
  g_assert_cmpfloat_with_epsilon (found[1][0], 0.2f, 0.01);
  g_assert_cmpfloat_with_epsilon (found[1][3], 0.6f, 0.002);
  g_assert_cmpfloat (found[2][3], ==, 0);
  g_assert_cmpfloat (found[3][3], ==, 0);
}

/* Inpaint fills where the mask is white and keeps the rest. */
static void
test_fill (void)
{
  static const float pixels[4][4] = {
    { 0.2f, 0.4f, 0.8f, 0.6f }, { 1, 0, 1, 0 }, { 0.2f, 0.4f, 0.8f, 0.6f }, { 0, 1, 0, 0 }
  };
  static const float values[4] = { 0, 0, 1, 1 };
  g_autoptr (GeglBuffer) input = make_row (pixels, 4, "R'G'B'A u8");
  g_autoptr (GeglBuffer) output = pd_picture_new (4, 1, "R'G'B'A float");
  g_autoptr (GeglBuffer) mask = pd_picture_new (4, 1, "Y float");
  g_autoptr (PdRequest) request = pd_request_new ();
  const PdImages images = { .input = input, .output = output, .mask = mask };
  g_auto (PdOriginal) original = { 0 };
  float found[4][4];

  gegl_buffer_set (mask, NULL, 0, NULL, values, GEGL_AUTO_ROWSTRIDE);
  g_object_set (request, "mode", PD_REQUEST_MODE_INPAINT, NULL);
  g_assert_true (pd_original_open (&original, &images, NULL));
  gegl_buffer_copy (original.shown, NULL, GEGL_ABYSS_NONE, original.work, NULL);
  g_assert_true (pd_original_finish (&original, request, &images, NULL));
  read_row (output, found);
  check_pixel (found[0], 0.2f, 0.4f, 0.8f, 0.6f);
  g_assert_cmpfloat (found[1][3], ==, 0);
  check_pixel (found[2], 0.32f, 0.44f, 0.68f, 1);
  check_pixel (found[3], 0.5f, 0.5f, 0.5f, 1);
}

/* Where parts are worked on the rest is not looked at, and the input's to the bit; on grey where
 * the output has no alpha. */
static void
test_parts (void)
{
  static const float pixels[4][4] = {
    { 0.2f, 0.4f, 0.8f, 0.6f }, { 5, 0, -3, 0.5f }, { 3, 0.4f, 0.8f, 1 }, { 0.25f, 1, 0, 0.5f }
  };
  static const float values[4] = { 0, 0, 1, 0 };
  static const PdRect part = { 0, 2, 1, 1 };
  static const char *const formats[] = { "R'G'B'A float", "R'G'B' float" };
  g_autoptr (GeglBuffer) input = make_row (pixels, 4, "R'G'B'A float");
  g_autoptr (GeglBuffer) mask = pd_picture_new (4, 1, "Y float");
  g_autoptr (PdRequest) request = pd_request_new ();

  gegl_buffer_set (mask, NULL, 0, NULL, values, GEGL_AUTO_ROWSTRIDE);
  g_object_set (request, "mode", PD_REQUEST_MODE_INPAINT, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autoptr (GeglBuffer) output = pd_picture_new (4, 1, formats[i]);
      const PdImages images = { .input = input, .output = output, .mask = mask };
      g_auto (PdOriginal) original = { .parts = &part, .n_parts = 1 };
      const float made[3] = { 0.1f, 0.2f, 0.3f };
      float found[4][4];

      g_assert_true (pd_original_open (&original, &images, NULL));
      g_assert_cmpuint (original.n_outside, ==, 1);
      gegl_buffer_set (original.work, GEGL_RECTANGLE (2, 0, 1, 1), 0, babl_format ("R'G'B' float"),
                       made, GEGL_AUTO_ROWSTRIDE);
      g_assert_true (pd_original_finish (&original, request, &images, NULL));
      read_row (output, found);
      check_pixel (found[2], 0.1f, 0.2f, 0.3f, 1);
      if (i == 0)
        {
          g_assert_cmpmem (found[0], 2 * sizeof found[0], pixels[0], 2 * sizeof pixels[0]);
          g_assert_cmpmem (found[3], sizeof found[3], pixels[3], sizeof pixels[3]);
        }
      else
        check_pixel (found[3], 0.375f, 0.75f, 0.25f, 1);
    }
}

/* What is not finite counts as transparent; what is outside sRGB is kept at strength 0, in part at
 * a low strength, and cut at a high one. */
static void
test_beyond (void)
{
  const float pixels[4][4] = { { 40, 0.5f, -3, 1 },
                               { NAN, 0.2f, 0.2f, 1 },
                               { 0.2f, INFINITY, 0.2f, 1 },
                               { 0.3f, 0.3f, 0.3f, 1 } };
  static const struct
  {
    double strength;
    float red, blue;
  } kinds[] = { { 0, 40, -3 }, { 0.25, 1 + 39 / 2.0f, -1.5f }, { 0.8, 1, 0 } };

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GeglBuffer) input = make_row (pixels, 4, "R'G'B' float");
      g_autoptr (GeglBuffer) output = pd_picture_new (4, 1, "R'G'B' float");
      g_autoptr (PdRequest) request = pd_request_new ();
      const PdImages images = { .input = input, .output = output };
      g_auto (PdOriginal) original = { 0 };
      float found[4][4];

      g_object_set (request, "mode", PD_REQUEST_MODE_RESTYLE, "strength", kinds[k].strength, NULL);
      g_assert_true (pd_original_open (&original, &images, NULL));
      g_assert_cmpuint (original.n_not_finite, ==, 2);
      g_assert_cmpuint (original.n_outside, ==, 1);
      read_row (original.shown, found);
      check_pixel (found[0], 1, 0.5f, 0, 1);
      check_pixel (found[1], 0.5f, 0.5f, 0.5f, 1);
      check_pixel (found[2], 0.5f, 0.5f, 0.5f, 1);
      gegl_buffer_copy (original.shown, NULL, GEGL_ABYSS_NONE, original.work, NULL);
      g_assert_true (pd_original_finish (&original, request, &images, NULL));
      read_row (output, found);
      check_pixel (found[0], kinds[k].red, 0.5f, kinds[k].blue, 1);
      check_pixel (found[1], 0.5f, 0.5f, 0.5f, 1);
      check_pixel (found[3], 0.3f, 0.3f, 0.3f, 1);
    }
}

/* Enlarged alpha: 0 and 1 stay exactly that away from edges. */
static void
test_enlarge (void)
{
  g_autofree float *pixels = g_new0 (float, 32 * 4);
  g_autoptr (GeglBuffer) input = NULL, output = pd_picture_new (64, 2, "R'G'B'A u8");
  g_autoptr (PdRequest) request = pd_request_new ();
  g_auto (PdOriginal) original = { 0 };
  PdImages images = { .output = output };
  guchar found[2 * 64 * 4];

  for (int x = 16; x < 32; x++)
    pixels[4 * x + 3] = 1;
  images.input = input = make_row ((const float (*)[4]) pixels, 32, "R'G'B'A u8");
  g_object_set (request, "mode", PD_REQUEST_MODE_UPSCALE, NULL);
  g_assert_true (pd_original_open (&original, &images, NULL));
  g_assert_true (pd_original_finish (&original, request, &images, NULL));
  gegl_buffer_get (output, NULL, 1.0, babl_format ("R'G'B'A u8"), found, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  for (int i = 0; i < 2 * 64; i++)
    if (i % 64 < 28 || i % 64 >= 36)
      g_assert_cmpint (found[4 * i + 3], ==, i % 64 < 32 ? 0 : 255);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  g_test_add_func ("/original/parts", test_parts);
  g_test_add_func ("/original/plain", test_plain);
  g_test_add_func ("/original/alpha", test_alpha);
  g_test_add_func ("/original/fill", test_fill);
  g_test_add_func ("/original/beyond", test_beyond);
  g_test_add_func ("/original/enlarge", test_enlarge);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
