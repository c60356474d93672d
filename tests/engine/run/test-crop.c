// SPDX-License-Identifier: GPL-3.0-or-later
/* The part of a picture that is worked on. */
#include "engine/base/error.h"
#include "engine/pictures/picture.h"
#include "engine/run/crop.h"

static PdCrop
plan (guint x, guint y, guint w, guint h, guint width, guint height, gint64 padding)
{
  const PdRect bounds = { y, x, h, w };
  const PdCropOptions options = { { height, width }, padding, 512, 8 };
  PdCrop crop;

  pd_crop_plan (&crop, &bounds, &options);
  g_assert_cmpuint (crop.part.x, <=, x);
  g_assert_cmpuint (crop.part.y, <=, y);
  g_assert_cmpuint (crop.part.x + crop.part.w, >=, x + w);
  g_assert_cmpuint (crop.part.y + crop.part.h, >=, y + h);
  g_assert_cmpuint (crop.part.x + crop.part.w, <=, width);
  g_assert_cmpuint (crop.part.y + crop.part.h, <=, height);
  return crop;
}

#define assert_crop(crop, x_, y_, w_, h_, work_w_, work_h_)                                        \
  G_STMT_START                                                                                     \
  {                                                                                                \
    PdCrop found_ = crop;                                                                          \
    g_assert_cmpuint (found_.part.x, ==, x_);                                                      \
    g_assert_cmpuint (found_.part.y, ==, y_);                                                      \
    g_assert_cmpuint (found_.part.w, ==, w_);                                                      \
    g_assert_cmpuint (found_.part.h, ==, h_);                                                      \
    g_assert_cmpuint (found_.work.w, ==, work_w_);                                                 \
    g_assert_cmpuint (found_.work.h, ==, work_h_);                                                 \
  }                                                                                                \
  G_STMT_END

static void
test_padding (void)
{
  /* A small part of a large picture is seen with the native size around it. */
  assert_crop (plan (1000, 700, 100, 50, 3000, 2000, -1), 794, 469, 512, 512, 512, 512);
  /* Also in a corner, and of a single pixel. */
  assert_crop (plan (0, 1990, 20, 10, 3000, 2000, -1), 0, 1488, 512, 512, 512, 512);
  assert_crop (plan (2999, 0, 1, 1, 3000, 2000, -1), 2488, 0, 512, 512, 512, 512);
  /* A large part gets a quarter of the native size on each side. */
  assert_crop (plan (500, 500, 1000, 800, 3000, 2000, -1), 372, 372, 1256, 1056, 1256, 1056);
  /* All of a picture, whatever its size. */
  assert_crop (plan (0, 0, 1001, 777, 1001, 777, -1), 0, 0, 1001, 777, 1001, 777);
}

static void
test_own_padding (void)
{
  assert_crop (plan (1000, 700, 512, 600, 3000, 2000, 0), 1000, 700, 512, 600, 512, 600);
  assert_crop (plan (1000, 700, 512, 600, 3000, 2000, 64), 936, 636, 640, 728, 640, 728);
  assert_crop (plan (1000, 700, 512, 600, 3000, 2000, 65535), 0, 0, 3000, 2000, 3000, 2000);
}

/* Less than the native size is enlarged so that the longer side has it. */
static void
test_enlarged (void)
{
  assert_crop (plan (100, 100, 64, 64, 3000, 2000, 32), 68, 68, 128, 128, 512, 512);
  assert_crop (plan (100, 100, 64, 32, 3000, 2000, 0), 100, 100, 64, 32, 512, 256);
  assert_crop (plan (10, 10, 5, 5, 100, 60, -1), 0, 0, 100, 60, 512, 304);
  assert_crop (plan (10, 0, 1, 1, 4000, 1, -1), 0, 0, 512, 1, 512, 1);
  assert_crop (plan (0, 0, 1, 1, 1, 1, -1), 0, 0, 1, 1, 512, 512);
  assert_crop (plan (0, 0, 1, 1, 200, 1, -1), 0, 0, 200, 1, 512, 8);
}

static void
assert_rect (const PdRect *rect, guint y, guint x, guint h, guint w)
{
  g_assert_cmpuint (rect->y, ==, y);
  g_assert_cmpuint (rect->x, ==, x);
  g_assert_cmpuint (rect->h, ==, h);
  g_assert_cmpuint (rect->w, ==, w);
}

static void
test_bounds (void)
{
  g_autoptr (GeglBuffer) mask = pd_picture_new (301, 203, "Y float");
  g_autoptr (GError) error = NULL;
  const float faint = 0.001f, below = -1;
  PdRect bounds;

  gegl_buffer_set (mask, GEGL_RECTANGLE (7, 9, 1, 1), 0, NULL, &below, GEGL_AUTO_ROWSTRIDE);
  g_assert_false (pd_crop_bounds (mask, &bounds, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  gegl_buffer_set (mask, GEGL_RECTANGLE (300, 65, 1, 1), 0, NULL, &faint, GEGL_AUTO_ROWSTRIDE);
  g_assert_true (pd_crop_bounds (mask, &bounds, NULL));
  assert_rect (&bounds, 65, 300, 1, 1);
  gegl_buffer_set (mask, GEGL_RECTANGLE (20, 202, 1, 1), 0, NULL, &faint, GEGL_AUTO_ROWSTRIDE);
  g_assert_true (pd_crop_bounds (mask, &bounds, NULL));
  assert_rect (&bounds, 65, 20, 138, 281);
}

/* What is taken is that part, also enlarged, and a mask keeps its numbers. */
static void
test_take (void)
{
  const PdCrop same = { { 4, 3, 8, 16 }, { 8, 16 } }, larger = { { 4, 3, 8, 16 }, { 16, 32 } };
  g_autoptr (GeglBuffer) picture = pd_picture_new (40, 30, "Y float"), part = NULL, twice = NULL;
  float values[40 * 30], found[32 * 16];

  for (int i = 0; i < 40 * 30; i++)
    values[i] = (float) (i % 40) / 40;
  gegl_buffer_set (picture, NULL, 0, NULL, values, GEGL_AUTO_ROWSTRIDE);
  part = pd_crop_take (&same, picture, "Y float");
  g_assert_cmpint (gegl_buffer_get_width (part), ==, 16);
  g_assert_cmpint (gegl_buffer_get_height (part), ==, 8);
  gegl_buffer_get (part, NULL, 1.0, NULL, found, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  for (int i = 0; i < 16 * 8; i++)
    g_assert_cmpfloat (found[i], ==, (float) (i % 16 + 3) / 40);
  twice = pd_crop_take (&larger, picture, "Y float");
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
  g_test_add_func ("/crop/padding", test_padding);
  g_test_add_func ("/crop/own-padding", test_own_padding);
  g_test_add_func ("/crop/enlarged", test_enlarged);
  g_test_add_func ("/crop/bounds", test_bounds);
  g_test_add_func ("/crop/take", test_take);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
