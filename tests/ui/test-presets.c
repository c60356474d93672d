// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/error.h"
#include "ui/presets.h"

#include <glib/gstdio.h>
#include <string.h>

static const PdPreset *
find (GPtrArray *presets, const char *name)
{
  for (guint i = 0; i < presets->len; i++)
    {
      const PdPreset *preset = g_ptr_array_index (presets, i);

      if (g_str_equal (preset->name, name))
        return preset;
    }
  return NULL;
}

static void
test_shipped (void)
{
  g_autoptr (GPtrArray) presets = pd_presets_list ();

  g_assert_cmpuint (presets->len, >=, 5);
  for (guint i = 0; i < presets->len; i++)
    {
      const PdPreset *preset = g_ptr_array_index (presets, i);
      g_autoptr (PdRequest) request = pd_request_new ();
      g_autofree char *before = pd_request_to_json (request, 0);
      g_autofree char *after = NULL, *note = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_null (preset->file);
      pd_preset_apply (preset, request, &note, &error);
      g_assert_no_error (error);
      after = pd_request_to_json (request, 0);
      g_assert_cmpstr (before, !=, after);
      g_assert_null (note);
    }
}

static void
test_own (void)
{
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (PdRequest) other = pd_request_new ();
  g_autoptr (GPtrArray) presets = NULL;
  g_autoptr (GPtrArray) replaced = NULL;
  g_autoptr (GPtrArray) deleted = NULL;
  g_autoptr (GError) error = NULL;
  char *note = NULL;

  g_object_set (request, "prompt", "Gänse", "guidance", 2.5, "device", "3", "width", 77, NULL);
  g_assert_true (pd_presets_save ("Große Gänse", request, &error));
  presets = pd_presets_list ();
  /* One's own come first. */
  g_assert_cmpstr (((PdPreset *) g_ptr_array_index (presets, 0))->name, ==, "Große Gänse");
  g_assert_true (pd_preset_apply (find (presets, "Große Gänse"), other, &note, &error));
  g_assert_cmpstr (other->prompt, ==, "Gänse");
  g_assert_cmpfloat (other->guidance, ==, 2.5);
  g_assert_cmpstr (other->device, ==, "");
  g_assert_cmpuint (other->width, ==, 512);

  g_object_set (request, "guidance", 9.0, NULL);
  g_assert_true (pd_presets_save ("Große Gänse", request, &error));
  replaced = pd_presets_list ();
  g_assert_cmpuint (replaced->len, ==, presets->len);
  g_assert_true (pd_preset_apply (find (replaced, "Große Gänse"), other, &note, &error));
  g_assert_cmpfloat (other->guidance, ==, 9.0);

  g_assert_true (pd_preset_delete (find (replaced, "Große Gänse"), &error));
  deleted = pd_presets_list ();
  g_assert_null (find (deleted, "Große Gänse"));
  g_assert_null (note);
  g_assert_no_error (error);
}

static void
test_bad_names (void)
{
  static const char *const names[] = { "", ".hidden", "../up", "a/b" };
  g_autoptr (PdRequest) request = pd_request_new ();

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (pd_presets_save (names[i], request, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST);
    }
}

static void
test_bad_files (void)
{
  static const char *const texts[] = { "", "[1]", "{\"steps\": \"many\"}", "{\"stepz\": 1}",
                                       "{\"steps\": 99, \"guidance\": 1e9}" };
  g_autofree char *folder =
      g_build_filename (g_get_user_config_dir (), "parallel-diffusion", "presets", NULL);
  g_autofree char *file = g_build_filename (folder, "bad.json", NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (PdRequest) request = pd_request_new ();
      g_autoptr (GPtrArray) presets = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *note = NULL;
      const guint steps = request->steps;

      g_assert_true (g_file_set_contents (file, texts[i], -1, &error));
      presets = pd_presets_list ();
      g_assert_false (pd_preset_apply (find (presets, "bad"), request, &note, &error));
      g_assert_nonnull (strstr (error->message, "bad.json"));
      g_assert_cmpuint (request->steps, ==, steps);
    }
  g_assert_cmpint (g_remove (file), ==, 0);
}

/* A preset that was found somewhere does not choose what is opened, and a person is told. */
static void
test_files (void)
{
  static const char json[] = "{\"guidance\": 7.5, \"model\": \"/tmp/x.safetensors\", \"vae\": "
                             "\"/tmp/v\", \"regions\": \"mask=/etc/passwd:a\\n0,0,9,9:b\"}";
  g_autofree char *folder =
      g_build_filename (g_get_user_config_dir (), "parallel-diffusion", "presets", NULL);
  g_autofree char *file = g_build_filename (folder, "found.json", NULL);
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (GPtrArray) presets = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *note = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (file, json, -1, &error));
  presets = pd_presets_list ();
  g_assert_true (pd_preset_apply (find (presets, "found"), request, &note, &error));
  g_assert_cmpfloat (request->guidance, ==, 7.5);
  g_assert_cmpstr (request->model, ==, "default");
  g_assert_cmpstr (request->vae, ==, "");
  g_assert_cmpstr (request->regions, ==, "0,0,9,9:b");
  g_assert_nonnull (strstr (note, "found"));
  g_assert_nonnull (strstr (note, ": vae, model, region"));
  g_assert_cmpint (g_remove (file), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/presets/shipped", test_shipped);
  g_test_add_func ("/presets/own", test_own);
  g_test_add_func ("/presets/bad-names", test_bad_names);
  g_test_add_func ("/presets/bad-files", test_bad_files);
  g_test_add_func ("/presets/files", test_files);
  return g_test_run ();
}
