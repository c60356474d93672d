// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/hub-cache.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>
#include <utime.h>

#include "engine/base/error.h"
#include "engine/files/catalog.h"
#include "engine/files/model-files.h"
#include "tests/fixtures/model-fixture.h"

static void
set_time (const char *root, const char *snapshot, gint64 seconds)
{
  g_autofree char *path = g_build_filename (root, "snapshots", snapshot, NULL);
  struct utimbuf times = { .actime = seconds, .modtime = seconds };
  g_assert_cmpint (g_utime (path, &times), ==, 0);
}

/* Two snapshots, the second newer, and one without a model, newest. @ref: of refs/main, or NULL. */
static char *
make_root (const char *folder, const char *ref)
{
  char *root = g_build_filename (folder, "models--owner--moss-and-more", NULL);
  static const char *const files[] = { "snapshots/aaa/model_index.json",
                                       "snapshots/bbb/model_index.json",
                                       "snapshots/ccc/README.md" };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    g_free (pd_fixture_write (root, files[i], "{}", -1));
  if (ref != NULL)
    g_free (pd_fixture_write (root, "refs/main", ref, -1));
  set_time (root, "aaa", 1000);
  set_time (root, "bbb", 2000);
  set_time (root, "ccc", 3000);
  return root;
}

static void
test_snapshot (void)
{
  static const struct
  {
    const char *ref, *snapshot;
  } cases[] = {
    { "aaa", "aaa" }, { "aaa\n", "aaa" }, { "bbb", "bbb" },  { NULL, "bbb" },
    { "", "bbb" },    { "ccc", "bbb" },   { "gone", "bbb" }, { "../snapshots/aaa", "bbb" },
    { "..", "bbb" },  { "/tmp", "bbb" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      char *folder = pd_fixture_folder ();
      g_autofree char *root = make_root (folder, cases[i].ref);
      g_autofree char *snapshot = pd_hub_cache_snapshot (root);
      g_autofree char *name = g_path_get_basename (snapshot);
      g_assert_cmpstr (name, ==, cases[i].snapshot);
      g_assert_null (pd_hub_cache_snapshot (snapshot));
      g_assert_null (pd_hub_cache_snapshot (folder));
      pd_fixture_remove (folder);
    }
}

static void
test_name (void)
{
  static const char *const cases[][2] = { { "models--acme--moss", "acme/moss" },
                                          { "models--acme--moss--2", "acme/moss--2" },
                                          { "models--moss", "moss" },
                                          { "moss", "moss" } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *name = pd_hub_cache_name (cases[i][0]);
      g_assert_cmpstr (name, ==, cases[i][1]);
    }
}

/* The root is as good as the model in it, whose files are links. */
static void
test_open (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *golden = pd_fixture_shared ("goldens/models/sd1");
  if (golden == NULL)
    return;
  char *folder = pd_fixture_folder ();
  g_autofree char *snapshots = g_build_filename (folder, "models--a--b", "snapshots", NULL);
  g_autofree char *root = g_path_get_dirname (snapshots);
  g_autofree char *link = g_build_filename (snapshots, "0123", NULL);
  g_assert_cmpint (g_mkdir_with_parents (snapshots, 0700), ==, 0);
  g_assert_cmpint (symlink (golden, link), ==, 0);
  g_autoptr (PdModelFiles) files = pd_model_files_open (root, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (files->parts[PD_PART_UNET].checkpoint);
  g_assert_nonnull (files->parts[PD_PART_TEXT_ENCODER].checkpoint);

  const char *const folders[] = { folder, NULL };
  g_autoptr (PdCatalog) catalog = pd_catalog_new_for_folders (folders);
  g_autofree char *found = pd_catalog_find (catalog, "a/b", &error);
  g_assert_cmpstr (found, ==, root);
  pd_fixture_remove (folder);
}

/* Repositories of single files. */
static void
test_files (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  g_autofree char *one =
      pd_fixture_write (folder, "models--a--one/snapshots/1/x.safetensors", "", 0);
  g_autofree char *p = pd_fixture_write (folder, "models--a--two/snapshots/1/p.safetensors", "", 0);
  g_autofree char *q = pd_fixture_write (folder, "models--a--two/snapshots/1/q.safetensors", "", 0);
  const char *const folders[] = { folder, NULL };
  g_autoptr (PdCatalog) catalog = pd_catalog_new_for_folders (folders);
  g_assert_cmpuint (pd_catalog_list (catalog)->len, ==, 3);
  g_autofree char *found_one = pd_catalog_find (catalog, "a/one", &error);
  g_assert_cmpstr (found_one, ==, one);
  g_autofree char *found_q = pd_catalog_find (catalog, "a/two/q", &error);
  g_assert_cmpstr (found_q, ==, q);

  g_autofree char *root_one = g_build_filename (folder, "models--a--one", NULL);
  g_autofree char *root_two = g_build_filename (folder, "models--a--two", NULL);
  g_assert_null (pd_model_files_open (root_one, NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "x.safetensors empty");
  g_assert_null (pd_model_files_open (root_two, NULL, &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "models--a--two 2 choose");
  pd_fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hub-cache/snapshot", test_snapshot);
  g_test_add_func ("/hub-cache/name", test_name);
  g_test_add_func ("/hub-cache/open", test_open);
  g_test_add_func ("/hub-cache/files", test_files);
  return g_test_run ();
}
