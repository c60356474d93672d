// SPDX-License-Identifier: GPL-3.0-or-later
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "engine/run/regions.h"
#include "engine/tiles/mosaic.h"

static PdRegions *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  PdRegions *regions = pd_regions_new (text, 128, 64, &error);

  g_assert_no_error (error);
  return regions;
}

static void
test_parse (void)
{
  g_autoptr (PdRegions) regions =
      parse ("0,0,64,64:moss: old and green\n\n 64 , 0 , 64 , 64 :  Ziegel “rot” \n");
  g_autoptr (PdRegions) none = parse ("");

  g_assert_cmpuint (pd_regions_count (regions), ==, 2);
  g_assert_cmpstr (pd_regions_prompt (regions, 0), ==, "moss: old and green");
  g_assert_cmpstr (pd_regions_prompt (regions, 1), ==, "Ziegel “rot”");
  g_assert_cmpuint (pd_regions_count (none), ==, 0);
}

/* Each is refused with a message that names it and says what is wrong. */
static void
test_bad (void)
{
  static const char *const cases[][2] = {
    { "0,0,64,64", "no colon" },
    { "0,0,64,64:  ", "no prompt" },
    { "0,0,64:moss", "four numbers" },
    { "0,0,64,64,1:moss", "four numbers" },
    { "0,0,-4,64:moss", "“-4” is no whole number" },
    { "0,0,6.5,64:moss", "“6.5” is no whole number" },
    { "0,0,99999999999999999999,64:moss", "no whole number" },
    { "0,0,0,64:moss", "empty" },
    { "1,0,128,64:moss", "128 × 64 pixels" },
    { "0,64,1,1:moss", "128 × 64 pixels" },
    { "mask=:moss", "names no file" },
    { "mask=/absent.png:moss", "/absent.png" },
    { "0,0,64,64:moss\nbad:moss", "“bad:moss”" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (pd_regions_new (cases[i][0], 128, 64, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i][1]));
      g_assert_true (g_str_has_prefix (error->message, "region: "));
    }
}

/* As many as are allowed, and one more. */
static void
test_many (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < PD_REGIONS_MOST; i++)
    g_string_append (text, "0,0,8,8:moss\n");
  g_assert_true (pd_regions_check (text->str, 128, 64, &error));
  g_assert_no_error (error);
  g_string_append (text, "0,0,8,8:moss");
  g_assert_false (pd_regions_check (text->str, 128, 64, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_assert_nonnull (strstr (error->message, "more than 256"));
}

/* All of the picture, and the canvas of an eighth of its size. */
static const PdRect all = { 0, 0, 64, 128 }, whole = { 0, 0, 8, 16 };
static const PdSize canvas = { 8, 16 };

/* Weights of the whole canvas of 8 × 16 latent pixels that shows the 128 × 64 of the picture. */
static void
read_weights (PdRegions *regions, guint region, gboolean wrap, float weights[8 * 16])
{
  g_assert_true (
      pd_regions_set_canvas (regions, &all, canvas, wrap ? PD_TORUS_XY : PD_TORUS_NONE, NULL));
  pd_regions_weights (region, &whole, weights, regions);
}

/* A soft rim where two parts meet, none where the picture ends; together they are 1. */
static void
test_rim (void)
{
  static const float ramp[16] = { 1, 1, 1, 1, 1, 1, 0.875f, 0.625f, 0.375f, 0.125f };
  g_autoptr (PdRegions) regions = parse ("0,0,64,64:moss\n64,0,64,64:brick");
  float left[8 * 16], right[8 * 16];

  read_weights (regions, 0, FALSE, left);
  read_weights (regions, 1, FALSE, right);
  for (guint i = 0; i < 8 * 16; i++)
    {
      g_assert_cmpfloat_with_epsilon (left[i], ramp[i % 16], 1e-6f);
      g_assert_cmpfloat_with_epsilon (left[i] + right[i], 1, 1e-6f);
    }
}

/* On a torus the rim goes round the edge. */
static void
test_wrap (void)
{
  g_autoptr (PdRegions) regions = parse ("0,0,64,64:moss\n0,0,128,64:all");
  float weights[8 * 16];

  read_weights (regions, 0, TRUE, weights);
  g_assert_cmpfloat_with_epsilon (weights[0], 0.625f, 1e-6f);
  g_assert_cmpfloat_with_epsilon (weights[15], 0.375f, 1e-6f);
  g_assert_cmpfloat (weights[4], ==, 1);
  read_weights (regions, 1, TRUE, weights);
  for (guint i = 0; i < 8 * 16; i++)
    g_assert_cmpfloat (weights[i], ==, 1);
}

/* A canvas that shows a part of the picture, and a part of that. */
static void
test_parts (void)
{
  g_autoptr (PdRegions) regions = parse ("64,0,64,64:moss");
  float weights[64];

  g_assert_true (pd_regions_set_canvas (regions, &(PdRect){ 0, 64, 64, 64 }, (PdSize){ 8, 8 },
                                        PD_TORUS_NONE, NULL));
  pd_regions_weights (0, &(PdRect){ 0, 4, 8, 4 }, weights, regions);
  for (guint i = 0; i < 32; i++)
    g_assert_cmpfloat (weights[i], ==, 1);
}

/* A mask of another size than the picture: grey counts as it looks. */
static void
test_mask (void)
{
  static const guint8 values[] = { 255, 255, 255, 128, 128, 128, 0, 0, 0, 0, 0, 0 };
  g_autofree char *folder = g_dir_make_tmp ("pd-regions-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "mask.png", NULL);
  g_autofree char *text = g_strdup_printf ("mask=%s:moss", path);
  g_autoptr (GeglBuffer) picture = pd_picture_new (4, 1, "R'G'B' u8");
  g_autoptr (PdRegions) regions = NULL;
  g_autoptr (GError) error = NULL;
  float weights[8 * 16];

  gegl_buffer_set (picture, NULL, 0, babl_format ("R'G'B' u8"), values, GEGL_AUTO_ROWSTRIDE);
  pd_png_save (picture, path, 8, NULL, &error);
  g_assert_no_error (error);
  regions = parse (text);
  read_weights (regions, 0, FALSE, weights);
  for (guint i = 0; i < 8 * 16; i++)
    g_assert_cmpfloat_with_epsilon (weights[i], values[i % 16 / 4 * 3] / 255.0f, 1e-3f);
  g_unlink (path);
  g_rmdir (folder);
}

/* Shares add up to 1 where parts overlap and where there are none. */
static void
test_mix (void)
{
  g_autoptr (PdRegions) regions = parse ("0,0,96,64:moss\n64,0,64,64:brick\n8,8,8,8:flower");
  const PdPrompts prompts = { .n = 3, .weights = pd_regions_weights, .user_data = regions };
  float shares[4][8 * 16];

  g_assert_true (pd_regions_set_canvas (regions, &all, canvas, PD_TORUS_NONE, NULL));
  pd_prompts_mix (&prompts, &whole, shares[0]);
  for (guint i = 0; i < 8 * 16; i++)
    g_assert_cmpfloat_with_epsilon (shares[0][i] + shares[1][i] + shares[2][i] + shares[3][i], 1,
                                    1e-6f);
  g_assert_cmpfloat (shares[1][5], ==, 1);
  g_assert_cmpfloat_with_epsilon (shares[1][10], shares[2][10], 0.1f);
  g_assert_true (pd_prompts_count (shares[3], 8 * 16));
}

/* What is done shows this step, what is not the last one. */
static void
test_mosaic (void)
{
  g_autoptr (PdMosaic) mosaic = pd_mosaic_new (1, (PdSize){ 2, 8 }, 4, NULL);
  float latent[16], prediction[16], mass[16];
  const float *clean;
  PdSize size;

  for (guint i = 0; i < 16; i++)
    {
      latent[i] = 10;
      prediction[i] = 2;
      mass[i] = i % 8 < 3 ? 4 : 0;
    }
  clean = pd_mosaic_clean (mosaic, &size);
  g_assert_cmpuint (size.h, ==, 1);
  g_assert_cmpuint (size.w, ==, 4);
  pd_mosaic_update (mosaic, NULL, 0, latent, 1, NULL);
  g_assert_cmpfloat (clean[3], ==, 10);
  pd_mosaic_keep (mosaic);
  pd_mosaic_update (mosaic, latent, 0.5, prediction, 2, mass);
  g_assert_cmpfloat (clean[0], ==, 6);
  g_assert_cmpfloat (clean[1], ==, 8);
  g_assert_cmpfloat (clean[2], ==, 10);
  g_assert_cmpfloat (clean[3], ==, 10);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  g_test_add_func ("/regions/parse", test_parse);
  g_test_add_func ("/regions/bad", test_bad);
  g_test_add_func ("/regions/many", test_many);
  g_test_add_func ("/regions/rim", test_rim);
  g_test_add_func ("/regions/wrap", test_wrap);
  g_test_add_func ("/regions/parts", test_parts);
  g_test_add_func ("/regions/mask", test_mask);
  g_test_add_func ("/regions/mix", test_mix);
  g_test_add_func ("/mosaic", test_mosaic);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
