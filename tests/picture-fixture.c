// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/picture-fixture.h"

#include "engine/pictures/picture.h"

#include <glib/gstdio.h>

static const char pixel_format[] = "R'G'B' float";

static char *folder;

void
pd_picture_fixture_open (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  gegl_init (NULL, NULL);
  folder = g_dir_make_tmp ("pd-picture-XXXXXX", NULL);
}

int
pd_picture_fixture_run (void)
{
  int status = g_test_run ();

  g_rmdir (folder);
  g_free (folder);
  gegl_exit ();
  return status;
}

char *
pd_picture_fixture_path (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

guint
pd_picture_fixture_count (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

void
pd_picture_fixture_empty (void)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *path = pd_picture_fixture_path (name);

      g_remove (path);
    }
}

GeglBuffer *
pd_picture_fixture_make (guint width, guint height)
{
  gsize n = (gsize) width * height * 3;
  g_autofree float *pixels = g_new (float, n);
  GeglBuffer *picture = pd_picture_new (width, height, pixel_format);

  for (gsize i = 0; i < n; i++)
    pixels[i] = (float) (i * 7919 % 65536) / 65535.0f;
  pixels[0] = -0.5f;
  pixels[1] = 1.5f;
  gegl_buffer_set (picture, NULL, 0, NULL, pixels, GEGL_AUTO_ROWSTRIDE);
  return picture;
}

float *
pd_picture_fixture_pixels (GeglBuffer *picture)
{
  float *pixels =
      g_new (float, (gsize) gegl_buffer_get_width (picture) * gegl_buffer_get_height (picture) * 3);

  gegl_buffer_get (picture, NULL, 1.0, babl_format (pixel_format), pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return pixels;
}
