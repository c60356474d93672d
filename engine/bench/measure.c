// SPDX-License-Identifier: GPL-3.0-or-later
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine/bench/measure.h"
#include "shaders/abi/peak.h"

enum
{
  MAX_RUNS = 100
};

static const double min_seconds = 0.5; /* of measuring one thing */

static void
clear_measurement (gpointer data)
{
  g_free (((PdMeasurement *) data)->name);
}

static void
clear_share (gpointer data)
{
  PdOpShare *share = data;

  g_free (share->part);
  g_free (share->label);
}

static void
clear_figure (gpointer data)
{
  g_free (((PdFigure *) data)->name);
}

void
pd_bench_init (PdBench *self, const PdBackend *backend, const char *glob, guint n_runs)
{
  *self = (PdBench){ .backend = backend, .glob = glob, .n_runs = n_runs };
  self->measurements = g_array_new (FALSE, FALSE, sizeof (PdMeasurement));
  g_array_set_clear_func (self->measurements, clear_measurement);
  self->shares = g_array_new (FALSE, FALSE, sizeof (PdOpShare));
  g_array_set_clear_func (self->shares, clear_share);
  self->figures = g_array_new (FALSE, FALSE, sizeof (PdFigure));
  g_array_set_clear_func (self->figures, clear_figure);
}

void
pd_bench_clear (PdBench *self)
{
  g_clear_pointer (&self->measurements, g_array_unref);
  g_clear_pointer (&self->shares, g_array_unref);
  g_clear_pointer (&self->figures, g_array_unref);
}

gboolean
pd_bench_wants (const PdBench *self, const char *name)
{
  return self->glob == NULL || g_pattern_match_simple (self->glob, name);
}

static double
seconds_of (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (double) now.tv_sec + now.tv_nsec * 1e-9;
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

/* Sorts. */
static double
median (double *values, guint n)
{
  qsort (values, n, sizeof *values, compare_doubles);
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static gboolean
run_often (PdMeasurement *result, guint min_runs, PdBenchFunc func, gpointer data, GError **error)
{
  double walls[MAX_RUNS], cpus[MAX_RUNS], total = 0, start = seconds_of (CLOCK_MONOTONIC);
  guint n = 0;

  if (!func (data, error))
    return FALSE;
  result->first = seconds_of (CLOCK_MONOTONIC) - start;
  while (n < MAX_RUNS && (n < min_runs || total < min_seconds))
    {
      double wall = seconds_of (CLOCK_MONOTONIC), cpu = seconds_of (CLOCK_PROCESS_CPUTIME_ID);

      if (!func (data, error))
        return FALSE;
      walls[n] = seconds_of (CLOCK_MONOTONIC) - wall;
      cpus[n] = seconds_of (CLOCK_PROCESS_CPUTIME_ID) - cpu;
      total += walls[n++];
    }
  result->n_runs = n;
  result->wall = median (walls, n);
  result->wall_min = walls[0];
  result->wall_max = walls[n - 1];
  result->cpu = median (cpus, n);
  result->cpu_min = cpus[0];
  result->cpu_max = cpus[n - 1];
  return TRUE;
}

gboolean
pd_bench_measure (PdBench *self,
                  const char *name,
                  const PdGraph *graph,
                  guint min_runs,
                  PdBenchFunc func,
                  gpointer data,
                  GError **error)
{
  PdMeasurement result = { .name = g_strdup (name), .work = pd_graph_operations (graph, NULL) };

  if (isatty (STDERR_FILENO))
    g_printerr ("%s …\n", name);
  if (!run_often (&result, min_runs, func, data, error))
    {
      g_free (result.name);
      return FALSE;
    }
  g_array_append_val (self->measurements, result);
  return TRUE;
}

static gboolean
run_commands (gpointer data, GError **error)
{
  return pd_commands_run (data, NULL, error);
}

gboolean
pd_bench_measure_peak (PdBench *self, GError **error)
{
  enum
  {
    ITERATIONS = 1000,
    OPERATIONS = 2 * 96 * ITERATIONS, /* per invocation, see peak.comp */
    MIN_RUNS = 9,
  };
  static const double enough = 0.05; /* seconds of one run */
  PdDevice *device = self->backend->device;
  guint32 constants[] = { MAX (32, 4 * pd_device_info (device)->subgroup_size), ITERATIONS };
  const PdPeakPush push = { .a = 0.999f, .b = 0.001f };
  PdKernel *kernel = pd_kernel_get (device, "peak", constants, G_N_ELEMENTS (constants), error);

  if (kernel == NULL)
    return FALSE;
  for (guint groups = 64;; groups *= 2)
    {
      gsize invocations = (gsize) groups * constants[0];
      g_autoptr (PdBuffer) sums =
          pd_buffer_new (device, invocations * sizeof (float), PD_BUFFER_DEVICE, error);
      g_autoptr (PdCommands) commands = pd_commands_new (device, FALSE);
      PdMeasurement result = { 0 };
      double work = (double) invocations * OPERATIONS;

      if (sums == NULL)
        return FALSE;
      pd_commands_dispatch (commands, &(PdLaunch){ .kernel = kernel,
                                                   .bindings = &(PdBinding){ .buffer = sums },
                                                   .n_bindings = 1,
                                                   .push = &push,
                                                   .push_size = sizeof push,
                                                   .groups = { groups, 1, 1 },
                                                   .work = work });
      if (!pd_commands_end (commands, error) ||
          !run_often (&result, 1, run_commands, commands, error))
        return FALSE;
      if (result.wall < enough && groups < pd_device_info (device)->max_workgroup_count[0] / 2)
        continue;
      if (!run_often (&result, MIN_RUNS, run_commands, commands, error))
        return FALSE;
      self->peak_wall = MAX (self->peak_wall, work / result.wall);
      self->peak_cpu = MAX (self->peak_cpu, work / result.cpu);
      self->n_peaks++;
      return TRUE;
    }
}

void
pd_bench_add_shares (PdBench *self, const char *part, PdGraph *graph)
{
  g_autoptr (GArray) times = pd_graph_times (graph);
  double total = 0;

  for (guint i = 0; i < times->len; i++)
    total += g_array_index (times, PdOpTime, i).seconds;
  for (guint i = 0; i < times->len; i++)
    {
      const PdOpTime *time = &g_array_index (times, PdOpTime, i);
      PdOpShare share = { .part = g_strdup (part),
                          .label = g_strdup (time->label),
                          .seconds = time->seconds,
                          .share = time->seconds / total,
                          .work = pd_graph_operations (graph, time->label),
                          .count = time->count };

      g_array_append_val (self->shares, share);
    }
}

void
pd_bench_add_figure (PdBench *self, const char *name, double value, const char *unit)
{
  PdFigure figure = { g_strdup (name), value, unit };

  g_array_append_val (self->figures, figure);
}

void
pd_bench_fill (float *values, gsize count)
{
  guint32 state = 1;

  for (gsize i = 0; i < count; i++)
    {
      state = state * 1664525 + 1013904223;
      values[i] = (float) (state >> 8) * 0x1p-23f - 1;
    }
}
