// SPDX-License-Identifier: GPL-3.0-or-later
/* New pixels that meet the original around them. */
#include "engine/run/rim.h"

#include <math.h>

enum
{
  WIDTH = 150,
  HEIGHT = 121,
  COLORS = 3,
  N = WIDTH * HEIGHT,
};

typedef struct
{
  float original[N * COLORS], made[N * COLORS], mask[N];
} Case;

static const float shift[COLORS] = { 0.05f, -0.03f, 0.02f };

/* A slope with some texture; what was made has the same slope, another texture inside, and is off
 * by @shift and by a slope of its own. @radius of the part that is made anew, which @soft pixels
 * further out is kept whole. */
static Case *
make_case (double radius, double soft)
{
  Case *self = g_new (Case, 1);
  g_autoptr (GRand) random = g_rand_new_with_seed (7);

  for (int i = 0; i < N; i++)
    {
      int x = i % WIDTH, y = i / WIDTH;
      double outside = hypot (x - 70, y - 60) - radius;

      self->mask[i] = (float) (soft > 0 ? CLAMP (1 - outside / soft, 0, 1) : outside <= 0);
      for (int c = 0; c < COLORS; c++)
        {
          double slope = 0.3 + 0.002 * x + 0.001 * y;
          double texture = g_rand_double_range (random, -0.02, 0.02);

          self->original[i * COLORS + c] = (float) (slope + texture);
          if (self->mask[i] > 0)
            texture = g_rand_double_range (random, -0.02, 0.02);
          self->made[i * COLORS + c] = (float) (slope + texture - shift[c] - 0.0004 * x);
        }
    }
  return self;
}

static void
repair (Case *self, int group)
{
  g_autoptr (PdRim) rim = pd_rim_new (WIDTH, HEIGHT, NULL);

  for (int y = 0; y < HEIGHT; y += group)
    pd_rim_add (rim, (guint) y, (guint) MIN (group, HEIGHT - y),
                self->original + y * WIDTH * COLORS, self->made + y * WIDTH * COLORS,
                self->mask + y * WIDTH);
  g_assert_true (pd_rim_solve (rim, NULL));
  for (int y = 0; y < HEIGHT; y += group)
    pd_rim_apply (rim, (guint) y, (guint) MIN (group, HEIGHT - y), self->made + y * WIDTH * COLORS);
}

/* Mean of what was made, within @depth pixels inside the rim, less that of the original on the same
 * slope. */
static double
mean_off (const Case *self, double radius, double depth, int c)
{
  double sum = 0;
  int n = 0;

  for (int i = 0; i < N; i++)
    {
      int x = i % WIDTH, y = i / WIDTH;
      double inside = radius - hypot (x - 70, y - 60);

      if (inside < 0 || inside > depth)
        continue;
      sum += self->made[i * COLORS + c] - (0.3 + 0.002 * x + 0.001 * y);
      n++;
    }
  return sum / n;
}

/* The rim is off by several hundredths before and by next to nothing after; so is the middle. */
static void
test_meets (void)
{
  g_autofree Case *self = make_case (40, 0);
  double before[COLORS];

  for (int c = 0; c < COLORS; c++)
    before[c] = mean_off (self, 40, 4, c);
  repair (self, 16);
  for (int c = 0; c < COLORS; c++)
    {
      double after = mean_off (self, 40, 4, c);

      g_test_message ("colour %d: off by %.4f at the rim before, %.4f after", c, before[c], after);
      g_assert_cmpfloat_with_epsilon (before[c], -shift[c] - 0.0004 * 70, 0.003);
      g_assert_cmpfloat_with_epsilon (after, 0, 0.002);
      g_assert_cmpfloat_with_epsilon (mean_off (self, 10, 10, c), 0, 0.004);
    }
}

/* Where nearly everything is made anew, the little that is kept counts in full. */
static void
test_weights (void)
{
  g_autofree Case *self = make_case (94, 0);
  int kept = 0;

  for (int i = 0; i < N; i++)
    kept += self->mask[i] == 0;
  g_assert_cmpint (kept, >, 0);
  g_assert_cmpint (kept, <, N / 100);
  repair (self, 7);
  for (int c = 0; c < COLORS; c++)
    g_assert_cmpfloat (fabs (mean_off (self, 60, 60, c)), <, 0.035);
}

/* A soft mask: also what is kept in part counts, with its part. */
static void
test_soft (void)
{
  g_autofree Case *self = make_case (25, 20);

  repair (self, 121);
  for (int c = 0; c < COLORS; c++)
    g_assert_cmpfloat_with_epsilon (mean_off (self, 25, 25, c), 0, 0.005);
}

/* The result does not depend on how many rows come at a time. */
static void
test_groups (void)
{
  g_autofree Case *one = make_case (40, 6), *all = make_case (40, 6);

  repair (one, 1);
  repair (all, HEIGHT);
  g_assert_cmpmem (one->made, sizeof one->made, all->made, sizeof all->made);
}

/* Without anything to meet nothing is changed. */
static void
test_nothing_kept (void)
{
  g_autofree Case *self = make_case (1000, 0), *before = make_case (1000, 0);

  repair (self, 16);
  g_assert_cmpmem (self->made, sizeof self->made, before->made, sizeof before->made);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rim/meets", test_meets);
  g_test_add_func ("/rim/weights", test_weights);
  g_test_add_func ("/rim/soft", test_soft);
  g_test_add_func ("/rim/groups", test_groups);
  g_test_add_func ("/rim/nothing-kept", test_nothing_kept);
  return g_test_run ();
}
