// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "engine/tiles/windows.h"

typedef struct
{
  guint h, w, tile, halo;
  gboolean wrap_y, wrap_x;
} Shape;

static const Shape shapes[] = {
  { 64, 64, 32, 8, FALSE, FALSE },  { 97, 61, 32, 7, FALSE, FALSE },
  { 5, 200, 48, 11, FALSE, FALSE }, { 20, 20, 32, 8, FALSE, FALSE },
  { 64, 64, 32, 8, TRUE, TRUE },    { 61, 97, 32, 7, TRUE, FALSE },
  { 33, 127, 40, 19, FALSE, TRUE }, { 9, 15, 32, 8, TRUE, TRUE },
  { 17, 3, 40, 19, TRUE, TRUE },
};

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

      g_assert_true (pd_windows_init (&windows, shape->h, shape->w, shape->tile, shape->halo,
                                      shape->wrap_y, shape->wrap_x, &error));
      g_assert_no_error (error);
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
  static const guint h = 6, w = 5, scale = 2, y = 9, x = 7, rows = 20, columns = 13;
  g_auto (PdWindows) windows = { 0 };
  g_autofree guint8 *seen = g_new0 (guint8, rows * columns);
  g_autoptr (GArray) pieces = NULL;

  g_assert_true (pd_windows_init (&windows, h, w, 8, 1, TRUE, TRUE, NULL));
  pieces = pd_windows_pieces (&windows, scale, y, x, rows, columns);
  for (guint i = 0; i < pieces->len; i++)
    {
      const PdPiece *piece = &g_array_index (pieces, PdPiece, i);

      g_assert_cmpuint (piece->y + piece->h, <=, h * scale);
      g_assert_cmpuint (piece->x + piece->w, <=, w * scale);
      g_assert_cmpuint ((y + piece->from_y) % (h * scale), ==, piece->y);
      g_assert_cmpuint ((x + piece->from_x) % (w * scale), ==, piece->x);
      for (guint row = 0; row < piece->h; row++)
        for (guint column = 0; column < piece->w; column++)
          seen[(piece->from_y + row) * columns + piece->from_x + column]++;
    }
  for (guint i = 0; i < rows * columns; i++)
    g_assert_cmpuint (seen[i], ==, 1);
}

static void
test_refusal (void)
{
  g_autoptr (GError) error = NULL;
  PdWindows windows;

  g_assert_false (pd_windows_init (&windows, 64, 64, 16, 8, FALSE, FALSE, &error));
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
