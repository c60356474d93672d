// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "engine/tiles/windows.h"

typedef struct
{
  guint h, w, tile, halo;
  PdTorus wrap;
} Shape;

static const Shape shapes[] = {
  { 64, 64, 32, 8, PD_TORUS_NONE },  { 97, 61, 32, 7, PD_TORUS_NONE },
  { 5, 200, 48, 11, PD_TORUS_NONE }, { 20, 20, 32, 8, PD_TORUS_NONE },
  { 64, 64, 32, 8, PD_TORUS_XY },    { 61, 97, 32, 7, PD_TORUS_Y },
  { 33, 127, 40, 19, PD_TORUS_X },   { 9, 15, 32, 8, PD_TORUS_XY },
  { 17, 3, 40, 19, PD_TORUS_XY },
};

/* Windows are as few as those asked for, and 8 pixels less each would not do. */
static void
check_size (const PdGridAxis *axis, const Shape *shape)
{
  const guint shared = 2 * shape->halo, covered = axis->canvas - (axis->wrap ? 0 : shared);

  g_assert_cmpuint (axis->tile, <=, shape->tile);
  if (axis->wrap || axis->count > 1)
    {
      g_assert_cmpuint (axis->count, ==,
                        (covered + shape->tile - shared - 1) / (shape->tile - shared));
      g_assert_true (axis->tile <= shared + 8 || axis->count * (axis->tile - 8 - shared) < covered);
    }
}

/* Every pixel of the canvas is in one core, and away from its window's edges. */
static void
test_partition (void)
{
  for (guint s = 0; s < G_N_ELEMENTS (shapes); s++)
    {
      const Shape *shape = &shapes[s];
      g_autoptr (GError) error = NULL;
      g_auto (PdWindows) windows = { 0 };
      g_autofree guint8 *covered = g_new0 (guint8, (gsize) shape->h * shape->w);

      g_assert_true (pd_windows_init (&windows, (PdSize){ shape->h, shape->w }, shape->tile,
                                      shape->halo, shape->wrap, &error));
      g_assert_no_error (error);
      check_size (&windows.grid.y, shape);
      check_size (&windows.grid.x, shape);
      for (guint window = 0; window < pd_windows_count (&windows); window++)
        {
          const PdGridAxis *axes[2] = { &windows.grid.y, &windows.grid.x };
          PdCore cores[2];

          pd_windows_core (&windows, window, &cores[0], &cores[1]);
          for (guint a = 0; a < 2; a++)
            {
              guint end = cores[a].first + cores[a].length;

              g_assert_cmpuint (cores[a].length, >, 0);
              g_assert_cmpuint (end, <=, axes[a]->tile);
              if (axes[a]->wrap || cores[a].start > 0)
                g_assert_cmpuint (cores[a].first, >=, shape->halo);
              if (axes[a]->wrap || cores[a].start + axes[a]->tile < axes[a]->canvas)
                g_assert_cmpuint (axes[a]->tile - end, >=, shape->halo);
            }
          for (guint y = 0; y < cores[0].length; y++)
            for (guint x = 0; x < cores[1].length; x++)
              covered[(gsize) ((cores[0].start + cores[0].first + y) % shape->h) * shape->w +
                      (cores[1].start + cores[1].first + x) % shape->w]++;
        }
      for (gsize i = 0; i < (gsize) shape->h * shape->w; i++)
        g_assert_cmpuint (covered[i], ==, 1);
    }
}

/* Pieces lie inside the canvas and show what the rectangle shows. */
static void
test_pieces (void)
{
  static const guint h = 6, w = 5, scale = 2, y = 9, x = 7, rows = 10, columns = 7;
  const PdRect rect = { y, x, rows, columns };
  g_auto (PdWindows) windows = { 0 };
  g_autofree guint8 *seen = g_new0 (guint8, rows * columns * scale * scale);
  g_autoptr (GArray) pieces = NULL;

  g_assert_true (pd_windows_init (&windows, (PdSize){ h, w }, 8, 1, PD_TORUS_XY, NULL));
  pieces = pd_windows_pieces (&windows, scale, &rect);
  for (guint i = 0; i < pieces->len; i++)
    {
      const PdPiece *piece = &g_array_index (pieces, PdPiece, i);

      g_assert_cmpuint (piece->on.y + piece->on.h, <=, h * scale);
      g_assert_cmpuint (piece->on.x + piece->on.w, <=, w * scale);
      g_assert_cmpuint ((y * scale + piece->from_y) % (h * scale), ==, piece->on.y);
      g_assert_cmpuint ((x * scale + piece->from_x) % (w * scale), ==, piece->on.x);
      for (guint row = 0; row < piece->on.h; row++)
        for (guint column = 0; column < piece->on.w; column++)
          seen[(piece->from_y + row) * columns * scale + piece->from_x + column]++;
    }
  for (guint i = 0; i < rows * columns * scale * scale; i++)
    g_assert_cmpuint (seen[i], ==, 1);
}

static void
test_refusal (void)
{
  g_autoptr (GError) error = NULL;
  PdWindows windows;

  g_assert_false (pd_windows_init (&windows, (PdSize){ 64, 64 }, 16, 8, PD_TORUS_NONE, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  pd_windows_clear (&windows);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/windows/partition", test_partition);
  g_test_add_func ("/windows/pieces", test_pieces);
  g_test_add_func ("/windows/refusal", test_refusal);
  return g_test_run ();
}
