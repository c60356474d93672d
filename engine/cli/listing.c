// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/cli/listing.h"
#include "engine/cli/console.h"
#include "engine/gpu/device.h"
#include "engine/base/message.h"
#include "engine/files/catalog.h"
#include "engine/files/deadline.h"
#include "engine/cli/options.h"

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>
#include <stdio.h>

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

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_int (JsonBuilder *builder, const char *name, guint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) MIN (value, G_MAXINT64));
}

static void
add_boolean (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
print_object (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *json = NULL, *line = NULL;

  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json = json_to_string (root, FALSE);
  line = pd_message_escape_json (json);
  puts (line);
}

static void
print_device_json (guint number, const PdDeviceInfo *info)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_int (builder, "number", number);
  add_string (builder, "name", info->name);
  add_string (builder, "type", info->type_name);
  add_string (builder, "driver", info->driver_name);
  add_string (builder, "driver_info", info->driver_info);
  add_string (builder, "uuid", info->uuid);
  add_int (builder, "memory_bytes", info->heap);
  add_int (builder, "budget_bytes", info->budget);
  add_int (builder, "subgroup_size", info->subgroup_size);
  add_int (builder, "min_subgroup_size", info->min_subgroup_size);
  add_int (builder, "max_subgroup_size", info->max_subgroup_size);
  add_boolean (builder, "fp16", info->float16);
  add_boolean (builder, "storage16", info->storage16);
  add_boolean (builder, "cooperative_matrix", info->cooperative_matrix);
  add_int (builder, "max_storage_buffer_range", info->max_storage_buffer_range);
  add_int (builder, "max_memory_allocation_size", info->max_memory_allocation_size);
  add_int (builder, "max_workgroup_invocations", info->max_workgroup_invocations);
  add_int (builder, "max_shared_memory", info->max_shared_memory);
  print_object (builder);
}

int
pd_listing_devices (int argc, char **argv, const char *data_folder)
{
  g_autoptr (PdOptions) options =
      pd_options_new (argv[0], _ ("Lists the Vulkan devices that --device can name."));
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) devices = NULL;

  if (!pd_options_parse (options, argc, argv, &error))
    return pd_options_usage_error (options, error->message);
  devices = pd_device_list (&error);
  if (!devices)
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
      pd_options_new (argv[0], _ ("Lists the models that --model knows by name."));
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
        {
          g_autoptr (JsonBuilder) builder = json_builder_new ();
          g_autofree char *path = g_filename_display_name (entry->path);

          json_builder_begin_object (builder);
          add_string (builder, "name", entry->name);
          add_string (builder, "path", path);
          print_object (builder);
        }
      else
        {
          g_autofree char *name = pd_message_clean (entry->name);
          g_autofree char *path = pd_message_clean (entry->path);

          printf ("%-20s %s\n", name, path);
        }
    }
  return 0;
}
