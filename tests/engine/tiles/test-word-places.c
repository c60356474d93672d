// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tiles/word-places.h"

#include <string.h>

/* Where words are, from maps that are made so. */

enum
{
  H = 32,
  W = 48,
};

static const PdSize size = { H, W };

/* 3 within @rect, which may go round, 1 elsewhere. */
static void
draw (float *map, PdRect rect)
{
  for (guint i = 0; i < H * W; i++)
    map[i] = 1;
  for (guint y = 0; y < rect.h; y++)
    for (guint x = 0; x < rect.w; x++)
      map[(rect.y + y) % H * W + (rect.x + x) % W] = 3;
}

static double
mask_of (const float *map, PdTorus wrap, guint8 *mask)
{
  double contrast;

  g_assert_true (pd_word_places_mask (map, size, wrap, mask, &contrast, NULL));
  return contrast;
}

static guint
count (const guint8 *mask)
{
  guint n = 0;

  for (guint i = 0; i < H * W; i++)
    n += mask[i];
  return n;
}

/* A word has the place that it was given; specks are none, a hole in it neither. */
static void
test_mask (void)
{
  float map[H * W];
  guint8 mask[H * W];

  draw (map, (PdRect){ 0, 0, H, 20 });
  map[5 * W + 40] = map[5 * W + 41] = map[20 * W + 30] = 9;
  g_assert_cmpfloat (mask_of (map, PD_TORUS_NONE, mask), >, 2.5);
  for (guint i = 0; i < H * W; i++)
    g_assert_cmpuint (mask[i], ==, i % W < 20);
  g_assert_true (pd_word_places_is_placed (mask, size, 2.9, 30));
  g_assert_false (pd_word_places_is_placed (mask, size, 1.2, 30));
  g_assert_false (pd_word_places_is_placed (mask, size, 2.9, 8));
}

/* What is everywhere, or nowhere, has no place. */
static void
test_flat (void)
{
  float map[H * W];
  guint8 mask[H * W];

  draw (map, (PdRect){ 0, 0, 0, 0 });
  g_assert_cmpfloat (mask_of (map, PD_TORUS_NONE, mask), ==, 0);
  g_assert_cmpuint (count (mask), ==, 0);
  draw (map, (PdRect){ 0, 0, 29, W });
  g_assert_cmpfloat (mask_of (map, PD_TORUS_NONE, mask), >, 2.5);
  g_assert_false (pd_word_places_is_placed (mask, size, 3, 30));
}

/* A strip of one cell on each side of the edge is a speck by itself and none on a torus. */
static void
test_torus (void)
{
  float map[H * W];
  guint8 mask[H * W];

  draw (map, (PdRect){ H - 3, 8, 6, 20 });
  mask_of (map, PD_TORUS_XY, mask);
  g_assert_cmpuint (count (mask), ==, 6 * 20);
  draw (map, (PdRect){ 8, W - 2, 10, 5 });
  mask_of (map, PD_TORUS_X, mask);
  g_assert_cmpuint (count (mask), ==, 50);
}

/* A canvas eight times the map; the word is its left quarter, or a small part of it. */
static void
test_shown (void)
{
  static const PdSize canvas = { 8 * H, 8 * W }, tile = { 64, 64 };
  float map[H * W];
  guint8 mask[H * W];
  PdRect place = { 0, 0, 64, 64 };

  draw (map, (PdRect){ 0, 0, H, 12 }); /* pixels 0 … 95 */
  mask_of (map, PD_TORUS_NONE, mask);
  g_assert_true (pd_word_places_shown (mask, size, canvas, tile, &place));
  place.x = 70; /* 26 columns of 64 */
  g_assert_true (pd_word_places_shown (mask, size, canvas, tile, &place));
  place.x = 80; /* 16 */
  g_assert_false (pd_word_places_shown (mask, size, canvas, tile, &place));
  place.x = 8 * W - 32; /* goes round */
  g_assert_true (pd_word_places_shown (mask, size, canvas, tile, &place));
  place.w = 32; /* does not */
  g_assert_false (pd_word_places_shown (mask, size, canvas, tile, &place));

  draw (map, (PdRect){ 10, 20, 5, 5 }); /* 40 × 40 pixels from 80, 160 */
  mask_of (map, PD_TORUS_NONE, mask);
  g_assert_cmpuint (count (mask), ==, 25);
  place = (PdRect){ 110, 160, 64,
                    64 }; /* 10 × 40 of them: a quarter of the word, a tenth of the tile */
  g_assert_true (pd_word_places_shown (mask, size, canvas, tile, &place));
  place.y = 114;
  g_assert_false (pd_word_places_shown (mask, size, canvas, tile, &place));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/word-places/mask", test_mask);
  g_test_add_func ("/word-places/flat", test_flat);
  g_test_add_func ("/word-places/torus", test_torus);
  g_test_add_func ("/word-places/shown", test_shown);
  return g_test_run ();
}
