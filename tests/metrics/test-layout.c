// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "tests/metrics/layout.h"

static void
assert_positions (GArray *positions, guint n, const guint *expected)
{
  g_assert_cmpmem (positions->data, positions->len * sizeof (guint), expected, n * sizeof (guint));
  g_array_unref (positions);
}

/* 3 tiles of 64 over 160 pixels, as 3 of 8 over 20 latent pixels at 0, 6, 12. */
static void
test_lines (void)
{
  g_autoptr (PdLayout) layout = pd_layout_new (160, 64, 64, 16, 8, PD_TORUS_NONE, NULL);
  guint n;
  g_autofree guint *cells = pd_layout_axis_cells (&layout->x, FALSE, &n);
  g_autofree guint *shifted = NULL;

  g_assert_cmpuint (layout->y.count, ==, 1);
  assert_positions (pd_layout_axis_starts (&layout->x), 2, (guint[]){ 48, 96 });
  assert_positions (pd_layout_axis_ends (&layout->x), 2, (guint[]){ 64, 112 });
  assert_positions (pd_layout_axis_middles (&layout->x), 3, (guint[]){ 32, 80, 128 });
  assert_positions (pd_layout_axis_overlaps (&layout->x), 2, (guint[]){ 56, 104 });
  g_assert_cmpfloat (pd_layout_axis_stride (&layout->x), ==, 48.0);
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (cells[55], ==, 0);
  g_assert_cmpuint (cells[56], ==, 1);
  g_assert_cmpuint (cells[104], ==, 2);
  g_assert_cmpuint (cells[159], ==, 2);
  shifted = pd_layout_axis_cells (&layout->x, TRUE, &n);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (shifted[27], ==, PD_LAYOUT_NONE);
  g_assert_cmpuint (shifted[28], ==, 0);
  g_assert_cmpuint (shifted[80], ==, 1);
  g_assert_cmpuint (shifted[131], ==, 1);
  g_assert_cmpuint (shifted[132], ==, PD_LAYOUT_NONE);
}

/* A torus of 144 with 3 tiles of 64 at 0, 48, 96: the last reaches 16 over the border. */
static void
test_torus (void)
{
  g_autoptr (PdLayout) layout = pd_layout_new (144, 144, 64, 16, 8, PD_TORUS_XY, NULL);
  guint n;
  g_autofree guint *cells = pd_layout_axis_cells (&layout->x, FALSE, &n);
  g_autofree guint *shifted = NULL;

  assert_positions (pd_layout_axis_starts (&layout->x), 3, (guint[]){ 0, 48, 96 });
  assert_positions (pd_layout_axis_ends (&layout->x), 3, (guint[]){ 64, 112, 16 });
  assert_positions (pd_layout_axis_overlaps (&layout->x), 3, (guint[]){ 8, 56, 104 });
  g_assert_cmpuint (cells[7], ==, 2);
  g_assert_cmpuint (cells[8], ==, 0);
  g_assert_cmpuint (cells[143], ==, 2);
  shifted = pd_layout_axis_cells (&layout->x, TRUE, &n);
  g_assert_cmpuint (n, ==, 3);
  for (guint i = 0; i < 144; i++)
    g_assert_cmpuint (shifted[i], ==, (i + 144 - 32) % 144 / 48);
}

static void
test_parse (void)
{
  static const char *const bad[] = { "", "0,96", "0,48", "8,48,96", "0,48,48,96", "0,48,160", "x" };
  g_autoptr (PdLayout) layout = pd_layout_new (160, 64, 64, 16, 8, PD_TORUS_NONE, NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (pd_layout_axis_parse (&layout->x, bad[i], &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
    }
  g_assert_true (pd_layout_axis_parse (&layout->x, "0,40,100", &error));
  assert_positions (pd_layout_axis_starts (&layout->x), 2, (guint[]){ 40, 100 });
}

static void
test_errors (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (pd_layout_new (160, 160, 60, 16, 8, PD_TORUS_NONE, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_clear_error (&error);
  g_assert_null (pd_layout_new (160, 8, 64, 16, 8, PD_TORUS_NONE, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
  g_clear_error (&error);
  g_assert_null (pd_layout_new (160, 160, 64, 64, 8, PD_TORUS_NONE, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/layout/lines", test_lines);
  g_test_add_func ("/layout/torus", test_torus);
  g_test_add_func ("/layout/parse", test_parse);
  g_test_add_func ("/layout/errors", test_errors);
  return g_test_run ();
}
