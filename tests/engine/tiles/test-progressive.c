// SPDX-License-Identifier: GPL-3.0-or-later
#include <math.h>
#include <string.h>

#include "engine/diffusion/noise.h"
#include "engine/tiles/guide.h"
#include "engine/tiles/progressive.h"
#include "engine/tiles/resample.h"

/* What a run in levels is made of, without a model. */

static void
test_plan (void)
{
  static const struct
  {
    PdProgressive when;
    guint width, height, n;
    PdLevel base;
  } cases[] = {
    { PD_PROGRESSIVE_AUTO, 512, 512, 1, { 512, 512 } }, /* twice the native size is not above it */
    { PD_PROGRESSIVE_AUTO, 520, 520, 2, { 264, 264 } },
    { PD_PROGRESSIVE_AUTO, 1024, 1024, 3, { 256, 256 } },
    { PD_PROGRESSIVE_AUTO, 8192, 8192, 6, { 256, 256 } },
    { PD_PROGRESSIVE_AUTO, 1000, 344, 2, { 504, 176 } },
    { PD_PROGRESSIVE_AUTO, 1001, 1003, 3, { 256, 256 } },
    { PD_PROGRESSIVE_AUTO, 4096, 64, 1, { 4096, 64 } }, /* a base would be too flat to draw */
    { PD_PROGRESSIVE_AUTO, 8192, 512, 3, { 2048, 128 } },
    { PD_PROGRESSIVE_OFF, 8192, 8192, 1, { 8192, 8192 } },
    { PD_PROGRESSIVE_ON, 512, 512, 2, { 256, 256 } },
    { PD_PROGRESSIVE_ON, 256, 256, 1, { 256, 256 } },
    { PD_PROGRESSIVE_ON, 1, 1, 1, { 1, 1 } },
    { PD_PROGRESSIVE_ON, 65536, 65536, 9, { 256, 256 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      PdLevel levels[PD_MAX_LEVELS];
      guint n = pd_levels_plan (cases[i].when, cases[i].width, cases[i].height, 256, 8, levels);

      g_assert_cmpuint (n, ==, cases[i].n);
      g_assert_cmpuint (levels[0].width, ==, cases[i].base.width);
      g_assert_cmpuint (levels[0].height, ==, cases[i].base.height);
      g_assert_cmpuint (levels[n - 1].width, ==, cases[i].width);
      g_assert_cmpuint (levels[n - 1].height, ==, cases[i].height);
    }
}

/* Whatever the target: bases the model can draw, multiples of the scale, each twice the last. */
static void
test_plan_any (void)
{
  for (guint i = 0; i < 2000; i++)
    {
      guint width = (guint) g_test_rand_int_range (1, 20000);
      guint height = (guint) g_test_rand_int_range (1, 20000);
      guint native = 8 * (guint) g_test_rand_int_range (8, 129);
      PdLevel levels[PD_MAX_LEVELS];
      guint n = pd_levels_plan (PD_PROGRESSIVE_AUTO, width, height, native, 8, levels);

      g_assert_cmpuint (levels[n - 1].width, ==, width);
      g_assert_cmpuint (levels[n - 1].height, ==, height);
      if (n == 1)
        continue;
      g_assert_cmpuint (MIN (levels[0].width, levels[0].height), >=, native / 2);
      g_assert_cmpfloat (sqrt ((double) levels[0].width * levels[0].height), >, 0.8 * native);
      for (guint k = 0; k + 1 < n; k++)
        {
          g_assert_cmpuint (levels[k].width % 8, ==, 0);
          g_assert_cmpuint (levels[k].height % 8, ==, 0);
          g_assert_cmpint (ABS ((int) (2 * levels[k].width) - (int) levels[k + 1].width), <, 16);
          g_assert_cmpint (ABS ((int) (2 * levels[k].height) - (int) levels[k + 1].height), <, 16);
        }
    }
}

static void
test_enlarge_levels (void)
{
  PdLevel levels[PD_MAX_LEVELS];

  g_assert_cmpuint (pd_levels_enlarge (37, 21, 8, levels), ==, 3);
  g_assert_cmpuint (levels[0].width, ==, 74);
  g_assert_cmpuint (levels[0].height, ==, 42);
  g_assert_cmpuint (levels[2].width, ==, 296);
  g_assert_cmpuint (levels[2].height, ==, 168);
}

static void
test_schedule (void)
{
  g_assert_cmpfloat (pd_level_strength (0.5, 1), ==, 0.5);
  for (guint rise = 1; rise < PD_MAX_LEVELS - 1; rise++)
    {
      double more = pd_level_strength (0.5, rise), less = pd_level_strength (0.5, rise + 1);

      g_assert_cmpfloat (less, <=, more);
      g_assert_cmpfloat (less, >, 0.3);
    }
  g_assert_cmpfloat (pd_level_strength (0.5, 2), <, 0.5);

  g_assert_cmpfloat (pd_level_fade (0, 10), ==, 1);
  g_assert_cmpfloat_with_epsilon (pd_level_fade (5, 10), 0.5, 1e-12);
  g_assert_cmpfloat_with_epsilon (pd_level_fade (10, 10), 0, 1e-12);
  for (guint step = 0; step < 10; step++)
    g_assert_cmpfloat (pd_level_fade (step, 10), >, pd_level_fade (step + 1, 10));
}

/* Index @at of a line that goes on as a torus or mirrored. */
static guint
beyond (int at, int size, gboolean wrap)
{
  while (at < 0 || at >= size)
    if (wrap)
      at += at < 0 ? size : -size;
    else
      at = at < 0 ? -1 - at : 2 * size - 1 - at;
  return (guint) at;
}

static double
naive_low_pass (const float *plane, PdSize size, double sigma, PdTorus wrap, int y, int x)
{
  int radius = (int) ceil (3 * sigma);
  double sum = 0, mass = 0;

  for (int i = -radius; i <= radius; i++)
    for (int j = -radius; j <= radius; j++)
      {
        double weight = exp (-(i * i + j * j) / (2 * sigma * sigma));
        guint row = beyond (y + i, (int) size.h, wrap & PD_TORUS_Y);
        guint column = beyond (x + j, (int) size.w, wrap & PD_TORUS_X);

        sum += weight * plane[row * size.w + column];
        mass += weight;
      }
  return sum / mass;
}

static void
test_low_pass (void)
{
  static const struct
  {
    int h, w;
    double sigma;
  } cases[] = { { 12, 17, 1.5 }, { 5, 40, 2 }, { 1, 1, 3 }, { 3, 2, 4 }, { 9, 9, 0.4 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (PdTorus wrap = PD_TORUS_NONE; wrap <= PD_TORUS_XY; wrap++)
      {
        int h = cases[i].h, w = cases[i].w;
        const PdSize size = { (guint) h, (guint) w };
        g_autofree float *plane = g_new (float, (gsize) h *w), *out = NULL;

        pd_noise_normal (i, 0, 0, (gsize) h * w, plane);
        out = g_memdup2 (plane, (gsize) h * w * sizeof *out);
        g_assert_true (pd_low_pass (out, size, cases[i].sigma, wrap, NULL));
        for (int y = 0; y < h; y++)
          for (int x = 0; x < w; x++)
            g_assert_cmpfloat_with_epsilon (
                out[y * w + x], naive_low_pass (plane, size, cases[i].sigma, wrap, y, x), 1e-5);
      }
}

/* A picture in memory. */
typedef struct
{
  guint h, w;
  float *rgb;
} Picture;

static gboolean
read_picture (const PdRect *rect, float *rgb, gpointer data, GError **error)
{
  const Picture *self = data;

  g_assert_cmpuint (rect->x + rect->w, <=, self->w);
  g_assert_cmpuint (rect->y + rect->h, <=, self->h);
  for (guint row = 0; row < rect->h; row++)
    memcpy (rgb + (gsize) row * rect->w * 3,
            self->rgb + ((gsize) (rect->y + row) * self->w + rect->x) * 3,
            (gsize) rect->w * 3 * sizeof *rgb);
  return TRUE;
}

static double
cubic (double x)
{
  x = fabs (x);
  return x < 1   ? 1.5 * x * x * x - 2.5 * x * x + 1
         : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
                 : 0;
}

static double
naive_enlarge (const PdEnlargement *how, const Picture *from, guint y, guint x, guint c)
{
  double at_y = (y + 0.5) * from->h / how->to.h - 0.5;
  double at_x = (x + 0.5) * from->w / how->to.w - 0.5;
  double sum = 0;

  for (int i = (int) floor (at_y) - 1; i <= (int) floor (at_y) + 2; i++)
    for (int j = (int) floor (at_x) - 1; j <= (int) floor (at_x) + 2; j++)
      {
        guint row = how->wrap & PD_TORUS_Y ? beyond (i, (int) from->h, TRUE)
                                           : (guint) CLAMP (i, 0, (int) from->h - 1);
        guint column = how->wrap & PD_TORUS_X ? beyond (j, (int) from->w, TRUE)
                                              : (guint) CLAMP (j, 0, (int) from->w - 1);

        sum += cubic (at_y - i) * cubic (at_x - j) * from->rgb[(row * from->w + column) * 3 + c];
      }
  return sum;
}

/* Any part of the result, also beyond its edges, is what the whole has there. */
static void
test_enlarge (void)
{
  static const guint sizes[][4] = {
    { 6, 9, 12, 18 }, { 5, 7, 9, 15 }, { 1, 1, 8, 8 }, { 2, 3, 16, 24 }, { 4, 4, 4, 4 }
  };
  static const PdRect parts[] = { { 0, 0, 1, 1 }, { 0, 0, 4, 6 }, { 2, 3, 9, 7 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (PdTorus wrap = PD_TORUS_NONE; wrap <= PD_TORUS_XY; wrap++)
      for (guint p = 0; p < G_N_ELEMENTS (parts); p++)
        {
          const PdRect *part = &parts[p];
          gsize n = (gsize) sizes[i][0] * sizes[i][1] * 3;
          g_autofree float *source = g_new (float, n), *out = NULL;
          Picture from = { sizes[i][0], sizes[i][1], source };
          PdEnlargement how = {
            { from.h, from.w }, { sizes[i][2], sizes[i][3] }, wrap, read_picture, &from
          };
          g_autoptr (GError) error = NULL;

          pd_noise_normal (i, 1, 0, n, source);
          out = g_new (float, 3 * pd_rect_area (part));
          g_assert_true (pd_enlarge (&how, part, out, &error));
          for (guint y = 0; y < part->h; y++)
            for (guint x = 0; x < part->w; x++)
              for (guint c = 0; c < 3; c++)
                g_assert_cmpfloat_with_epsilon (
                    out[(y * part->w + x) * 3 + c],
                    naive_enlarge (&how, &from, part->y + y, part->x + x, c), 2e-5);
        }
}

static PdSchedule *
new_schedule (double strength)
{
  g_auto (PdScheduleConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  PdSchedule *schedule;

  pd_schedule_config_init (&config);
  schedule = pd_schedule_new (&config, PD_SOLVER_EULER, 20, strength, &error);
  g_assert_no_error (error);
  return schedule;
}

enum
{
  CHANNELS = 3,
  H = 14,
  W = 11,
  N = CHANNELS * H * W,
};

static PdGuide
new_guide (float *reference)
{
  pd_noise_normal (5, 0, 0, N, reference);
  return (PdGuide){ .channels = CHANNELS,
                    .size = { H, W },
                    .wrap = PD_TORUS_XY,
                    .reference = reference,
                    .pull = 1,
                    .radius = 1.5 };
}

/* At the first step the low frequencies become the reference's and the rest stays; later less. */
static void
test_pull (void)
{
  g_autofree float *reference = g_new (float, N), *clean = g_new (float, N);
  g_autofree float *before = g_new (float, N);
  PdGuide guide = new_guide (reference);
  g_autoptr (PdSchedule) schedule = new_schedule (0.5);
  const PdRect all = { 0, 0, H, W };

  for (guint step = 0; step < pd_schedule_n_calls (schedule); step += 4)
    {
      double share = pd_level_fade (step, pd_schedule_n_calls (schedule));

      pd_noise_normal (6, 0, 0, N, before);
      memcpy (clean, before, N * sizeof *clean);
      g_assert_true (pd_guide_adjust_clean (schedule, step, &all, clean, &guide, NULL));
      for (guint c = 0; c < CHANNELS; c++)
        {
          const float *plane = before + c * H * W, *target = reference + c * H * W;

          for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
              g_assert_cmpfloat_with_epsilon (
                  clean[(c * H + (guint) y) * W + (guint) x],
                  plane[y * W + x] +
                      share *
                          (naive_low_pass (target, guide.size, guide.radius, PD_TORUS_XY, y, x) -
                           naive_low_pass (plane, guide.size, guide.radius, PD_TORUS_XY, y, x)),
                  2e-5);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/progressive/plan", test_plan);
  g_test_add_func ("/progressive/plan/any", test_plan_any);
  g_test_add_func ("/progressive/plan/enlarge", test_enlarge_levels);
  g_test_add_func ("/progressive/schedule", test_schedule);
  g_test_add_func ("/progressive/low-pass", test_low_pass);
  g_test_add_func ("/progressive/enlarge", test_enlarge);
  g_test_add_func ("/progressive/guide/pull", test_pull);
  return g_test_run ();
}
