// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "engine/tiles/fusion.h"

typedef struct
{
  guint h, w, tile, overlap;
  PdTorus wrap;
} Case;

static const Case cases[] = {
  { 64, 64, 64, 16, PD_TORUS_NONE },   { 65, 64, 64, 16, PD_TORUS_NONE },
  { 128, 128, 64, 16, PD_TORUS_NONE }, { 1024, 1024, 64, 16, PD_TORUS_NONE },
  { 17, 301, 64, 63, PD_TORUS_NONE },  { 1, 1, 64, 16, PD_TORUS_NONE },
  { 100, 37, 32, 0, PD_TORUS_NONE },   { 128, 128, 64, 16, PD_TORUS_XY },
  { 65, 200, 64, 16, PD_TORUS_Y },     { 40, 40, 64, 16, PD_TORUS_XY },
  { 1, 7, 5, 2, PD_TORUS_XY },
};

/* Every pixel is covered, whatever the step's jitter. */
static void
test_cover (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint step = 0; step < 20; step++)
      {
        const Case *c = &cases[i];
        PdFusion fusion;
        PdGrid grid;
        g_autofree guint *ys = NULL, *xs = NULL;
        g_autofree float *mass = g_new0 (float, c->h * c->w), *sum = g_new0 (float, c->h * c->w);
        g_autofree float *profile_y = NULL, *profile_x = NULL, *tile = NULL;

        g_assert_true (
            pd_grid_init (&grid, (PdSize){ c->h, c->w }, c->tile, c->overlap, c->wrap, NULL));
        ys = g_new (guint, grid.y.count);
        xs = g_new (guint, grid.x.count);
        profile_y = g_new (float, grid.y.tile);
        profile_x = g_new (float, grid.x.tile);
        tile = g_new0 (float, grid.y.tile *grid.x.tile);
        pd_fusion_profile (PD_BLEND_RAMP, grid.y.tile, grid.y.overlap, profile_y);
        pd_fusion_profile (PD_BLEND_GAUSSIAN, grid.x.tile, grid.x.overlap, profile_x);
        pd_grid_starts (&grid, step > 0, 7, step, ys, xs);
        fusion = (PdFusion){ &grid, 1, profile_y, profile_x, sum, mass };
        for (guint y = 0; y < grid.y.count; y++)
          for (guint x = 0; x < grid.x.count; x++)
            {
              g_assert_cmpuint (ys[y], <, c->h);
              g_assert_cmpuint (xs[x], <, c->w);
              if (!(c->wrap & PD_TORUS_Y))
                g_assert_cmpuint (ys[y] + grid.y.tile, <=, c->h);
              if (!(c->wrap & PD_TORUS_X))
                g_assert_cmpuint (xs[x] + grid.x.tile, <=, c->w);
              pd_fusion_add (&fusion, tile, NULL, ys[y], xs[x]);
            }
        for (guint p = 0; p < c->h * c->w; p++)
          g_assert_cmpfloat (mass[p], >, 0);
      }
}

/* A pointwise model gives the same canvas whatever the grid: fusing what was read gives it back. */
static void
test_identity (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Case *c = &cases[i];
      gsize pixels = c->h * c->w;
      PdFusion fusion;
      PdGrid grid;
      g_autofree guint *ys = NULL, *xs = NULL;
      g_autofree float *canvas = g_new (float, 3 * pixels), *sum = g_new0 (float, 3 * pixels);
      g_autofree float *mass = g_new0 (float, pixels);
      g_autofree float *profile_y = NULL, *profile_x = NULL, *tile = NULL;

      for (gsize p = 0; p < 3 * pixels; p++)
        canvas[p] = (float) ((p * 7919) % 1000) / 100 - 5;
      g_assert_true (
          pd_grid_init (&grid, (PdSize){ c->h, c->w }, c->tile, c->overlap, c->wrap, NULL));
      ys = g_new (guint, grid.y.count);
      xs = g_new (guint, grid.x.count);
      profile_y = g_new (float, grid.y.tile);
      profile_x = g_new (float, grid.x.tile);
      tile = g_new (float, 3 * grid.y.tile * grid.x.tile);
      pd_fusion_profile (PD_BLEND_GAUSSIAN, grid.y.tile, grid.y.overlap, profile_y);
      pd_fusion_profile (PD_BLEND_RAMP, grid.x.tile, grid.x.overlap, profile_x);
      pd_grid_starts (&grid, TRUE, 3, 5, ys, xs);
      fusion = (PdFusion){ &grid, 3, profile_y, profile_x, sum, mass };
      for (guint y = 0; y < grid.y.count; y++)
        for (guint x = 0; x < grid.x.count; x++)
          {
            pd_fusion_read (&grid, 3, canvas, ys[y], xs[x], tile);
            pd_fusion_add (&fusion, tile, NULL, ys[y], xs[x]);
          }
      pd_fusion_divide (3, pixels, sum, mass);
      for (gsize p = 0; p < 3 * pixels; p++)
        g_assert_cmpfloat_with_epsilon (sum[p], canvas[p], 1e-5);
    }
}

static void
test_even (void)
{
  PdGrid grid;
  guint ys[3], xs[3];

  g_assert_true (pd_grid_init (&grid, (PdSize){ 24, 40 }, 16, 8, PD_TORUS_NONE, NULL));
  g_assert_cmpuint (grid.y.count, ==, 2);
  g_assert_cmpuint (grid.x.count, ==, 4);
  g_assert_cmpuint (pd_grid_n_tiles (&grid), ==, 8);
  g_assert_true (pd_grid_init (&grid, (PdSize){ 41, 41 }, 16, 3, PD_TORUS_NONE, NULL));
  pd_grid_starts (&grid, FALSE, 0, 0, ys, xs);
  g_assert_cmpuint (ys[0], ==, 0);
  g_assert_cmpuint (ys[1], ==, 13);
  g_assert_cmpuint (ys[2], ==, 25);
}

/* Jitter depends on seed and step, moves something, and leaves the border tiles where they are. */
static void
test_jitter (void)
{
  PdGrid grid;
  guint a[20], b[20], c[20], xs[20];
  gboolean moved = FALSE, differs = FALSE;

  g_assert_true (pd_grid_init (&grid, (PdSize){ 512, 512 }, 64, 32, PD_TORUS_NONE, NULL));
  pd_grid_starts (&grid, FALSE, 7, 1, a, xs);
  for (guint step = 1; step < 5; step++)
    {
      pd_grid_starts (&grid, TRUE, 7, step, b, xs);
      pd_grid_starts (&grid, TRUE, 7, step, c, xs);
      for (guint k = 0; k < grid.y.count; k++)
        {
          g_assert_cmpuint (b[k], ==, c[k]);
          moved |= b[k] != a[k];
          g_assert_cmpint (ABS ((int) b[k] - (int) a[k]), <=, 8);
        }
      pd_grid_starts (&grid, TRUE, 8, step, c, xs);
      for (guint k = 0; k < grid.y.count; k++)
        differs |= b[k] != c[k];
      g_assert_cmpuint (b[0], ==, 0);
      g_assert_cmpuint (b[grid.y.count - 1], ==, 448);
    }
  g_assert_true (moved && differs);
}

static void
test_refused (void)
{
  g_autoptr (GError) error = NULL;
  PdGrid grid;

  g_assert_false (pd_grid_init (&grid, (PdSize){ 64, 64 }, 16, 16, PD_TORUS_NONE, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_clear_error (&error);
  g_assert_false (pd_grid_init (&grid, (PdSize){ 0, 64 }, 16, 8, PD_TORUS_NONE, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
}

/* Grids of a million tiles are made, larger ones refused before anything is allocated for them; no
 * number on the way is cut to 32 bits. */
static void
test_limit (void)
{
  static const Case too_many[] = {
    { 1025, 1024, 1, 0, PD_TORUS_NONE },      { 8192, 8192, 1, 0, PD_TORUS_NONE },
    { 65536, 65536, 1, 0, PD_TORUS_XY },      { 65536, 65536, 512, 511, PD_TORUS_X },
    { 524288, 524288, 4, 3, PD_TORUS_NONE },  { G_MAXUINT, G_MAXUINT, 2, 1, PD_TORUS_XY },
    { G_MAXUINT, 64, 64, 63, PD_TORUS_NONE }, { 1 << 21, 1, 2, 1, PD_TORUS_NONE },
  };
  PdGrid grid;

  g_assert_true (pd_grid_init (&grid, (PdSize){ 1024, 1024 }, 1, 0, PD_TORUS_NONE, NULL));
  g_assert_cmpuint (pd_grid_n_tiles (&grid), ==, 1 << 20);
  g_assert_true (pd_grid_init (&grid, (PdSize){ G_MAXUINT, G_MAXUINT }, 1U << 31, 1U << 30,
                               PD_TORUS_NONE, NULL));
  g_assert_cmpuint (grid.y.count, ==, 3);
  for (guint i = 0; i < G_N_ELEMENTS (too_many); i++)
    {
      const Case *c = &too_many[i];
      g_autoptr (GError) error = NULL;

      g_assert_false (
          pd_grid_init (&grid, (PdSize){ c->h, c->w }, c->tile, c->overlap, c->wrap, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
      g_assert_nonnull (strstr (error->message, "1048576"));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/grid/cover", test_cover);
  g_test_add_func ("/grid/identity", test_identity);
  g_test_add_func ("/grid/even", test_even);
  g_test_add_func ("/grid/jitter", test_jitter);
  g_test_add_func ("/grid/refused", test_refused);
  g_test_add_func ("/grid/limit", test_limit);
  return g_test_run ();
}
