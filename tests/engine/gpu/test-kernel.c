// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include <glib/gstdio.h>

#include "engine/base/error.h"
#include "engine/gpu/private.h"
#include "axpy.spv.h"

static PdDevice *
open_device (void)
{
  g_autoptr (GError) error = NULL;
  PdDevice *device = pd_device_new (NULL, &error);

  g_assert_no_error (error);
  return device;
}

static void
close_device (PdDevice *device)
{
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
  pd_device_free (device);
}

/* The table of shaders, as the device gets it. */
static void
test_spirv_val (void)
{
  g_autofree char *tool = g_find_program_in_path ("spirv-val");
  g_autofree char *path = NULL;
  guint n = 0;

  if (tool == NULL)
    {
      g_test_skip ("spirv-val is not installed (Debian: spirv-tools)");
      return;
    }
  path = g_build_filename (g_get_user_cache_dir (), "shader.spv", NULL);
  for (const PdShader *shader = pd_shaders; shader->name != NULL; shader++, n++)
    {
      const char *arguments[] = { tool, "--target-env", "vulkan1.2", path, NULL };
      g_autofree char *output = NULL;
      g_autofree char *errors = NULL;
      g_autoptr (GError) error = NULL;
      int status = 0;

      g_file_set_contents (path, (const char *) shader->code, (gssize) shader->size, &error);
      g_assert_no_error (error);
      g_spawn_sync (NULL, (char **) arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, &errors,
                    &status, &error);
      g_assert_no_error (error);
      if (!g_spawn_check_wait_status (status, NULL))
        g_error ("shader %s: %s%s", shader->name, output, errors);
    }
  g_unlink (path);
  g_assert_cmpuint (n, >, 0);
}

static void
test_table (void)
{
  PdDevice *device = open_device ();
  g_autoptr (GError) error = NULL;
  PdShaderNeeds needs;

  g_assert_nonnull (pd_shader_find ("peak"));
  g_assert_null (pd_shader_find ("pea"));
  g_assert_true (pd_kernel_has_shader (device, "peak"));
  g_assert_false (pd_kernel_has_shader (device, "nonsense"));
  g_assert_null (pd_kernel_get (device, "nonsense", NULL, 0, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_NO_DEVICE);
  g_assert_nonnull (strstr (error->message, "nonsense"));
  for (const PdShader *shader = pd_shaders; shader->name != NULL; shader++)
    {
      g_assert_true (pd_shader_find (shader->name) == shader);
      pd_shader_read_needs (shader, pd_device_info (device), &needs);
      g_assert_cmpuint (needs.n_bindings, <=, PD_MAX_BINDINGS);
      g_free (needs.lacking);
    }
  close_device (device);
}

static void
test_lacking (void)
{
  static const guint32 float64[] = { 0x07230203, 0x00010500, 0, 10, 0, 2 << 16 | 17, 10 };
  static const guint32 int64[] = { 0x07230203, 0x00010500, 0, 10, 0, 2 << 16 | 17, 11 };
  const PdShader doubles = { "doubles", float64, sizeof float64 };
  const PdShader longs = { "longs", int64, sizeof int64 };
  PdDevice *device = open_device ();
  g_autoptr (GError) unknown = NULL;
  g_autoptr (GError) absent = NULL;

  g_assert_null (pd_kernel_get_shader (device, &doubles, NULL, 0, 0, &unknown));
  g_assert_error (unknown, PD_ERROR, PD_ERROR_NO_DEVICE);
  g_assert_nonnull (strstr (unknown->message, "capability 10"));
  device->info->int64 = FALSE;
  g_assert_null (pd_kernel_get_shader (device, &longs, NULL, 0, 0, &absent));
  g_assert_error (absent, PD_ERROR, PD_ERROR_NO_DEVICE);
  g_assert_nonnull (strstr (absent->message, "lacks Int64"));
  g_assert_cmpuint (pd_kernel_count (device), ==, 0);
  close_device (device);
}

static void
test_cached (void)
{
  const PdShader shader = { "axpy", axpy, sizeof axpy };
  const guint32 constants[] = { 32, 1 };
  const guint32 others[] = { 32, 2 };
  PdDevice *device = open_device ();
  PdKernel *kernel = pd_kernel_get_shader (device, &shader, constants, 2, 0, NULL);

  g_assert_nonnull (kernel);
  g_assert_cmpstr (kernel->name, ==, "axpy");
  g_assert_cmpuint (kernel->n_bindings, ==, 2);
  g_assert_true (pd_kernel_get_shader (device, &shader, constants, 2, 0, NULL) == kernel);
  g_assert_cmpuint (pd_kernel_count (device), ==, 1);
  g_assert_true (pd_kernel_get_shader (device, &shader, others, 2, 0, NULL) != kernel);
  g_assert_true (pd_kernel_get_shader (device, &shader, others, 1, 0, NULL) != kernel);
  g_assert_cmpuint (pd_kernel_count (device), ==, 3);
  g_assert_cmpfloat (pd_kernel_seconds (device), >, 0);
  close_device (device);
}

static void
test_subgroup_size (void)
{
  PdDevice *device = open_device ();
  const PdDeviceInfo *info = pd_device_info (device);
  const guint32 constants[] = { info->max_subgroup_size, 1 };
  PdKernelSpec spec = { "peak", constants, 2, 2 * info->max_subgroup_size };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) bad = NULL;

  g_assert_null (pd_kernel_get_spec (device, &spec, &bad));
  g_assert_error (bad, PD_ERROR, PD_ERROR_NO_DEVICE);
  if (info->subgroup_size_control)
    {
      spec.subgroup_size = info->max_subgroup_size;
      g_assert_nonnull (pd_kernel_get_spec (device, &spec, &error));
      g_assert_no_error (error);
    }
  close_device (device);
}

static void
test_prepare (void)
{
  enum
  {
    KINDS = 6,
  };
  guint32 constants[KINDS][2];
  PdKernelSpec specs[3 * KINDS];
  PdKernelSpec bad[2];
  PdDevice *device = open_device ();
  g_autoptr (GError) error = NULL;

  for (guint32 i = 0; i < KINDS; i++)
    {
      constants[i][0] = 32;
      constants[i][1] = i + 1;
    }
  for (guint i = 0; i < G_N_ELEMENTS (specs); i++)
    specs[i] = (PdKernelSpec){ "peak", constants[i % KINDS], 2, 0 };
  g_assert_true (pd_prepare_kernels (device, specs, 0, NULL));
  g_assert_cmpuint (pd_kernel_count (device), ==, 0);
  for (guint round = 0; round < 2; round++)
    {
      pd_prepare_kernels (device, specs, G_N_ELEMENTS (specs), &error);
      g_assert_no_error (error);
      g_assert_cmpuint (pd_kernel_count (device), ==, KINDS);
    }
  bad[0] = specs[0];
  bad[1] = (PdKernelSpec){ "nonsense" };
  g_assert_false (pd_prepare_kernels (device, bad, 2, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_NO_DEVICE);
  close_device (device);
}

/* A session that makes one kernel; the cache file after it. */
static char *
session (gsize *size)
{
  static const guint32 constants[] = { 32, 3 };
  PdDevice *device = open_device ();
  g_autofree char *path = pd_kernel_cache_path (pd_device_info (device));
  g_autoptr (GError) error = NULL;
  char *contents = NULL;

  g_assert_nonnull (pd_kernel_get (device, "peak", constants, 2, &error));
  g_assert_no_error (error);
  close_device (device);
  g_file_get_contents (path, &contents, size, &error);
  g_assert_no_error (error);
  return contents;
}

static guint64
inode (const char *path)
{
  GStatBuf info;

  g_assert_cmpint (g_stat (path, &info), ==, 0);
  return info.st_ino;
}

static void
test_file (void)
{
  gsize size = 0;
  gsize new_size = 0;
  g_autofree char *good = session (&size);
  g_autofree char *damaged = g_memdup2 (good, size);
  g_autofree char *path = NULL;
  guint64 first;
  PdDevice *device = open_device ();
  const struct
  {
    const char *data;
    gsize size;
  } bad[] = { { damaged, size }, { good, size - 1 }, { good, 10 }, { "", 0 } };

  path = pd_kernel_cache_path (pd_device_info (device));
  close_device (device);
  g_assert_cmpuint (size, >=, 65 + 32);
  /* Nothing new: left alone. */
  first = inode (path);
  g_free (session (&new_size));
  g_assert_cmpuint (inode (path), ==, first);
  /* Bad: ignored, replaced by a good one. */
  damaged[size - 1] ^= 1;
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *new = NULL;

      g_assert_true (g_file_set_contents (path, bad[i].data, (gssize) bad[i].size, NULL));
      new = session (&new_size);
      g_assert_cmpmem (new, new_size, good, size);
    }
  /* Another device's data under a right sum: not handed to the driver. */
  {
    g_autofree char *foreign = g_memdup2 (good, size);
    g_autofree char *sum = NULL;
    g_autofree char *new = NULL;

    foreign[65 + 8] ^= 1; /* the vendor */
    sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) foreign + 65, size - 65);
    memcpy (foreign, sum, 64);
    g_assert_true (g_file_set_contents (path, foreign, (gssize) size, NULL));
    new = session (&new_size);
    g_assert_cmpmem (new, new_size, good, size);
  }
  /* A folder in the way: the session works all the same. */
  g_unlink (path);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  device = open_device ();
  g_assert_nonnull (pd_kernel_get (device, "peak", NULL, 0, NULL));
  close_device (device);
  g_rmdir (path);
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_folder (child);
    }
  g_remove (path);
}

int
main (int argc, char **argv)
{
  /* A cache of its own. (G_TEST_OPTION_ISOLATE_DIRS would hide the drivers too.) */
  g_autofree char *cache = g_dir_make_tmp ("pd-test-kernels-XXXXXX", NULL);
  int status;

  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  g_test_add_func ("/kernels/spirv-val", test_spirv_val);
  g_test_add_func ("/kernels/table", test_table);
  g_test_add_func ("/kernels/lacking", test_lacking);
  g_test_add_func ("/kernels/cached", test_cached);
  g_test_add_func ("/kernels/subgroup-size", test_subgroup_size);
  g_test_add_func ("/kernels/prepare", test_prepare);
  g_test_add_func ("/kernels/file", test_file);
  status = g_test_run ();
  remove_folder (cache);
  return status;
}
