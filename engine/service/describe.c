// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/service/describe.h"
#include "engine/base/confine.h"
#include "engine/gpu/device.h"
#include "engine/base/message.h"
#include "engine/files/catalog.h"
#include "engine/files/deadline.h"
#include "engine/files/model-check.h"
#include "engine/networks/family.h"
#include "engine/wire/messages.h"

/* For all that lies in the models folders, in µs: the plug-in waits for the answer. */
static const gint64 MODELS_TIME = 800000;

static GVariant *
describe_device (guint index, const PdDeviceInfo *info)
{
  const PdOfferedDevice device = { .index = index,
                                   .name = info->name,
                                   .uuid = info->uuid,
                                   .kind = info->type_name,
                                   .memory_bytes = info->budget };

  return pd_fields_to_variant (pd_offered_device_fields, &device);
}

static void
add_devices (GVariantDict *dict)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) devices = pd_device_list (&error);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; devices != NULL && i < devices->len; i++)
    g_variant_builder_add (&builder, "v", describe_device (i, devices->pdata[i]));
  g_variant_dict_insert_value (dict, "devices", g_variant_builder_end (&builder));
  if (error != NULL)
    {
      g_autofree char *reason = pd_message_clean (error->message);

      g_variant_dict_insert (dict, "reason", "s", reason);
    }
}

/* All that can be known without the weights. */
static gboolean
check_model (const PdModelFiles *files, GError **error)
{
  g_autoptr (PdTokenizer) tokenizer = NULL;

  if (!pd_model_files_require (files, PD_PART_UNET, error) ||
      !pd_model_files_require (files, PD_PART_VAE, error) ||
      !pd_model_files_require (files, PD_PART_TEXT_ENCODER, error))
    return FALSE;
  tokenizer = pd_model_files_load_tokenizer (files, error);
  return tokenizer != NULL && pd_model_check (files, tokenizer, error);
}

/* A model that cannot be used is listed with the reason, one that there is no time to open by its
 * name alone. */
static GVariant *
describe_model (const PdCatalogEntry *entry)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdModelFiles) files = NULL;
  g_autofree char *path = g_filename_display_name (entry->path), *reason = NULL;
  PdOfferedModel model = { .name = entry->name, .path = path };
  const PdFamily *family = NULL;

  if (!g_cancellable_set_error_if_cancelled (g_cancellable_get_current (), &error))
    files = pd_model_files_open (entry->path, NULL, &error);
  if (files != NULL && check_model (files, &error))
    family = pd_family_find (files, &error);
  if (family != NULL)
    {
      const PdUNetConfig *unet = files->parts[PD_PART_UNET].config;

      model.scale = family->autoencoder_info (files).scale;
      model.native = model.scale * (guint) MAX (0, unet->sample_size);
    }
  if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    model.reason = reason = pd_message_clean (error->message);
  return pd_fields_to_variant (pd_offered_model_fields, &model);
}

GVariant *
pd_describe_engine (const char *data_folder)
{
  g_autoptr (PdCatalog) catalog = NULL;
  g_autoptr (PdDeadline) deadline = NULL;
  g_autofree char *confinement = pd_confine_describe ();
  const GPtrArray *models;
  GVariantBuilder builder;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "version", "s", PD_VERSION);
  g_variant_dict_insert (&dict, "protocol", "x", (gint64) PD_WIRE_PROTOCOL);
  g_variant_dict_insert (&dict, "data", "s", data_folder);
  g_variant_dict_insert (&dict, "confinement", "s", confinement);
  add_devices (&dict);
  deadline = pd_deadline_push (MODELS_TIME);
  catalog = pd_catalog_new (data_folder);
  models = pd_catalog_list (catalog);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < models->len; i++)
    if (!pd_catalog_entry_is_other (models->pdata[i]))
      g_variant_builder_add (&builder, "v", describe_model (models->pdata[i]));
  g_variant_dict_insert_value (&dict, "models", g_variant_builder_end (&builder));
  return g_variant_dict_end (&dict);
}
