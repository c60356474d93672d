// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/file.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/files/safetensors.h"
#include "tests/fixtures/model-fixture.h"

static void
make_socket (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (const struct sockaddr *) &address, sizeof address), ==, 0);
  close (fd);
}

/* What is no file is named, and nothing waits for it. */
static void
test_kinds (void)
{
  char *folder = pd_fixture_folder ();
  g_autofree char *pipe = g_build_filename (folder, "pipe.safetensors", NULL);
  g_autofree char *sock = g_build_filename (folder, "socket.safetensors", NULL);
  g_autofree char *link = g_build_filename (folder, "link.safetensors", NULL);
  const struct
  {
    const char *path, *fragments;
  } cases[] = {
    { pipe, "pipe.safetensors pipe, file" },   { sock, "socket.safetensors socket, file" },
    { link, "link.safetensors pipe, file" },   { folder, "folder, file" },
    { "/dev/zero", "/dev/zero device, file" }, { "/nonexistent/x", "/nonexistent/x No such" },
  };
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  make_socket (sock);
  g_assert_cmpint (symlink (pipe, link), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (pd_file_read (cases[i].path, 100, &error));
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
      g_assert_null (pd_safetensors_open (cases[i].path, &error));
      pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, cases[i].fragments);
    }
  pd_fixture_remove (folder);
}

static void
test_read (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autofree char *path = pd_fixture_write (folder, "x", "moss", -1);
  g_autofree char *empty = pd_fixture_write (folder, "empty", "", 0);
  g_autoptr (GBytes) bytes = pd_file_read (path, 4, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "moss", 4);
  g_assert_null (pd_file_read (path, 3, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "4 3");
  g_autoptr (GBytes) none = pd_file_read (empty, 4, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (none), ==, 0);
  pd_fixture_remove (folder);
}

static void
test_record (void)
{
  char *folder = pd_fixture_folder ();
  g_autofree char *path = pd_fixture_write (folder, "x", "moss", -1);
  g_autoptr (GPtrArray) stamps =
      g_ptr_array_new_with_free_func ((GDestroyNotify) pd_file_stamp_free);
  g_bytes_unref (pd_file_read (path, 4, NULL));
  pd_file_record_push (stamps);
  g_bytes_unref (pd_file_read (path, 4, NULL));
  g_assert_null (pd_file_read (folder, 4, NULL));
  pd_file_record_pop ();
  g_bytes_unref (pd_file_read (path, 4, NULL));
  g_assert_cmpuint (stamps->len, ==, 1);
  const PdFileStamp *stamp = stamps->pdata[0];
  g_assert_cmpstr (stamp->path, ==, path);
  g_assert_cmpuint (stamp->size, ==, 4);
  g_assert_cmpint (stamp->modified, >, 0);
  pd_fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/file/kinds", test_kinds);
  g_test_add_func ("/file/read", test_read);
  g_test_add_func ("/file/record", test_record);
  return g_test_run ();
}
