// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/files/catalog.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "tests/fixtures/model-fixture.h"

/* Two folders of models; the second hides nothing of the first. */
static char *
make_folders (void)
{
  char *folder = pd_fixture_folder ();
  static const char *const files[] = {
    "data/models/default/model_index.json",
    "data/models/landscape/model_index.json",
    "data/models/not-a-model/readme.txt",
    "data/models/stray.txt",
    "data/models/.safetensors",
    "user/parallel-diffusion/models/landscape/model_index.json",
    "user/parallel-diffusion/models/beta.safetensors",
    "user/parallel-diffusion/models/beta/unet/config.json", /* configs beside the file */
    "user/parallel-diffusion/models/alpha.safetensors",
  };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    g_free (pd_fixture_write (folder, files[i], "{}", -1));
  return folder;
}

static char *
list (const PdCatalog *catalog)
{
  const GPtrArray *entries = pd_catalog_list (catalog);
  GString *names = g_string_new (NULL);
  for (guint i = 0; i < entries->len; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? " " : "",
                            ((PdCatalogEntry *) entries->pdata[i])->name);
  return g_string_free (names, FALSE);
}

static void
test_find (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = make_folders ();
  g_autofree char *data = g_build_filename (folder, "data", "models", NULL);
  g_autofree char *user = g_build_filename (folder, "user", "parallel-diffusion", "models", NULL);
  g_autofree char *missing = g_build_filename (folder, "missing", NULL);
  const char *const folders[] = { data, missing, user, NULL };
  g_autoptr (PdCatalog) catalog = pd_catalog_new_for_folders (folders);

  g_autofree char *names = list (catalog);
  g_assert_cmpstr (names, ==, "default alpha beta landscape");
  g_autofree char *landscape = pd_catalog_find (catalog, "landscape", &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (landscape, data)); /* the earlier folder */
  g_autofree char *beta = pd_catalog_find (catalog, "beta", &error);
  g_assert_true (g_str_has_suffix (beta, "beta.safetensors"));
  g_autofree char *by_path = pd_catalog_find (catalog, user, &error);
  g_assert_cmpstr (by_path, ==, user);

  g_assert_null (pd_catalog_find (catalog, "nothing", &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "\"nothing\" default, alpha, beta, landscape");
  g_assert_null (pd_catalog_find (catalog, "", &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "\"\" default,");
  pd_fixture_remove (folder);
}

/* In sub-folders to a fixed depth, each once, and not what belongs to a model. */
static void
test_sub_folders (void)
{
  char *folder = pd_fixture_folder ();
  static const char *const files[] = {
    "a/x.safetensors",
    "a/b/c/y.safetensors",
    "a/b/c/d/too-deep.safetensors",
    "whole/model_index.json",
    "whole/unet/diffusion_pytorch_model.safetensors",
    "beside.safetensors",
    "beside/vae/diffusion_pytorch_model.safetensors",
    "part/config.json",
    "part/diffusion_pytorch_model.safetensors",
    "parts/unet/config.json",
    "parts/unet/diffusion_pytorch_model.safetensors",
    ".hidden/z.safetensors",
  };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    g_free (pd_fixture_write (folder, files[i], "{}", -1));
  g_autofree char *circle = g_build_filename (folder, "a", "circle", NULL);
  g_autofree char *twin = g_build_filename (folder, "b", NULL);
  g_autofree char *nowhere = g_build_filename (folder, "nowhere.safetensors", NULL);
  g_assert_cmpint (symlink ("..", circle), ==, 0);
  g_assert_cmpint (symlink ("a", twin), ==, 0);
  g_assert_cmpint (symlink ("missing", nowhere), ==, 0);
  const char *const folders[] = { folder, folder, NULL };
  g_autoptr (PdCatalog) catalog = pd_catalog_new_for_folders (folders);
  g_autofree char *names = list (catalog);
  g_assert_cmpstr (names, ==, "a/b/c/y a/x beside whole");
  pd_fixture_remove (folder);
}

/* Names that cannot be shown as they are can be given back as they are shown. */
static void
test_odd_names (void)
{
  static const char *const cases[][2] = {
    { "bad\377\376x", "bad\\xff\\xfex" },
    { "cut\303", "cut\\xc3" },
    { "esc\033[1m", "esc\\x1b[1m" },
    { "c1\302\233", "c1\\xc2\\x9b" },
    { "Ü b", "Ü b" },
  };
  char *folder = pd_fixture_folder ();
  const char *const folders[] = { folder, NULL };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *file = g_strconcat (cases[i][0], ".safetensors", NULL);
      g_free (pd_fixture_write (folder, file, "", 0));
    }
  g_autoptr (PdCatalog) catalog = pd_catalog_new_for_folders (folders);
  g_assert_cmpuint (pd_catalog_list (catalog)->len, ==, G_N_ELEMENTS (cases));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = pd_catalog_find (catalog, cases[i][1], NULL);
      g_autofree char *file = g_strconcat (cases[i][0], ".safetensors", NULL);
      g_assert_true (g_str_has_suffix (path, file));
    }
  pd_fixture_remove (folder);
}

static void
test_other (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = pd_fixture_folder ();
  const char *const folders[] = { folder, NULL };
  PdFixtureHeader vae;
  pd_fixture_header_init (&vae);
  pd_fixture_header_add (&vae, "decoder.conv_in.weight", "4,4,3,3");
  g_free (pd_fixture_header_write (&vae, folder, "vae.safetensors"));
  g_free (pd_fixture_write (folder, "web.safetensors", "<html>", -1));
  g_autoptr (PdCatalog) catalog = pd_catalog_new_for_folders (folders);
  const GPtrArray *entries = pd_catalog_list (catalog);
  g_assert_cmpuint (entries->len, ==, 2);
  g_assert_true (pd_catalog_entry_is_other (entries->pdata[0]));
  g_assert_false (pd_catalog_entry_is_other (entries->pdata[1]));
  g_assert_null (pd_catalog_find (catalog, "moss", &error));
  g_assert_null (strstr (error->message, "vae"));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "\"moss\" web");

  /* Once cancelled, nothing is opened and nothing found. */
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_cancellable_cancel (cancellable);
  g_cancellable_push_current (cancellable);
  g_autoptr (PdCatalog) none = pd_catalog_new_for_folders (folders);
  g_assert_false (pd_catalog_entry_is_other (entries->pdata[0]));
  g_assert_null (pd_catalog_find (none, "vae", &error));
  g_cancellable_pop_current (cancellable);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  pd_fixture_remove (folder);
}

static void
test_empty (void)
{
  g_autoptr (GError) error = NULL;
  const char *const folders[] = { NULL };
  g_autoptr (PdCatalog) catalog = pd_catalog_new_for_folders (folders);
  g_assert_cmpuint (pd_catalog_list (catalog)->len, ==, 0);
  g_assert_null (pd_catalog_find (catalog, "default", &error));
  pd_fixture_expect (&error, PD_ERROR_BAD_MODEL, "\"default\" none");
}

/* GLib reads XDG_DATA_HOME once, so this runs in a process of its own. */
static void
test_xdg (void)
{
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
      g_test_trap_assert_passed ();
      return;
    }
  char *folder = make_folders ();
  g_autofree char *data = g_build_filename (folder, "data", NULL);
  g_autofree char *user = g_build_filename (folder, "user", NULL);
  g_autofree char *nowhere = g_build_filename (folder, "nowhere", NULL);
  g_setenv ("XDG_DATA_HOME", user, TRUE);
  g_setenv ("XDG_DATA_DIRS", nowhere, TRUE);
  g_autoptr (PdCatalog) both = pd_catalog_new (data);
  g_autoptr (PdCatalog) only_user = pd_catalog_new (NULL);
  g_autofree char *all = list (both);
  g_autofree char *own = list (only_user);
  g_assert_cmpstr (all, ==, "default alpha beta landscape");
  g_assert_cmpstr (own, ==, "alpha beta landscape");
  pd_fixture_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/catalog/find", test_find);
  g_test_add_func ("/catalog/sub-folders", test_sub_folders);
  g_test_add_func ("/catalog/odd-names", test_odd_names);
  g_test_add_func ("/catalog/other", test_other);
  g_test_add_func ("/catalog/empty", test_empty);
  g_test_add_func ("/catalog/xdg", test_xdg);
  return g_test_run ();
}
