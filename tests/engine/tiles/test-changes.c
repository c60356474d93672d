// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/changes.h"

/* Which tiles of a canvas run for what changes in it. */

enum
{
  MAX_SPOTS = 4,
};

typedef struct
{
  guint h, w, tile, overlap;
  PdTorus wrap;
  PdRect spots[MAX_SPOTS]; /* what changes; h of 0: no more */
  guint n_tiles;           /* that run */
} Case;

static const Case cases[] = {
  /* One pixel: in one tile, in the two that share it, in the four at a corner. */
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 0, 0, 1, 1 } }, 1 },
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 5, 13, 1, 1 } }, 2 },
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 13, 13, 1, 1 } }, 4 },
  /* At the border, in the last row and column. */
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 63, 63, 1, 1 } }, 1 },
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 63, 0, 1, 64 } }, 5 },
  /* Islands far apart, and what lies between them. */
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 0, 0, 8, 8 }, { 56, 56, 8, 8 } }, 2 },
  { 64,
    64,
    16,
    4,
    PD_TORUS_NONE,
    { { 0, 0, 8, 8 }, { 0, 56, 8, 8 }, { 56, 0, 8, 8 }, { 56, 56, 8, 8 } },
    4 },
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 0, 0, 64, 1 }, { 63, 0, 1, 64 } }, 9 },
  /* Over the edge of a torus, whose tiles begin at 0, 16, 32 and 48 and have 20 pixels: those at
   * the end go round. */
  { 64, 64, 20, 4, PD_TORUS_XY, { { 0, 0, 1, 1 } }, 4 },
  { 64, 64, 20, 4, PD_TORUS_X, { { 25, 1, 1, 1 } }, 2 },
  { 64, 64, 20, 4, PD_TORUS_XY, { { 10, 10, 1, 1 } }, 1 },
  /* Everything and nothing. */
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 0, 0, 64, 64 } }, 25 },
  { 64, 64, 16, 4, PD_TORUS_NONE, { { 0 } }, 0 },
  { 12, 9, 16, 4, PD_TORUS_NONE, { { 11, 8, 1, 1 } }, 1 },
};

static PdChanges *
changes_of (const Case *self)
{
  g_autofree float *mask = g_new0 (float, self->h * self->w);
  g_autoptr (GError) error = NULL;
  PdChanges *changes;

  for (guint i = 0; i < MAX_SPOTS; i++)
    for (guint y = 0; y < self->spots[i].h; y++)
      for (guint x = 0; x < self->spots[i].w; x++)
        mask[(self->spots[i].y + y) * self->w + self->spots[i].x + x] = 0.01f;
  changes = pd_changes_new ((PdSize){ self->h, self->w }, self->wrap, mask, &error);
  g_assert_no_error (error);
  return changes;
}

static void
test_tiles (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Case *self = &cases[i];
      g_autoptr (PdChanges) changes = changes_of (self);
      PdGrid grid;
      guint n;

      g_test_message ("case %u", i);
      g_assert_true (pd_grid_init (&grid, (PdSize){ self->h, self->w }, self->tile, self->overlap,
                                   self->wrap, NULL));
      g_assert_true (pd_changes_count_tiles (changes, &grid, &n, NULL));
      g_assert_cmpuint (n, ==, self->n_tiles);
      g_assert_true (pd_changes_count_tiles (NULL, &grid, &n, NULL));
      g_assert_cmpuint (n, ==, pd_grid_n_tiles (&grid));
    }
}

static guint
distance (guint a, guint b, guint n, gboolean wraps)
{
  guint straight = a > b ? a - b : b - a;

  return wraps ? MIN (straight, n - straight) : straight;
}

/* Whether a cell no more than @reach away changes, one after the other. */
static gboolean
is_near (const PdChanges *changes, guint y, guint x, guint reach)
{
  PdSize size = changes->canvas;

  for (guint i = 0; i < size.h; i++)
    for (guint j = 0; j < size.w; j++)
      if (changes->cells[i * size.w + j] &&
          distance (y, i, size.h, (changes->wrap & PD_TORUS_Y) != 0) <= reach &&
          distance (x, j, size.w, (changes->wrap & PD_TORUS_X) != 0) <= reach)
        return TRUE;
  return FALSE;
}

static void
test_grow (void)
{
  static const guint reaches[] = { 0, 1, 7, 100 };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint r = 0; r < G_N_ELEMENTS (reaches); r++)
      {
        g_autoptr (PdChanges) changes = changes_of (&cases[i]);
        g_autoptr (PdChanges) grown = pd_changes_grow (changes, reaches[r], NULL);

        for (guint y = 0; y < cases[i].h; y += 3)
          for (guint x = 0; x < cases[i].w; x += 2)
            g_assert_cmpuint (grown->cells[y * cases[i].w + x], ==,
                              is_near (changes, y, x, reaches[r]));
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/changes/tiles", test_tiles);
  g_test_add_func ("/changes/grow", test_grow);
  return g_test_run ();
}
