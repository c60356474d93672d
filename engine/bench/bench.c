// SPDX-License-Identifier: GPL-3.0-or-later
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <glib/gi18n-lib.h>

#include "engine/bench/measure.h"
#include "engine/bench/bench.h"
#include "engine/gpu/account.h"
#include "engine/gpu/kernel.h"
#include "engine/base/message.h"
#include "engine/files/catalog.h"
#include "engine/cli/options.h"

typedef struct
{
  char *only;
  gboolean no_model;
  int runs;
} Own;

static void
own_clear (Own *self)
{
  g_free (self->only);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Own, own_clear)

static void
add_totals (PdBench *bench)
{
  PdDevice *device = bench->backend->device;
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  pd_bench_add_figure (bench, "pipelines", pd_kernel_count (device), "");
  pd_bench_add_figure (bench, "pipeline creation, summed over threads", pd_kernel_seconds (device),
                       "s");
  pd_bench_add_figure (bench, "peak device memory", (double) pd_account_peak (device), "bytes");
  pd_bench_add_figure (bench, "peak host memory", (double) usage.ru_maxrss * 1024, "bytes");
}

/* @path: of the model, NULL: only the kernels. @sized: the request's size counts, not the model's.
 */
static gboolean
measure (PdBench *bench, const PdRequest *request, const char *path, gboolean sized, GError **error)
{
  const PdModelParts parts = { .vae = request->vae, .text_encoder = request->text_encoder };

  if (!pd_bench_measure_peak (bench, error) || !pd_bench_kernels (bench, error) ||
      !pd_bench_measure_peak (bench, error))
    return FALSE;
  if (path != NULL && (!pd_bench_model (bench, path, &parts, sized ? request->width : 0,
                                        sized ? request->height : 0, error) ||
                       !pd_bench_measure_peak (bench, error)))
    return FALSE;
  add_totals (bench);
  return TRUE;
}

static gboolean
run (const Own *own,
     PdOptions *options,
     const PdRequest *request,
     const char *data_folder,
     GError **error)
{
  PdDeviceOptions device_options = { .selector = request->device };
  PdPrecision precision =
      request->precision == PD_PRECISION_F32 ? PD_PRECISION_F32 : PD_PRECISION_F16;
  g_autoptr (PdCatalog) catalog = pd_catalog_new (data_folder);
  g_autofree char *path = NULL;
  g_autoptr (PdDevice) device = NULL;
  g_auto (PdBench) bench = { 0 };
  PdBackend backend;

  if (!own->no_model)
    {
      path = pd_catalog_find (catalog, request->model, error);
      if (path == NULL)
        return FALSE;
    }
  device = pd_device_new (&device_options, error);
  if (device == NULL || !pd_backend_init (&backend, device, request->kernels, precision, error))
    return FALSE;
  pd_bench_init (&bench, &backend, own->only, (guint) own->runs);
  if (!measure (&bench, request, path, pd_options_given (options, "size"), error))
    return FALSE;
  if (pd_options_json (options))
    pd_bench_print_json (&bench);
  else
    pd_bench_print_table (&bench);
  return TRUE;
}

int
pd_bench_main (int argc, char **argv, const char *data_folder)
{
  static const char *const names[] = { "model",   "vae",    "text-encoder", "size", "precision",
                                       "kernels", "device", "json",         NULL };
  g_auto (Own) own = { .runs = 3 };
  const GOptionEntry entries[] = {
    { "no-model", 0, 0, G_OPTION_ARG_NONE, &own.no_model, N_ ("Measure only the kernels"), NULL },
    { "only", 0, 0, G_OPTION_ARG_STRING, &own.only,
      N_ ("Only what matches, e.g. 'conv*' or 'UNet*'"), "GLOB" },
    { "runs", 0, 0, G_OPTION_ARG_INT, &own.runs,
      N_ ("How often to run a part of the model after the warm-up (default: 3)"), "N" },
    { NULL },
  };
  g_autoptr (PdOptions) options = pd_options_new (
      argv[0],
      _ ("Measures the kernels at the shapes of SD 1.5 and the parts of a model, as shares of "
         "what the device does at best (multiply-adds on registers, measured in the same run). "
         "Without --size it takes the size the model was trained at; --precision auto is f16."),
      names, entries);
  g_autoptr (PdRequest) request = pd_request_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *clean = NULL;

  if (!pd_options_parse (options, argc, argv, &error) ||
      !pd_options_apply (options, request, &error))
    return pd_options_usage_error (options, error->message);
  if (own.runs < 1 || own.runs > 100)
    return pd_options_usage_error (options, _ ("--runs is a number from 1 to 100"));
  if (!run (&own, options, request, data_folder, &error))
    {
      clean = pd_message_clean (error->message);
      g_printerr ("parallel-diffusion bench: %s\n", clean);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
