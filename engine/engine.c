// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/resource.h>

#include <glib/gi18n-lib.h>

#include "engine/diffusion/noise.h"
#include "engine/diffusion/schedule-json.h"
#include "engine/engine.h"
#include "engine/error.h"
#include "engine/gpu/kernels.h"
#include "engine/model/catalog.h"
#include "engine/model/model.h"
#include "engine/tiles/decode.h"
#include "engine/tiles/denoise.h"
#include "engine/tiles/encode.h"

struct _PdEngine
{
  PdDevice *device;
  PdBackend backend;
  PdModel *model;
  gint64 start_time; /* µs, monotonic */
  double load_seconds;
};

/* One call of pd_engine_run. */
typedef struct
{
  PdEngine *engine;
  PdRequest *request;
  PdProgressFunc progress;
  gpointer user_data;
  GCancellable *cancellable;
  PdReport *report;

  guint channels, h, w; /* of the latent */
  gsize n_elements;
  guint64 seed;
  guint n_draws;    /* noise arrays drawn so far */
  PdSolver *solver; /* for its schedule: the one that denoises is made for the canvas */
  gint64 denoise_start;
  const char *coding; /* stage: "encode" or "decode" */
  gint64 coding_start;
} Run;

enum
{
  CODER_TILE = 96,   /* latent pixels, halo included: 768 pixels of a Stable Diffusion picture */
  GPU_BATCH = 8,     /* tiles at once to begin with: enough to fill a GPU at the coarsest level */
  DEFAULT_TILE = 64, /* latent pixels, for models that do not tell theirs: Stable Diffusion's */
};

static double
seconds_since (gint64 time)
{
  return (double) (g_get_monotonic_time () - time) / G_USEC_PER_SEC;
}

static PdKernels
requested_kernels (const PdRequest *request)
{
  switch (request->kernels)
    {
    case PD_REQUEST_KERNELS_GENERAL:
      return PD_KERNELS_GENERAL;
    case PD_REQUEST_KERNELS_UNIFORM:
      return PD_KERNELS_UNIFORM;
    case PD_REQUEST_KERNELS_COOPERATIVE:
      return PD_KERNELS_COOPERATIVE;
    case PD_REQUEST_KERNELS_AUTO:
    default:
      return PD_KERNELS_AUTO;
    }
}

PdEngine *
pd_engine_new (PdRequest *request, const char *data_folder, GError **error)
{
  g_autoptr (PdEngine) self = g_new0 (PdEngine, 1);
  g_autoptr (PdCatalog) catalog = pd_catalog_new (data_folder);
  g_autofree char *path = NULL;
  PdDeviceOptions options = { .selector = request->device, .memory_limit = request->memory };
  PdType precision = request->precision == PD_REQUEST_PRECISION_F32 ? PD_TYPE_F32 : PD_TYPE_F16;

  self->start_time = g_get_monotonic_time ();
  path = pd_catalog_find (catalog, request->model, error);
  if (path == NULL)
    return NULL;
  self->device = pd_device_new (&options, error);
  if (self->device == NULL || !pd_backend_init (&self->backend, self->device,
                                                requested_kernels (request), precision, error))
    return NULL;
  self->model = pd_model_load (&self->backend, path, error);
  if (self->model == NULL)
    return NULL;
  self->load_seconds = seconds_since (self->start_time);
  return g_steal_pointer (&self);
}

void
pd_engine_free (PdEngine *self)
{
  if (self == NULL)
    return;
  pd_model_free (self->model);
  pd_device_free (self->device);
  g_free (self);
}

/* The model's own solver, or the requested one on the model's training schedule. */
static PdSolver *
make_solver (const Run *run, gsize n_elements, GError **error)
{
  JsonNode *node = run->engine->model->files->scheduler;
  JsonObject *settings = node != NULL ? json_node_get_object (node) : NULL;
  const PdRequest *request = run->request;
  g_auto (PdScheduleConfig) config = { 0 };
  PdSolverType type = PD_SOLVER_PNDM; /* published with SD 1.x */
  double strength = request->mode == PD_REQUEST_MODE_RESTYLE ? request->strength : 1.0;
  gboolean chosen = request->solver != PD_REQUEST_SOLVER_AUTO;

  if (chosen && !pd_solver_type_from_string (
                    pd_request_nick (PD_TYPE_REQUEST_SOLVER, request->solver), &type, error))
    return NULL;
  if (settings == NULL)
    pd_schedule_config_init (&config);
  else if (chosen)
    {
      if (!pd_schedule_json_load_for (settings, type, &config, error))
        return NULL;
    }
  else if (!pd_schedule_json_load (settings, NULL, &type, &config, error))
    return NULL;
  if (request->karras)
    config.use_karras_sigmas = TRUE;
  config.eta = request->eta;
  return pd_solver_new (type, &config, request->steps, strength, n_elements, error);
}

static void
draw_noise (Run *run, float *out)
{
  pd_noise_normal (run->seed, run->n_draws++, 0, run->n_elements, out);
}

static void
report_progress (const Run *run, const char *stage, double step, guint n_steps, gint64 stage_start)
{
  /* Shares of the run's time: measured with the embedded model at its native size; the decoder's
   * share falls with the number of steps, which this leaves out. */
  static const double denoise_from = 0.02, denoise_to = 0.95;
  PdProgress progress = {
    .stage = stage, .step = (guint) step, .n_steps = n_steps, .eta_seconds = -1
  };

  if (run->progress == NULL)
    return;
  if (n_steps > 0)
    {
      double done = step / n_steps;

      progress.fraction = denoise_from + (denoise_to - denoise_from) * done;
      if (step > 0)
        progress.eta_seconds = seconds_since (stage_start) * (1 - progress.fraction) /
                               (progress.fraction - denoise_from);
    }
  else
    progress.fraction = g_str_equal (stage, "decode") ? denoise_to : 0;
  run->progress (&progress, run->user_data);
}

/* A step counts with the share of its tiles. */
static void
report_denoise (const PdDenoiseProgress *progress, gpointer user_data)
{
  Run *run = user_data;
  double step = progress->step;

  if (progress->step == 1 && run->report->first_step_seconds == 0)
    run->report->first_step_seconds = seconds_since (run->engine->start_time);
  if (progress->n_tiles > 0)
    step += (double) progress->tiles / progress->n_tiles;
  report_progress (run, "denoise", MIN (step, progress->n_steps), progress->n_steps,
                   run->denoise_start);
}

static PdSolver *
solver_for (gsize n_elements, gpointer user_data, GError **error)
{
  return make_solver (user_data, n_elements, error);
}

static PdCanvasOptions
canvas_options (const Run *run, const float *context, guint branches, guint tokens)
{
  const PdRequest *request = run->request;
  guint scale = pd_model_scale (run->engine->model);
  guint native = (guint) pd_unet_config (run->engine->model->unet)->sample_size;
  guint tile = request->tile > 0 ? MAX (1, request->tile / scale)
               : native > 0      ? native
                                 : DEFAULT_TILE;

  return (PdCanvasOptions){
    .unet = run->engine->model->unet,
    .height = run->h,
    .width = run->w,
    .tile = tile,
    .overlap = request->overlap >= 0 ? (guint) request->overlap / scale : tile / 4,
    .wrap_y = request->seamless & PD_REQUEST_SEAMLESS_Y,
    .wrap_x = request->seamless & PD_REQUEST_SEAMLESS_X,
    .batch = request->batch > 0                             ? request->batch
             : pd_device_info (run->engine->device)->is_cpu ? 1
                                                            : GPU_BATCH,
    .weight = request->blend == PD_REQUEST_BLEND_GAUSSIAN ? PD_WEIGHT_GAUSSIAN : PD_WEIGHT_RAMP,
    .jitter = !request->fixed_grid,
    .seed = run->seed,
    .sync = (PdSync) request->sync,
    .bank_tokens = request->bank_tokens,
    .bank_level = request->bank_level,
    .bank_strength = request->bank_strength,
    .bank_until = request->bank_until,
    .branches = branches,
    .context = context,
    .tokens = tokens,
    .guidance = request->guidance,
    .guidance_rescale = request->guidance_rescale,
  };
}

static gboolean
denoise (
    Run *run, const float *context, guint branches, guint tokens, float *latent, GError **error)
{
  PdDenoise options = { .canvas = canvas_options (run, context, branches, tokens),
                        .first_draw = run->n_draws,
                        .make_solver = solver_for,
                        .progress = report_denoise,
                        .user_data = run,
                        .cancellable = run->cancellable };
  PdDenoiseReport report;

  run->denoise_start = g_get_monotonic_time ();
  if (!pd_denoise (&options, latent, &report, error))
    return FALSE;
  run->report->arena_bytes = report.graph.arena_bytes;
  run->report->tensor_bytes = report.graph.tensor_bytes;
  run->report->bank_bytes = report.bank_bytes;
  run->report->n_tiles = report.n_tiles;
  run->report->tile = report.tile * pd_model_scale (run->engine->model);
  run->report->batch = report.batch;
  run->report->unet_forwards = report.unet_forwards;
  run->report->denoise_seconds = seconds_since (run->denoise_start);
  return TRUE;
}

static PdCoderOptions
coder_options (const Run *run)
{
  return (PdCoderOptions){ .model = run->engine->model,
                           .height = run->h,
                           .width = run->w,
                           .tile = CODER_TILE,
                           .batch = 1,
                           .wrap_y = run->request->seamless & PD_REQUEST_SEAMLESS_Y,
                           .wrap_x = run->request->seamless & PD_REQUEST_SEAMLESS_X };
}

/* A picture of width × height pixels behind the coder's callbacks. */
typedef struct
{
  guint width, height;
  const float *input;
  float *output;
} Pixels;

/* Beyond the picture its last row and column are repeated. */
static gboolean
read_pixels (guint x, guint y, guint w, guint h, float *rgb, gpointer user_data, GError **error)
{
  const Pixels *self = user_data;

  for (guint i = 0; i < h; i++)
    for (guint j = 0; j < w; j++)
      memcpy (rgb + ((gsize) i * w + j) * 3,
              self->input + ((gsize) MIN (y + i, self->height - 1) * self->width +
                             MIN (x + j, self->width - 1)) *
                                3,
              3 * sizeof *rgb);
  return TRUE;
}

static gboolean
write_pixels (
    guint x, guint y, guint w, guint h, const float *rgb, gpointer user_data, GError **error)
{
  const Pixels *self = user_data;

  for (guint i = 0; x < self->width && i < h && y + i < self->height; i++)
    memcpy (self->output + ((gsize) (y + i) * self->width + x) * 3, rgb + (gsize) i * w * 3,
            (gsize) MIN (w, self->width - x) * 3 * sizeof *rgb);
  return TRUE;
}

static void
report_coded (guint tiles_done, guint n_tiles, gpointer user_data)
{
  const Run *run = user_data;

  report_progress (run, run->coding, 0, 0, run->coding_start);
}

/* The start latent: noise, or the input's latent noised to the level of the first step. */
static gboolean
start_latent (Run *run, const float *input, float *latent, GError **error)
{
  g_autofree float *noise = g_new (float, run->n_elements), *clean = NULL;
  Pixels pixels = { run->request->width, run->request->height, .input = input };
  PdCoderOptions options = coder_options (run);

  if (run->request->mode != PD_REQUEST_MODE_RESTYLE)
    {
      draw_noise (run, noise);
      for (gsize i = 0; i < run->n_elements; i++)
        latent[i] = (float) (noise[i] * pd_solver_init_sigma (run->solver));
      return TRUE;
    }
  run->coding = "encode";
  run->coding_start = g_get_monotonic_time ();
  report_coded (0, 1, run);
  clean = g_new (float, run->n_elements);
  if (!pd_encode_canvas (&options, read_pixels, &pixels, run->seed, run->n_draws++, clean,
                         report_coded, run, run->cancellable, error))
    return FALSE;
  run->report->encode_seconds = seconds_since (run->coding_start);
  if (pd_solver_n_timesteps (run->solver) == 0)
    {
      memcpy (latent, clean, run->n_elements * sizeof *latent);
      return TRUE;
    }
  draw_noise (run, noise);
  pd_solver_add_noise (run->solver, 0, clean, noise, latent);
  return TRUE;
}

static float *
decode (Run *run, const float *latent, GError **error)
{
  guint width = run->report->width, height = run->report->height;
  g_autofree float *picture = g_new (float, (gsize) width *height * 3);
  Pixels pixels = { width, height, .output = picture };
  PdCoderOptions options = coder_options (run);

  run->coding = "decode";
  run->coding_start = g_get_monotonic_time ();
  report_coded (0, 1, run);
  if (!pd_decode_canvas (&options, latent, write_pixels, &pixels, report_coded, run,
                         run->cancellable, error))
    return NULL;
  run->report->decode_seconds = seconds_since (run->coding_start);
  return g_steal_pointer (&picture);
}

static float *
run_stages (Run *run, const float *input, GError **error)
{
  PdRequest *request = run->request;
  const char *prompts[2] = { request->negative, request->prompt };
  guint branches = request->guidance == 1.0 ? 1 : 2, tokens;
  g_autofree float *context = NULL, *latent = g_new (float, run->n_elements);
  gint64 start = g_get_monotonic_time ();

  report_progress (run, "text", 0, 0, start);
  if (!pd_model_encode_text (run->engine->model, prompts + 2 - branches, branches, &context,
                             &tokens, run->cancellable, error))
    return NULL;
  run->report->text_seconds = seconds_since (start);
  if (!start_latent (run, input, latent, error) ||
      !denoise (run, context, branches, tokens, latent, error))
    return NULL;
  return decode (run, latent, error);
}

static gboolean
check_unet (const PdModel *model, GError **error)
{
  const PdUNetConfig *config = &model->files->unet_config;
  guint latent = pd_model_latent_channels (model);

  if (config->in_channels == (int) latent && config->out_channels == (int) latent)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
               _ ("%s: the UNet takes %d and gives %d channels, but the autoencoder's latents have "
                  "%u; inpainting models are not supported yet"),
               model->files->path, config->in_channels, config->out_channels, latent);
  return FALSE;
}

float *
pd_engine_run (PdEngine *self,
               PdRequest *request,
               const float *input,
               PdProgressFunc progress,
               gpointer user_data,
               GCancellable *cancellable,
               PdReport *report,
               GError **error)
{
  guint scale = pd_model_scale (self->model);
  g_autoptr (PdSolver) solver = NULL;
  struct rusage usage;
  float *picture;
  Run run = { .engine = self,
              .request = request,
              .progress = progress,
              .user_data = user_data,
              .cancellable = cancellable,
              .report = report,
              .channels = pd_model_latent_channels (self->model),
              .h = (request->height + scale - 1) / scale,
              .w = (request->width + scale - 1) / scale };

  g_return_val_if_fail ((request->mode == PD_REQUEST_MODE_RESTYLE) == (input != NULL), NULL);
  *report = (PdReport){ .seed = request->seed >= 0 ? request->seed : (gint64) g_random_int (),
                        .width = request->width,
                        .height = request->height,
                        .full_width = run.w * scale,
                        .full_height = run.h * scale,
                        .load_seconds = self->load_seconds,
                        .device = pd_device_info (self->device)->name,
                        .kernels = pd_kernels_to_string (self->backend.kernels),
                        .precision = self->backend.weights == PD_TYPE_F16 ? "f16" : "f32" };
  run.seed = (guint64) report->seed;
  run.n_elements = (gsize) run.channels * run.h * run.w;
  if (!check_unet (self->model, error))
    return NULL;
  solver = run.solver = make_solver (&run, run.n_elements, error);
  if (solver == NULL)
    return NULL;
  report->solver = pd_solver_type_to_string (pd_solver_type (solver));
  pd_device_memory_reset_peak (self->device);
  report->weight_bytes = pd_device_memory_used (self->device);

  picture = run_stages (&run, input, error);

  getrusage (RUSAGE_SELF, &usage);
  report->peak_device_bytes = pd_device_memory_peak (self->device);
  report->peak_host_bytes = (guint64) usage.ru_maxrss * 1024;
  report->n_pipelines = pd_device_kernel_count (self->device);
  report->pipeline_seconds = pd_device_kernel_seconds (self->device);
  return picture;
}
