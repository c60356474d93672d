// SPDX-License-Identifier: GPL-3.0-or-later
/* The part of a picture that is worked on. */
#include "engine/base/error.h"
#include "engine/pictures/picture.h"
#include "engine/run/crop.h"

static PdCrop
plan (guint x, guint y, guint w, guint h, guint width, guint height, gint64 padding)
{
  const PdRect bounds = { y, x, h, w };
  const PdCropOptions options = { { height, width }, padding, 512, 8, PD_TORUS_NONE };
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

enum
{
  MAX_SPOTS = 40,
};

/* What of a picture of 3000 × 2000 shows, and the parts that are worked on; h of 0: no more. */
typedef struct
{
  PdRect spots[4];
  PdTorus wrap;
  gint64 padding;
  PdRect parts[4];
} Find;

static const Find finds[] = {
  /* One pixel, also at the border. */
  { { { 65, 300, 1, 1 } }, PD_TORUS_NONE, -1, { { 0, 45, 512, 512 } } },
  { { { 1999, 2999, 1, 1 } }, PD_TORUS_NONE, -1, { { 1488, 2488, 512, 512 } } },
  /* Near each other: one part. */
  { { { 100, 100, 50, 50 }, { 300, 320, 20, 20 } }, PD_TORUS_NONE, -1, { { 0, 0, 512, 512 } } },
  /* So far that one part would be larger than two: one each. */
  { { { 100, 100, 50, 50 }, { 1700, 100, 20, 20 } },
    PD_TORUS_NONE,
    -1,
    { { 0, 0, 512, 512 }, { 1454, 0, 512, 512 } } },
  /* In the four corners: strips are less than two small parts that would be enlarged. */
  { { { 0, 0, 600, 10 }, { 0, 2990, 10, 10 }, { 1990, 0, 10, 10 }, { 1990, 2990, 10, 10 } },
    PD_TORUS_NONE,
    0,
    { { 0, 0, 2000, 16 }, { 0, 2984, 2000, 16 } } },
  /* One around the other. */
  { { { 0, 0, 10, 3000 }, { 0, 0, 2000, 10 }, { 1900, 2900, 10, 10 } },
    PD_TORUS_NONE,
    64,
    { { 0, 0, 2000, 3000 } } },
  /* Where the picture repeats there is no border to be at. */
  { { { 100, 0, 50, 50 }, { 1700, 2000, 20, 20 } }, PD_TORUS_X, -1, { { 0, 0, 1880, 2280 } } },
  { { { 900, 1000, 50, 50 }, { 900, 2000, 20, 20 } },
    PD_TORUS_XY,
    -1,
    { { 669, 769, 512, 512 }, { 654, 1754, 512, 512 } } },
};

static void
paint (GeglBuffer *mask, const PdRect *rect, float value)
{
  const GeglRectangle place = pd_picture_rectangle (rect);
  g_autofree float *values = g_new (float, pd_rect_area (rect));

  for (gsize i = 0; i < pd_rect_area (rect); i++)
    values[i] = value;
  gegl_buffer_set (mask, &place, 0, NULL, values, GEGL_AUTO_ROWSTRIDE);
}

static void
test_find (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (finds); i++)
    {
      const Find *find = &finds[i];
      const PdCropOptions options = { { 2000, 3000 }, find->padding, 512, 8, find->wrap };
      g_autoptr (GeglBuffer) mask = pd_picture_new (3000, 2000, "Y float");
      g_autoptr (GError) error = NULL;
      PdCrop crops[PD_MAX_CROPS];
      guint n;

      g_test_message ("case %u", i);
      for (guint k = 0; k < G_N_ELEMENTS (find->spots) && find->spots[k].h > 0; k++)
        paint (mask, &find->spots[k], 0.001f);
      n = pd_crop_find (mask, &options, crops, &error);
      g_assert_no_error (error);
      for (guint k = 0; k < n; k++)
        g_test_message ("%u, %u: %u × %u", crops[k].part.y, crops[k].part.x, crops[k].part.h,
                        crops[k].part.w);
      for (guint k = 0; k < G_N_ELEMENTS (find->parts) && find->parts[k].h > 0; k++)
        {
          g_assert_cmpuint (n, >, k);
          g_assert_cmpmem (&crops[k].part, sizeof (PdRect), &find->parts[k], sizeof (PdRect));
        }
      g_assert_true (n == G_N_ELEMENTS (find->parts) || find->parts[n].h == 0);
    }
}

/* Of more islands than there may be parts, every one is in one. */
static void
test_find_many (void)
{
  const PdCropOptions options = { { 2000, 3000 }, 0, 64, 8, PD_TORUS_NONE };
  g_autoptr (GeglBuffer) mask = pd_picture_new (3000, 2000, "Y float");
  PdCrop crops[PD_MAX_CROPS];
  guint n;

  for (guint i = 0; i < MAX_SPOTS; i++)
    paint (mask, &(PdRect){ i / 8 * 400 + 7, i % 8 * 370 + 3, 30, 20 }, 1);
  n = pd_crop_find (mask, &options, crops, NULL);
  g_assert_true (n > 1 && n <= PD_MAX_CROPS);
  for (guint i = 0; i < MAX_SPOTS; i++)
    {
      const guint y = i / 8 * 400 + 7, x = i % 8 * 370 + 3;
      guint in = 0;

      for (guint k = 0; k < n; k++)
        in += y >= crops[k].part.y && y + 30 <= crops[k].part.y + crops[k].part.h &&
              x >= crops[k].part.x && x + 20 <= crops[k].part.x + crops[k].part.w;
      g_assert_cmpuint (in, ==, 1);
    }
}

static void
test_find_nothing (void)
{
  const PdCropOptions options = { { 203, 301 }, -1, 512, 8, PD_TORUS_NONE };
  g_autoptr (GeglBuffer) mask = pd_picture_new (301, 203, "Y float");
  g_autoptr (GError) error = NULL;
  PdCrop crops[PD_MAX_CROPS];

  paint (mask, &(PdRect){ 7, 9, 1, 1 }, -1);
  g_assert_cmpuint (pd_crop_find (mask, &options, crops, &error), ==, 0);
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
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
  g_test_add_func ("/crop/find", test_find);
  g_test_add_func ("/crop/find/many", test_find_many);
  g_test_add_func ("/crop/find/nothing", test_find_nothing);
  g_test_add_func ("/crop/take", test_take);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
