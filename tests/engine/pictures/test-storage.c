// SPDX-License-Identifier: GPL-3.0-or-later
/* A swap folder that is full is noticed. */
#include "engine/base/error.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/png-file.h"
#include "engine/pictures/storage.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

enum
{
  SIDE = 2000,
};

static char *folder;

static GeglBuffer *
make_noise (void)
{
  g_autofree guint32 *rows = g_new (guint32, SIDE * 10);
  GeglBuffer *picture = pd_picture_new (SIDE, SIDE, "R'G'B'A u8");

  for (int y = 0; y < SIDE; y += 10)
    {
      for (int i = 0; i < SIDE * 10; i++)
        rows[i] = g_test_rand_int_range (G_MININT32, G_MAXINT32);
      gegl_buffer_set (picture, GEGL_RECTANGLE (0, y, SIDE, 10), 0, NULL, rows,
                       GEGL_AUTO_ROWSTRIDE);
    }
  return picture;
}

static void
test_enough (void)
{
  g_autoptr (GeglBuffer) picture = NULL;
  g_autofree char *path = g_build_filename (folder, "out.png", NULL);
  g_autoptr (GError) error = NULL;

  pd_storage_watch ();
  picture = make_noise ();
  g_assert_true (pd_png_save (picture, path, 8, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (pd_storage_check (&error));
  g_remove (path);
}

/* No file may grow beyond 1 MiB, as if the disk were full. The PNG itself is not written at all. */
static void
test_full (void)
{
  g_autoptr (GeglBuffer) picture = NULL;
  g_autofree char *path = g_build_filename (folder, "out.png", NULL);
  g_autoptr (GError) error = NULL, save_error = NULL;
  struct rlimit limit, small;
  GLogLevelFlags fatal;
  gboolean stored, saved;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  small = limit;
  small.rlim_cur = 1 << 20;
  /* GEGL warns; in a test that would be the end. */
  fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  pd_storage_watch ();
  picture = make_noise ();
  /* Reading all of it fetches what was written. */
  for (int y = 0; y < SIDE; y += 10)
    {
      guint32 row[SIDE];

      gegl_buffer_get (picture, GEGL_RECTANGLE (0, y, SIDE, 1), 1.0, NULL, row, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
    }
  stored = pd_storage_check (&error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  saved = pd_png_save (picture, path, 8, NULL, &save_error);
  g_log_set_always_fatal (fatal);

  g_assert_false (stored);
  g_assert_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, folder));
  g_assert_nonnull (strstr (error->message, "GEGL_SWAP"));
  g_assert_false (saved);
  g_assert_error (save_error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));

  /* A new watch begins with a clean slate. */
  pd_storage_watch ();
  g_assert_true (pd_storage_check (NULL));
}

/* What does not fit is refused with the folder and both sizes; a folder that is not made yet counts
 * as the one above it. */
static void
test_space (void)
{
  static const char *const folders[] = { "/", "/no/such/folder", "." };

  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (pd_storage_check_space (folders[i], 0, "the moss", &error));
      g_assert_false (pd_storage_check_space (folders[i], G_MAXINT64, "the moss", &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY);
      g_assert_true (g_str_has_prefix (error->message, folders[i]));
      g_assert_nonnull (strstr (error->message, "the moss need 8.0"));
    }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("pd-storage-XXXXXX", NULL);
  gegl_init (NULL, NULL);
  /* 4 MiB of cache, so that the pictures have to go to disk. */
  g_object_set (gegl_config (), "swap", folder, "tile-cache-size", (guint64) 4 << 20, NULL);
  g_test_add_func ("/storage/enough", test_enough);
  g_test_add_func ("/storage/full", test_full);
  g_test_add_func ("/storage/space", test_space);
  status = g_test_run ();
  /* GEGL warns if its writer has not come to the tiles of the buffers just freed. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  gegl_exit ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}
