// SPDX-License-Identifier: GPL-3.0-or-later
#include <stdio.h>

#include <glib/gi18n-lib.h>
#include <json-glib/json-glib.h>

#include "engine/bench/measure.h"

/* Of the ceiling. */
static double
wall_ratio (const PdBench *bench, const PdMeasurement *m)
{
  return m->work / m->wall / bench->peak_wall;
}

static double
cpu_ratio (const PdBench *bench, const PdMeasurement *m)
{
  return m->work / m->cpu / bench->peak_cpu;
}

static void
print_measurements (const PdBench *self)
{
  printf (
      _ ("\nShares of the ceiling; the spread is (largest - smallest) / median of the runs.\n"));
  printf ("%-44s %9s %5s %9s %9s %6s %6s %12s\n", "", _ ("GFLOP"), _ ("runs"), _ ("wall s"),
          _ ("CPU s"), _ ("wall"), _ ("CPU"), _ ("spread w/c"));
  for (guint i = 0; i < self->measurements->len; i++)
    {
      const PdMeasurement *m = &g_array_index (self->measurements, PdMeasurement, i);

      printf ("%-44s %9.3f %5u %9.4f %9.4f %6.2f %6.2f %4.0f%% / %3.0f%%\n", m->name,
              m->work * 1e-9, m->n_runs, m->wall, m->cpu, wall_ratio (self, m), cpu_ratio (self, m),
              100 * (m->wall_max - m->wall_min) / m->wall,
              100 * (m->cpu_max - m->cpu_min) / m->cpu);
    }
}

static void
print_shares (const PdBench *self)
{
  printf (_ ("\nWhere the time goes (device timestamps):\n"));
  for (guint i = 0; i < self->shares->len; i++)
    {
      const PdOpShare *share = &g_array_index (self->shares, PdOpShare, i);

      printf ("%-6s %-20s %5u x %9.4f s %5.1f %%", share->part, share->label, share->count,
              share->seconds, 100 * share->share);
      if (share->work > 0)
        printf (_ ("  %8.2f GFLOP/s, %.2f of the ceiling"), share->work / share->seconds * 1e-9,
                share->work / share->seconds / self->peak_wall);
      putchar ('\n');
    }
}

void
pd_bench_print_table (const PdBench *self)
{
  const PdDeviceInfo *info = pd_device_info (self->backend->device);

  printf (_ ("%s, %s kernels, weights %s, activations %s\n"), info->name,
          pd_kernels_to_string (self->backend->kernels),
          self->backend->weights == PD_FORMAT_F16 ? "f16" : "f32",
          self->backend->activations == PD_TYPE_F16 ? "f16" : "f32");
  printf (_ ("Ceiling (multiply-adds on registers, best of %u): %.1f GFLOP/s wall, %.1f per CPU "
             "second\n"),
          self->n_peaks, self->peak_wall * 1e-9, self->peak_cpu * 1e-9);
  if (self->measurements->len > 0)
    print_measurements (self);
  if (self->shares->len > 0)
    print_shares (self);
  putchar ('\n');
  for (guint i = 0; i < self->figures->len; i++)
    {
      const PdFigure *figure = &g_array_index (self->figures, PdFigure, i);
      g_autofree char *bytes = NULL;

      if (g_strcmp0 (figure->unit, "bytes") == 0)
        {
          bytes = g_format_size_full ((guint64) figure->value, G_FORMAT_SIZE_IEC_UNITS);
          printf ("%-44s %s\n", figure->name, bytes);
        }
      else
        printf ("%-44s %.4g %s\n", figure->name, figure->value, figure->unit);
    }
}

static void
add_double (JsonBuilder *builder, const char *name, double value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
build_measurements (const PdBench *self, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "measurements");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->measurements->len; i++)
    {
      const PdMeasurement *m = &g_array_index (self->measurements, PdMeasurement, i);

      json_builder_begin_object (builder);
      add_string (builder, "name", m->name);
      add_double (builder, "work", m->work);
      json_builder_set_member_name (builder, "runs");
      json_builder_add_int_value (builder, m->n_runs);
      add_double (builder, "first_seconds", m->first);
      add_double (builder, "wall_seconds", m->wall);
      add_double (builder, "wall_min", m->wall_min);
      add_double (builder, "wall_max", m->wall_max);
      add_double (builder, "cpu_seconds", m->cpu);
      add_double (builder, "cpu_min", m->cpu_min);
      add_double (builder, "cpu_max", m->cpu_max);
      add_double (builder, "wall_ratio", wall_ratio (self, m));
      add_double (builder, "cpu_ratio", cpu_ratio (self, m));
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
build_shares (const PdBench *self, JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "shares");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->shares->len; i++)
    {
      const PdOpShare *share = &g_array_index (self->shares, PdOpShare, i);

      json_builder_begin_object (builder);
      add_string (builder, "part", share->part);
      add_string (builder, "op", share->label);
      json_builder_set_member_name (builder, "count");
      json_builder_add_int_value (builder, share->count);
      add_double (builder, "seconds", share->seconds);
      add_double (builder, "share", share->share);
      if (share->work > 0)
        add_double (builder, "work", share->work);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

void
pd_bench_print_json (const PdBench *self)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  add_string (builder, "device", pd_device_info (self->backend->device)->name);
  add_string (builder, "kernels", pd_kernels_to_string (self->backend->kernels));
  add_string (builder, "weights", self->backend->weights == PD_FORMAT_F16 ? "f16" : "f32");
  add_string (builder, "activations", self->backend->activations == PD_TYPE_F16 ? "f16" : "f32");
  add_double (builder, "peak_wall", self->peak_wall);
  add_double (builder, "peak_cpu", self->peak_cpu);
  build_measurements (self, builder);
  build_shares (self, builder);
  json_builder_set_member_name (builder, "figures");
  json_builder_begin_object (builder);
  for (guint i = 0; i < self->figures->len; i++)
    {
      const PdFigure *figure = &g_array_index (self->figures, PdFigure, i);

      add_double (builder, figure->name, figure->value);
    }
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, FALSE);
  puts (text);
}
