// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/report-json.h"

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_path (JsonBuilder *builder, const char *name, const char *path)
{
  g_autofree char *shown = g_filename_display_name (path);

  add_string (builder, name, shown);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_double (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

void
pd_report_add_json (const PdReport *report, double seconds, JsonBuilder *builder)
{
  if (report->seed <= G_MAXINT64)
    add_int (builder, "seed", (gint64) report->seed);
  else
    {
      g_autofree char *seed = g_strdup_printf ("%" G_GUINT64_FORMAT, report->seed);

      add_string (builder, "seed", seed);
    }
  add_int (builder, "width", report->width);
  add_int (builder, "height", report->height);
  add_int (builder, "full_width", report->full_width);
  add_int (builder, "full_height", report->full_height);
  add_string (builder, "device", report->device);
  add_string (builder, "kernels", report->kernels);
  add_string (builder, "precision", report->precision);
  add_string (builder, "solver", report->solver);
  if (report->vae != NULL)
    add_path (builder, "vae", report->vae);
  if (report->text_encoder != NULL)
    add_path (builder, "text_encoder", report->text_encoder);
  json_builder_set_member_name (builder, "seconds");
  json_builder_begin_object (builder);
  add_double (builder, "load", report->load_seconds);
  add_double (builder, "text", report->text_seconds);
  add_double (builder, "encode", report->encode_seconds);
  add_double (builder, "denoise", report->denoise_seconds);
  add_double (builder, "decode", report->decode_seconds);
  add_double (builder, "first_step", report->first_step_seconds);
  add_double (builder, "pipelines", report->pipeline_seconds);
  add_double (builder, "total", seconds);
  json_builder_end_object (builder);
  add_int (builder, "unet_forwards", report->unet_forwards);
  add_int (builder, "tiles", report->n_tiles);
  add_int (builder, "tile", report->tile);
  add_int (builder, "batch", report->batch);
  add_int (builder, "bank_bytes", (gint64) report->bank_bytes);
  add_int (builder, "pipelines", report->n_pipelines);
  add_int (builder, "peak_device_bytes", (gint64) report->peak_device_bytes);
  add_int (builder, "peak_host_bytes", (gint64) report->peak_host_bytes);
  add_int (builder, "weight_bytes", (gint64) report->weight_bytes);
  add_int (builder, "arena_bytes", (gint64) report->arena_bytes);
  add_int (builder, "tensor_bytes", (gint64) report->tensor_bytes);
}
