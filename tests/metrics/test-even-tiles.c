// SPDX-License-Identifier: GPL-3.0-or-later
/* A picture of tiles that the program makes with the embedded model, of a prompt under which
 * pictures differ in colour and in kind: that the default keeps tiles together, measured.
 * tests/bench/seams.sh has more prompts, seeds and ways. */
#include "tests/metrics/report.h"

#include <gegl.h>
#include <glib/gstdio.h>

/* Measured: spread 3.5, grain 0.48, fine 12.6. Without anchors 4.4, 0.99, 10.4; without shared
 * norms and pull, too, 9.9, 0.84, 10.7. */
static const double most_spread = 5.5;
static const double most_grain = 0.7;
static const double least_fine = 9;

static void
test_dunes (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("pd-even-XXXXXX", &error);
  g_autofree char *path = g_build_filename (folder, "dunes.png", NULL);
  const char *argv[] = { g_getenv ("PD_PROGRAM"),
                         "generate",
                         "--prompt=sand dunes",
                         "--seed=2",
                         "--size=384x384",
                         "--tile=128",
                         "--steps=8",
                         "--solver=ddim",
                         "--guidance=4",
                         "--progressive=off",
                         "--output",
                         path,
                         NULL };
  g_autoptr (PdPixels) picture = NULL;
  g_autoptr (PdPlane) luma = NULL;
  g_autoptr (PdLayout) layout = NULL;
  PdEvenness evenness;
  int status;

  g_assert_no_error (error);
  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  picture = pd_pixels_load (path, &error);
  g_assert_no_error (error);
  luma = pd_plane_luma (picture);
  layout = pd_layout_new (picture->width, picture->height, 128, 32, 8, PD_TORUS_NONE, &error);
  g_assert_no_error (error);
  evenness = pd_evenness_measure (picture, luma, layout, 8);
  g_test_message ("spread %.2f, grain %.2f, fine %.2f", evenness.spread, evenness.grain[0],
                  evenness.fine);
  g_assert_cmpfloat (evenness.spread, <, most_spread);
  g_assert_cmpfloat (evenness.grain[0], <, most_grain);
  g_assert_cmpfloat (evenness.fine, >, least_fine);
  g_remove (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  gegl_init (NULL, NULL);
  g_test_add_func ("/even-tiles/dunes", test_dunes);
  status = g_test_run ();
  gegl_exit ();
  return status;
}
