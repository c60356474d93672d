// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/anchors.h"

/* Which tiles of a grid are anchors. */

enum
{
  TILE = 8,
};

/* A grid of @rows × @columns tiles. */
static guint
choose (guint rows, guint columns, guint *tiles)
{
  g_autoptr (GError) error = NULL;
  PdGrid grid;

  g_assert_true (pd_grid_init (&grid, (PdSize){ rows * TILE, columns * TILE }, TILE, 0,
                               PD_TORUS_NONE, &error));
  g_assert_cmpuint (pd_grid_n_tiles (&grid), ==, rows * columns);
  return pd_anchors_choose (&grid, tiles);
}

static void
test_choose (void)
{
  guint tiles[PD_ANCHORS_MAX];

  g_assert_cmpuint (choose (1, 1, tiles), ==, 0);
  /* At a quarter and three quarters. */
  g_assert_cmpuint (choose (5, 5, tiles), ==, 4);
  g_assert_cmpuint (tiles[0], ==, 5 + 1);
  g_assert_cmpuint (tiles[1], ==, 5 + 3);
  g_assert_cmpuint (tiles[2], ==, 15 + 1);
  g_assert_cmpuint (tiles[3], ==, 15 + 3);
  g_assert_cmpuint (choose (8, 8, tiles), ==, 16);
  g_assert_cmpuint (choose (7, 9, tiles), ==, 4);
}

/* No tile twice, none outside, ascending, and as many as there is room for. */
static void
test_shapes (void)
{
  for (guint rows = 1; rows <= 20; rows++)
    for (guint columns = 1; columns <= 20; columns++)
      {
        guint tiles[PD_ANCHORS_MAX], most = rows * columns >= 64 ? 16 : 4;
        guint n = choose (rows, columns, tiles);

        if (rows * columns == 1)
          continue;
        g_assert_cmpuint (n, <=, MIN (most, rows * columns));
        g_assert_cmpuint (n, >, MIN (most, rows * columns) / 2);
        for (guint i = 0; i < n; i++)
          g_assert_cmpuint (tiles[i], <, i + 1 < n ? tiles[i + 1] : rows * columns);
      }
}

/* A wave is as large as what is before it, and the last one ends with the anchors. */
static void
test_waves (void)
{
  static const struct
  {
    guint n, waves[6];
  } cases[] = {
    { 1, { 1 } }, { 4, { 1, 1, 2 } }, { 7, { 1, 1, 2, 3 } }, { 16, { 1, 1, 2, 4, 8 } }
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint done = 0;

      for (guint wave = 0; done < cases[i].n; wave++)
        {
          g_assert_cmpuint (pd_anchors_wave (done, cases[i].n), ==, cases[i].waves[wave]);
          done += cases[i].waves[wave];
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/anchors/choose", test_choose);
  g_test_add_func ("/anchors/shapes", test_shapes);
  g_test_add_func ("/anchors/waves", test_waves);
  return g_test_run ();
}
