// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/service/describe.h"
#include "engine/base/confine.h"
#include "engine/gpu/device.h"
#include "engine/base/message.h"
#include "engine/files/catalog.h"
#include "engine/files/deadline.h"
#include "engine/files/model-check.h"
#include "engine/networks/tiny-vae.h"
#include "engine/networks/vae.h"
#include "engine/run/report-json.h"

/* For all that lies in the models folders, in µs: the plug-in waits for the answer. */
static const gint64 MODELS_TIME = 800000;

static GVariant *
describe_device (guint index, const PdDeviceInfo *info)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "index", "x", (gint64) index);
  g_variant_dict_insert (&dict, "name", "s", info->name);
  g_variant_dict_insert (&dict, "uuid", "s", info->uuid);
  g_variant_dict_insert (&dict, "kind", "s", info->type_name);
  g_variant_dict_insert (&dict, "memory", "x", (gint64) MIN (info->budget, G_MAXINT64));
  return g_variant_dict_end (&dict);
}

static void
insert_message (GVariantDict *dict, const char *key, const char *message)
{
  g_autofree char *clean = pd_message_clean (message);

  g_variant_dict_insert (dict, key, "s", clean);
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
    insert_message (dict, "reason", error->message);
}

static guint
scale_of (const PdModelFiles *files)
{
  if (files->vae != NULL)
    return pd_vae_scale (&files->vae_config);
  return files->tiny_vae != NULL ? pd_tiny_vae_scale (&files->tiny_vae_config) : 0;
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

/* What cannot be used is listed with the reason; what there is no time to open, by its name. */
static GVariant *
describe_model (const PdCatalogEntry *entry)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PdModelFiles) files = NULL;
  g_autofree char *path = g_filename_display_name (entry->path);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "name", "s", entry->name);
  g_variant_dict_insert (&dict, "path", "s", path);
  if (!g_cancellable_set_error_if_cancelled (g_cancellable_get_current (), &error))
    files = pd_model_files_open (entry->path, NULL, &error);
  if (files != NULL && check_model (files, &error))
    {
      const gint64 scale = scale_of (files);

      g_variant_dict_insert (&dict, "native", "x", scale * MAX (0, files->unet_config.sample_size));
      g_variant_dict_insert (&dict, "scale", "x", scale);
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_clear_error (&error);
  g_variant_dict_insert (&dict, "usable", "b", error == NULL);
  if (error != NULL)
    insert_message (&dict, "reason", error->message);
  return g_variant_dict_end (&dict);
}

GVariant *
pd_rpc_describe_engine (const char *data_folder)
{
  g_autoptr (PdCatalog) catalog = NULL;
  g_autoptr (PdDeadline) deadline = NULL;
  g_autofree char *confinement = pd_confine_describe ();
  const GPtrArray *models;
  GVariantBuilder builder;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "version", "s", PD_VERSION);
  g_variant_dict_insert (&dict, "protocol", "x", (gint64) PD_RPC_PROTOCOL);
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

GVariant *
pd_rpc_describe_progress (const PdProgress *progress)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "stage", "s", progress->stage);
  g_variant_dict_insert (&dict, "level", "x", (gint64) progress->level);
  g_variant_dict_insert (&dict, "levels", "x", (gint64) progress->n_levels);
  g_variant_dict_insert (&dict, "step", "x", (gint64) progress->step);
  g_variant_dict_insert (&dict, "steps", "x", (gint64) progress->n_steps);
  g_variant_dict_insert (&dict, "tiles", "x", (gint64) progress->tiles);
  g_variant_dict_insert (&dict, "n-tiles", "x", (gint64) progress->n_tiles);
  g_variant_dict_insert (&dict, "fraction", "d", progress->fraction);
  g_variant_dict_insert (&dict, "eta", "d", progress->eta_seconds);
  return g_variant_dict_end (&dict);
}

GVariant *
pd_rpc_describe_estimate (const PdEstimate *estimate)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "tiles", "x", (gint64) estimate->tiles);
  g_variant_dict_insert (&dict, "forwards", "x", (gint64) estimate->forwards);
  g_variant_dict_insert (&dict, "levels", "x", (gint64) estimate->levels);
  g_variant_dict_insert (&dict, "tile", "x", (gint64) estimate->tile);
  g_variant_dict_insert (&dict, "batch", "x", (gint64) estimate->batch);
  g_variant_dict_insert (&dict, "seconds", "d", estimate->seconds);
  g_variant_dict_insert (&dict, "kernels", "x", (gint64) estimate->kernels);
  g_variant_dict_insert (&dict, "kernel-seconds", "d", estimate->kernel_seconds);
  g_variant_dict_insert (&dict, "device-bytes", "x", (gint64) estimate->device_bytes);
  g_variant_dict_insert (&dict, "host-bytes", "x", (gint64) estimate->host_bytes);
  g_variant_dict_insert (&dict, "reason", "s", estimate->reason != NULL ? estimate->reason : "");
  return g_variant_dict_end (&dict);
}

GVariant *
pd_rpc_describe_report (const PdReport *report, double seconds)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  pd_report_add_json (report, seconds, builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_gvariant_deserialize (root, NULL, NULL);
}
