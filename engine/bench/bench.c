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
  char *model, *vae, *text_encoder, *precision, *kernels, *device, *size, *only;
  gboolean json, no_model;
  guint width, height; /* 0: the model's */
  int runs;
  PdKernels kind;
} Options;

static void
options_clear (Options *self)
{
  g_free (self->model);
  g_free (self->vae);
  g_free (self->text_encoder);
  g_free (self->precision);
  g_free (self->kernels);
  g_free (self->device);
  g_free (self->size);
  g_free (self->only);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

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

static gboolean
measure (PdBench *bench, const Options *options, const char *path, GError **error)
{
  const PdModelParts parts = { .vae = options->vae, .text_encoder = options->text_encoder };

  if (!pd_bench_measure_peak (bench, error) || !pd_bench_kernels (bench, error) ||
      !pd_bench_measure_peak (bench, error))
    return FALSE;
  if (path != NULL &&
      (!pd_bench_model (bench, path, &parts, options->width, options->height, error) ||
       !pd_bench_measure_peak (bench, error)))
    return FALSE;
  add_totals (bench);
  return TRUE;
}

static gboolean
run (const Options *options, const char *data_folder, GError **error)
{
  PdDeviceOptions device_options = { .selector = options->device };
  PdPrecision precision =
      g_strcmp0 (options->precision, "f32") == 0 ? PD_PRECISION_F32 : PD_PRECISION_F16;
  g_autoptr (PdCatalog) catalog = pd_catalog_new (data_folder);
  g_autofree char *path = NULL;
  g_autoptr (PdDevice) device = NULL;
  g_auto (PdBench) bench = { 0 };
  PdBackend backend;

  if (!options->no_model)
    {
      path = pd_catalog_find (catalog, options->model ? options->model : "default", error);
      if (path == NULL)
        return FALSE;
    }
  device = pd_device_new (&device_options, error);
  if (device == NULL || !pd_backend_init (&backend, device, options->kind, precision, error))
    return FALSE;
  pd_bench_init (&bench, &backend, options->only, (guint) options->runs);
  if (!measure (&bench, options, path, error))
    return FALSE;
  if (options->json)
    pd_bench_print_json (&bench);
  else
    pd_bench_print_table (&bench);
  return TRUE;
}

static gboolean
read_size (Options *self)
{
  g_autoptr (PdRequest) request = pd_request_new ();

  if (!pd_request_set_text (request, "size", self->size, NULL))
    return FALSE;
  self->width = request->width;
  self->height = request->height;
  return TRUE;
}

/* NULL if all is well, otherwise what is wrong. */
static const char *
check_options (Options *self)
{

  if (self->precision != NULL && strcmp (self->precision, "f32") != 0 &&
      strcmp (self->precision, "f16") != 0)
    return _ ("--precision is f32 or f16");
  if (self->kernels != NULL && !pd_kernels_from_string (self->kernels, &self->kind))
    return _ ("--kernels is auto, general, uniform or cooperative");
  if (self->size != NULL && !read_size (self))
    return _ ("--size is WIDTHxHEIGHT in pixels, e.g. 512x512");
  if (self->runs < 1 || self->runs > 100)
    return _ ("--runs is a number from 1 to 100");
  return NULL;
}

int
pd_bench_main (int argc, char **argv, const char *data_folder)
{
  g_auto (Options) options = { .runs = 3 };
  const GOptionEntry entries[] = {
    { "model", 0, 0, G_OPTION_ARG_STRING, &options.model,
      N_ ("Name or path of the model to measure (default: default)"), "MODEL" },
    { "vae", 0, 0, G_OPTION_ARG_FILENAME, &options.vae,
      N_ ("Autoencoder to take instead of the model's: a .safetensors file or a folder"), "FILE" },
    { "text-encoder", 0, 0, G_OPTION_ARG_FILENAME, &options.text_encoder,
      N_ ("Text encoder to take instead of the model's: a .safetensors file or a folder"), "FILE" },
    { "no-model", 0, 0, G_OPTION_ARG_NONE, &options.no_model, N_ ("Measure only the kernels"),
      NULL },
    { "size", 0, 0, G_OPTION_ARG_STRING, &options.size,
      N_ ("Size of the picture (default: what the model was trained at)"), "WxH" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &options.precision,
      N_ ("Storage of weights and activations: f16 (default) or f32"), "TYPE" },
    { "kernels", 0, 0, G_OPTION_ARG_STRING, &options.kernels,
      N_ ("auto (default), general, uniform or cooperative"), "KIND" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &options.device,
      N_ ("Number, UUID or part of the name of a device"), "DEVICE" },
    { "only", 0, 0, G_OPTION_ARG_STRING, &options.only,
      N_ ("Only what matches, e.g. 'conv*' or 'UNet*'"), "GLOB" },
    { "runs", 0, 0, G_OPTION_ARG_INT, &options.runs,
      N_ ("How often to run a part of the model after the warm-up (default: 3)"), "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_ ("Print one JSON object"), NULL },
    pd_options_version_entry (),
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *clean = NULL;
  const char *wrong = NULL;

  g_option_context_set_summary (
      context,
      _ ("Measures the kernels at the shapes of SD 1.5 and the parts of a model, as shares "
         "of what\nthe device does at best (multiply-adds on registers, measured in the "
         "same run)."));
  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    wrong = error->message;
  else if (argc != 1)
    wrong = _ ("there are no arguments but options");
  else
    wrong = check_options (&options);
  if (wrong != NULL)
    return pd_options_usage_error_of ("bench", wrong);
  if (!run (&options, data_folder, &error))
    {
      clean = pd_message_clean (error->message);
      g_printerr ("parallel-diffusion bench: %s\n", clean);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
