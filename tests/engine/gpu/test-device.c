// SPDX-License-Identifier: GPL-3.0-or-later
#include <string.h>

#include "engine/base/error.h"
#include "engine/gpu/account.h"
#include "engine/gpu/device.h"
#include "engine/gpu/kernel.h"

static void
check_info (const PdDeviceInfo *info)
{
  g_assert_cmpuint (strlen (info->name), >, 0);
  g_assert_cmpuint (strlen (info->uuid), ==, 32);
  g_assert_cmpuint (info->api_version >> 22, >=, 1);
  g_assert_cmpuint (info->heap, >, 0);
  g_assert_cmpuint (info->budget, >, 0);
  /* What Vulkan 1.2 guarantees. */
  g_assert_cmpuint (info->max_storage_buffer_range, >=, 1 << 27);
  g_assert_cmpuint (info->max_memory_allocation_size, >=, 1 << 30);
  g_assert_cmpuint (info->max_buffer_size, >=, info->max_storage_buffer_range);
  g_assert_cmpuint (info->max_shared_memory, >=, 16384);
  g_assert_cmpuint (info->max_workgroup_invocations, >=, 128);
  g_assert_cmpuint (info->max_workgroup_count[2], >=, 65535);
  g_assert_cmpuint (info->min_storage_buffer_offset_alignment, <=, 256);
  g_assert_cmpuint (info->subgroup_size, >=, info->min_subgroup_size);
  g_assert_cmpuint (info->subgroup_size, <=, info->max_subgroup_size);
  g_assert_cmpint (info->is_cpu, ==, g_str_equal (info->type_name, "cpu"));
}

static void
test_list (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) infos = pd_device_list (&error);

  g_assert_no_error (error);
  g_assert_cmpuint (infos->len, >, 0);
  for (guint i = 0; i < infos->len; i++)
    check_info (g_ptr_array_index (infos, i));
}

static void
assert_selects (const char *selector, const char *uuid)
{
  PdDeviceOptions options = { .selector = selector };
  g_autoptr (GError) error = NULL;
  g_autoptr (PdDevice) device = pd_device_new (&options, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (pd_device_info (device)->uuid, ==, uuid);
  check_info (pd_device_info (device));
  g_assert_cmpuint (pd_device_validation_messages (device), ==, 0);
}

static void
test_select (void)
{
  g_autoptr (GPtrArray) infos = pd_device_list (NULL);
  const PdDeviceInfo *info = g_ptr_array_index (infos, infos->len - 1);
  g_autofree char *index = g_strdup_printf ("%u", infos->len - 1);
  g_autofree char *upper = g_ascii_strup (info->name, -1);
  g_autofree char *dashed = g_strdup_printf ("%.8s-%s", info->uuid, info->uuid + 8);

  assert_selects (index, info->uuid);
  assert_selects (upper, info->uuid);
  assert_selects (info->uuid, info->uuid);
  assert_selects (dashed, info->uuid);
  if (infos->len == 1)
    {
      assert_selects (NULL, info->uuid);
      assert_selects ("", info->uuid);
    }
}

static void
test_select_unknown (void)
{
  static const char *const selectors[] = { "999", "12345678901234567890", "no such device", "-1" };

  for (guint i = 0; i < G_N_ELEMENTS (selectors); i++)
    {
      PdDeviceOptions options = { .selector = selectors[i] };
      g_autoptr (GError) error = NULL;

      g_assert_null (pd_device_new (&options, &error));
      g_assert_error (error, PD_ERROR, PD_ERROR_NO_DEVICE);
      g_assert_nonnull (strstr (error->message, selectors[i]));
      g_assert_nonnull (strstr (error->message, "0 “"));
    }
}

static void
test_limit (void)
{
  PdDeviceOptions options = { .memory_limit = 123456 };
  g_autoptr (PdDevice) device = pd_device_new (&options, NULL);
  g_autoptr (PdDevice) unlimited = pd_device_new (NULL, NULL);

  g_assert_cmpuint (pd_account_limit (device), ==, 123456);
  g_assert_cmpuint (pd_account_limit (unlimited), ==, pd_device_info (unlimited)->budget);
  g_assert_cmpuint (pd_account_used (device), ==, 0);
  g_assert_cmpfloat (pd_account_work_rate (device), >, 0);
}

static void
no_driver (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) list_error = NULL;

  g_assert_null (pd_device_new (NULL, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_NO_DEVICE);
  g_assert_nonnull (strstr (error->message, "mesa-vulkan-drivers"));
  g_assert_null (pd_device_list (&list_error));
  g_assert_error (list_error, PD_ERROR, PD_ERROR_NO_DEVICE);
}

static void
no_layer (void)
{
  PdDeviceOptions options = { .validation = TRUE };
  g_autoptr (GError) error = NULL;

  g_assert_null (pd_device_new (&options, &error));
  g_assert_error (error, PD_ERROR, PD_ERROR_NO_DEVICE);
  g_assert_nonnull (strstr (error->message, "vulkan-validationlayers"));
}

/* The loader reads its environment when an instance is made, so each of these is a process. */
static void
run_self (const char *path, const char *const variables[])
{
  const char *arguments[] = { "/proc/self/exe", "-p", path, "--verbose", NULL };
  g_auto (GStrv) environment = g_get_environ ();
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *output = NULL;
  int status = 0;

  arguments[0] = self;
  for (guint i = 0; variables[i] != NULL; i += 2)
    environment = g_environ_setenv (environment, variables[i], variables[i + 1], TRUE);
  environment = g_environ_setenv (environment, "PD_TEST_CHILD", "1", TRUE);
  g_assert_true (g_spawn_sync (NULL, (char **) arguments, environment, G_SPAWN_DEFAULT, NULL, NULL,
                               &output, NULL, &status, NULL));
  g_test_message ("%s", output);
  g_assert_true (g_spawn_check_wait_status (status, NULL));
  /* It did run the case. */
  g_assert_nonnull (strstr (output, "ok 1 "));
}

static void
test_no_driver (void)
{
  static const char *const variables[] = { "VK_DRIVER_FILES", "/nonexistent", "VK_ICD_FILENAMES",
                                           "/nonexistent", NULL };

  run_self ("/device/child/no-driver", variables);
}

static void
test_no_layer (void)
{
  static const char *const variables[] = { "VK_LAYER_PATH", "/nonexistent", "PD_VALIDATION", "0",
                                           NULL };

  run_self ("/device/child/no-layer", variables);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  pd_device_prepare_environment ();
  if (g_getenv ("PD_TEST_CHILD") != NULL)
    {
      g_test_add_func ("/device/child/no-driver", no_driver);
      g_test_add_func ("/device/child/no-layer", no_layer);
      return g_test_run ();
    }
  g_test_add_func ("/device/list", test_list);
  g_test_add_func ("/device/select", test_select);
  g_test_add_func ("/device/select-unknown", test_select_unknown);
  g_test_add_func ("/device/limit", test_limit);
  g_test_add_func ("/device/no-driver", test_no_driver);
  g_test_add_func ("/device/no-layer", test_no_layer);
  return g_test_run ();
}
