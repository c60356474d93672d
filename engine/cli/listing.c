// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cli/listing.h"
#include "engine/cli/console.h"
#include "engine/gpu/device.h"
#include "engine/base/message.h"
#include "engine/files/catalog.h"
#include "engine/files/deadline.h"
#include "engine/cli/options.h"
#include "engine/wire/fields.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>

static const char *const names[] = { "json", NULL };

/* µs to look into files, whether they are models; what is left is listed all the same. */
static const gint64 SIFT_TIME = 5000000;

static const char *
yes_no (gboolean value)
{
  return value ? _ ("yes") : _ ("no");
}

static void
print_device (guint number, const PdDeviceInfo *info)
{
  g_autofree char *heap = g_format_size_full (info->heap, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *budget = g_format_size_full (info->budget, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *range =
      g_format_size_full (info->max_storage_buffer_range, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *allocation =
      g_format_size_full (info->max_memory_allocation_size, G_FORMAT_SIZE_IEC_UNITS);

  printf ("%u  %s\n", number, info->name);
  printf (_ ("   type                 %s\n"), info->type_name);
  printf (_ ("   driver               %s %s\n"), info->driver_name, info->driver_info);
  printf (_ ("   Vulkan               %u.%u.%u\n"), info->api_version >> 22 & 0x7f,
          info->api_version >> 12 & 0x3ff, info->api_version & 0xfff);
  printf (_ ("   UUID                 %s\n"), info->uuid);
  printf (_ ("   memory               heap of %s, %s to use now\n"), heap, budget);
  printf (_ ("   subgroup size        %u (%u to %u)\n"), info->subgroup_size,
          info->min_subgroup_size, info->max_subgroup_size);
  printf (_ ("   fp16                 %s, 16-bit storage %s\n"), yes_no (info->float16),
          yes_no (info->storage16));
  printf (_ ("   cooperative matrix   %s\n"), yes_no (info->cooperative_matrix));
  printf (_ ("   largest buffer       %s at once, %s in one allocation\n"), range, allocation);
  printf (_ ("   workgroup            %u invocations, %u bytes of shared memory\n"),
          info->max_workgroup_invocations, info->max_shared_memory);
}

static const PdField device_fields[] = {
  PD_FIELD (PdDeviceInfo, name, STRING),
  { "kind", PD_FIELD_STRING, G_STRUCT_OFFSET (PdDeviceInfo, type_name) },
  { "driver", PD_FIELD_STRING, G_STRUCT_OFFSET (PdDeviceInfo, driver_name) },
  PD_FIELD (PdDeviceInfo, driver_info, STRING),
  PD_FIELD (PdDeviceInfo, uuid, STRING),
  { "heap_bytes", PD_FIELD_UINT64, G_STRUCT_OFFSET (PdDeviceInfo, heap) },
  { "memory_bytes", PD_FIELD_UINT64, G_STRUCT_OFFSET (PdDeviceInfo, budget) },
  PD_FIELD (PdDeviceInfo, subgroup_size, UINT),
  PD_FIELD (PdDeviceInfo, min_subgroup_size, UINT),
  PD_FIELD (PdDeviceInfo, max_subgroup_size, UINT),
  PD_FIELD (PdDeviceInfo, float16, BOOLEAN),
  PD_FIELD (PdDeviceInfo, storage16, BOOLEAN),
  PD_FIELD (PdDeviceInfo, cooperative_matrix, BOOLEAN),
  PD_FIELD (PdDeviceInfo, max_storage_buffer_range, UINT64),
  PD_FIELD (PdDeviceInfo, max_memory_allocation_size, UINT64),
  PD_FIELD (PdDeviceInfo, max_workgroup_invocations, UINT),
  PD_FIELD (PdDeviceInfo, max_shared_memory, UINT),
  { NULL },
};

static void
print_device_json (guint index, const PdDeviceInfo *info)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autofree char *line = NULL;

  g_variant_builder_add (&builder, "{sv}", "index", g_variant_new_int64 (index));
  pd_fields_add (device_fields, info, &builder);
  line = pd_fields_to_json (&builder);
  puts (line);
}

static void
print_model (const PdCatalogEntry *entry)
{
  g_autofree char *name = pd_message_clean (entry->name);
  g_autofree char *path = pd_message_clean (entry->path);

  printf ("%-20s %s\n", name, path);
}

static void
print_model_json (const PdCatalogEntry *entry)
{
  static const PdField fields[] = {
    PD_FIELD (PdCatalogEntry, name, STRING),
    PD_FIELD (PdCatalogEntry, path, STRING),
    { NULL },
  };
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  g_autofree char *line = NULL;

  pd_fields_add (fields, entry, &builder);
  line = pd_fields_to_json (&builder);
  puts (line);
}

int
pd_listing_devices (int argc, char **argv, const char *data_folder)
{
  g_autoptr (PdOptions) options =
      pd_options_new (argv[0], _ ("Lists the Vulkan devices that --device can name."), names, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) devices = NULL;

  if (!pd_options_parse (options, argc, argv, &error))
    return pd_options_usage_error (options, error->message);
  devices = pd_device_list (&error);
  if (devices == NULL)
    {
      g_autoptr (PdConsole) console = pd_console_new (pd_options_json (options));

      return pd_console_error (console, error);
    }
  for (guint i = 0; i < devices->len; i++)
    if (pd_options_json (options))
      print_device_json (i, devices->pdata[i]);
    else
      print_device (i, devices->pdata[i]);
  return 0;
}

int
pd_listing_models (int argc, char **argv, const char *data_folder)
{
  g_autoptr (PdOptions) options =
      pd_options_new (argv[0], _ ("Lists the models that --model knows by name."), names, NULL);
  g_autoptr (PdCatalog) catalog = NULL;
  g_autoptr (PdDeadline) deadline = NULL;
  const GPtrArray *models;
  g_autoptr (GError) error = NULL;

  if (!pd_options_parse (options, argc, argv, &error))
    return pd_options_usage_error (options, error->message);
  deadline = pd_deadline_push (SIFT_TIME);
  catalog = pd_catalog_new (data_folder);
  models = pd_catalog_list (catalog);
  for (guint i = 0; i < models->len; i++)
    {
      const PdCatalogEntry *entry = models->pdata[i];

      if (pd_catalog_entry_is_other (entry))
        continue;
      if (pd_options_json (options))
        print_model_json (entry);
      else
        print_model (entry);
    }
  return 0;
}
