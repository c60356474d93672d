// SPDX-License-Identifier: GPL-3.0-or-later
/* The part of a picture that is worked on. */
#include "engine/base/error.h"
#include "engine/pictures/picture.h"
#include "engine/run/region.h"

static PdRegion
plan (int x, int y, int w, int h, guint width, guint height, gint64 padding)
{
  const GeglRectangle bounds = { x, y, w, h };
  PdRegion region;

  pd_region_plan (&region, &bounds, width, height, padding, 512, 8);
  g_assert_cmpuint (region.x, <=, (guint) x);
  g_assert_cmpuint (region.y, <=, (guint) y);
  g_assert_cmpuint (region.x + region.w, >=, (guint) (x + w));
  g_assert_cmpuint (region.y + region.h, >=, (guint) (y + h));
  g_assert_cmpuint (region.x + region.w, <=, width);
  g_assert_cmpuint (region.y + region.h, <=, height);
  return region;
}

#define assert_region(region, x_, y_, w_, h_, work_w_, work_h_)                                    \
  G_STMT_START                                                                                     \
  {                                                                                                \
    PdRegion found_ = region;                                                                      \
    g_assert_cmpuint (found_.x, ==, x_);                                                           \
    g_assert_cmpuint (found_.y, ==, y_);                                                           \
    g_assert_cmpuint (found_.w, ==, w_);                                                           \
    g_assert_cmpuint (found_.h, ==, h_);                                                           \
    g_assert_cmpuint (found_.work_w, ==, work_w_);                                                 \
    g_assert_cmpuint (found_.work_h, ==, work_h_);                                                 \
  }                                                                                                \
  G_STMT_END

static void
test_padding (void)
{
  /* A small part of a large picture is seen with the native size around it. */
  assert_region (plan (1000, 700, 100, 50, 3000, 2000, -1), 794, 469, 512, 512, 512, 512);
  /* Also in a corner, and of a single pixel. */
  assert_region (plan (0, 1990, 20, 10, 3000, 2000, -1), 0, 1488, 512, 512, 512, 512);
  assert_region (plan (2999, 0, 1, 1, 3000, 2000, -1), 2488, 0, 512, 512, 512, 512);
  /* A large part gets a quarter of the native size on each side. */
  assert_region (plan (500, 500, 1000, 800, 3000, 2000, -1), 372, 372, 1256, 1056, 1256, 1056);
  /* All of a picture, whatever its size. */
  assert_region (plan (0, 0, 1001, 777, 1001, 777, -1), 0, 0, 1001, 777, 1001, 777);
}

static void
test_own_padding (void)
{
  assert_region (plan (1000, 700, 512, 600, 3000, 2000, 0), 1000, 700, 512, 600, 512, 600);
  assert_region (plan (1000, 700, 512, 600, 3000, 2000, 64), 936, 636, 640, 728, 640, 728);
  assert_region (plan (1000, 700, 512, 600, 3000, 2000, 65535), 0, 0, 3000, 2000, 3000, 2000);
}

/* Less than the native size is enlarged so that the longer side has it. */
static void
test_enlarged (void)
{
  assert_region (plan (100, 100, 64, 64, 3000, 2000, 32), 68, 68, 128, 128, 512, 512);
  assert_region (plan (100, 100, 64, 32, 3000, 2000, 0), 100, 100, 64, 32, 512, 256);
  assert_region (plan (10, 10, 5, 5, 100, 60, -1), 0, 0, 100, 60, 512, 304);
  assert_region (plan (10, 0, 1, 1, 4000, 1, -1), 0, 0, 512, 1, 512, 1);
  assert_region (plan (0, 0, 1, 1, 1, 1, -1), 0, 0, 1, 1, 512, 512);
  assert_region (plan (0, 0, 1, 1, 200, 1, -1), 0, 0, 200, 1, 512, 8);
}

static void
test_bounds (void)
{
  g_autoptr (GeglBuffer) mask = pd_picture_new (301, 203, "Y float");
  g_autoptr (GError) error = NULL;
  const float faint = 0.001f, below = -1;
  GeglRectangle bounds;

  gegl_buffer_set (mask, GEGL_RECTANGLE (7, 9, 1, 1), 0, NULL, &below, GEGL_AUTO_ROWSTRIDE);
  g_assert_false (pd_region_bounds (mask, &bounds, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  gegl_buffer_set (mask, GEGL_RECTANGLE (300, 65, 1, 1), 0, NULL, &faint, GEGL_AUTO_ROWSTRIDE);
  g_assert_true (pd_region_bounds (mask, &bounds, NULL));
  g_assert_true (gegl_rectangle_equal (&bounds, GEGL_RECTANGLE (300, 65, 1, 1)));
  gegl_buffer_set (mask, GEGL_RECTANGLE (20, 202, 1, 1), 0, NULL, &faint, GEGL_AUTO_ROWSTRIDE);
  g_assert_true (pd_region_bounds (mask, &bounds, NULL));
  g_assert_true (gegl_rectangle_equal (&bounds, GEGL_RECTANGLE (20, 65, 281, 138)));
}

/* What is taken is that part, also enlarged, and a mask keeps its numbers. */
static void
test_take (void)
{
  const PdRegion same = { 3, 4, 16, 8, 16, 8 }, larger = { 3, 4, 16, 8, 32, 16 };
  g_autoptr (GeglBuffer) picture = pd_picture_new (40, 30, "Y float"), part = NULL, twice = NULL;
  float values[40 * 30], found[32 * 16];

  for (int i = 0; i < 40 * 30; i++)
    values[i] = (float) (i % 40) / 40;
  gegl_buffer_set (picture, NULL, 0, NULL, values, GEGL_AUTO_ROWSTRIDE);
  part = pd_region_take (&same, picture, "Y float");
  g_assert_cmpint (gegl_buffer_get_width (part), ==, 16);
  g_assert_cmpint (gegl_buffer_get_height (part), ==, 8);
  gegl_buffer_get (part, NULL, 1.0, NULL, found, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  for (int i = 0; i < 16 * 8; i++)
    g_assert_cmpfloat (found[i], ==, (float) (i % 16 + 3) / 40);
  twice = pd_region_take (&larger, picture, "Y float");
  g_assert_cmpint (gegl_buffer_get_width (twice), ==, 32);
  gegl_buffer_get (twice, NULL, 1.0, NULL, found, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  for (int i = 0; i < 32 * 16; i++)
    g_assert_cmpfloat_with_epsilon (found[i], (i % 32 / 2.0 + 2.75) / 40, 0.3 / 40);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  g_object_set (gegl_config (), "use-opencl", FALSE, NULL);
  g_test_add_func ("/region/padding", test_padding);
  g_test_add_func ("/region/own-padding", test_own_padding);
  g_test_add_func ("/region/enlarged", test_enlarged);
  g_test_add_func ("/region/bounds", test_bounds);
  g_test_add_func ("/region/take", test_take);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
