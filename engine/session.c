// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/session.h"

#include "engine/diffusion/noise.h"
#include "engine/diffusion/schedule-json.h"
#include "engine/tiles/decode.h"
#include "engine/tiles/encode.h"
#include "engine/tiles/invert.h"

enum
{
  CODER_TILE = 96,   /* latent pixels, halo included: 768 pixels of a Stable Diffusion picture */
  GPU_BATCH = 8,     /* tiles at once to begin with: enough to fill a GPU at the coarsest level */
  DEFAULT_TILE = 64, /* latent pixels, for models that do not tell theirs: Stable Diffusion's */
};

static const char pixel_format[] = "R'G'B' float";

void
pd_session_clear (PdSession *self)
{
  g_clear_pointer (&self->solver, pd_solver_free);
  g_clear_pointer (&self->context, g_free);
}

static double
seconds_since (gint64 time)
{
  return (double) (g_get_monotonic_time () - time) / G_USEC_PER_SEC;
}

/* The solver @type on the model's training schedule; unless @chosen, the one that the model asks
 * for. */
static PdSolver *
solver_of_type (
    const PdSession *self, gboolean chosen, PdSolverType type, gsize n_elements, GError **error)
{
  JsonNode *node = self->model->files->scheduler;
  JsonObject *settings = node != NULL ? json_node_get_object (node) : NULL;
  const PdRequest *request = self->request;
  g_auto (PdScheduleConfig) config = { 0 };

  if (settings == NULL)
    pd_schedule_config_init (&config);
  else if (chosen)
    {
      if (!pd_schedule_json_load_for (settings, type, &config, error))
        return NULL;
    }
  else if (!pd_schedule_json_load (settings, NULL, &type, &config, error))
    return NULL;
  if (request->karras && type != PD_SOLVER_DDIM)
    config.use_karras_sigmas = TRUE;
  config.eta = request->eta;
  return pd_solver_new (type, &config, request->steps, self->strength, n_elements, error);
}

/* The model's own solver, or the requested one. */
static PdSolver *
make_solver (gsize n_elements, gpointer user_data, GError **error)
{
  const PdSession *self = user_data;
  PdRequestSolver wanted = self->request->solver;
  PdSolverType type = PD_SOLVER_PNDM; /* published with SD 1.x */

  if (wanted != PD_REQUEST_SOLVER_AUTO &&
      !pd_solver_type_from_string (pd_request_nick (PD_TYPE_REQUEST_SOLVER, wanted), &type, error))
    return NULL;
  return solver_of_type (self, wanted != PD_REQUEST_SOLVER_AUTO, type, n_elements, error);
}

static PdSolver *
make_inverting_solver (gsize n_elements, gpointer user_data, GError **error)
{
  return solver_of_type (user_data, TRUE, PD_SOLVER_DDIM, n_elements, error);
}

guint
pd_session_native_size (const PdSession *self)
{
  int latent = pd_unet_config (self->model->unet)->sample_size;

  return (latent > 0 ? (guint) latent : DEFAULT_TILE) * pd_model_scale (self->model);
}

gboolean
pd_session_set_canvas (PdSession *self, guint h, guint w, double strength, GError **error)
{
  self->h = h;
  self->w = w;
  self->n_elements = (gsize) self->channels * h * w;
  self->strength = strength;
  self->n_adjust = 0;
  self->canvas_start = g_get_monotonic_time ();
  g_clear_pointer (&self->solver, pd_solver_free);
  self->solver = make_solver (self->n_elements, self, error);
  if (self->solver == NULL)
    return FALSE;
  self->report->solver = pd_solver_type_to_string (pd_solver_type (self->solver));
  return TRUE;
}

void
pd_session_add_adjust (PdSession *self, const PdAdjust *adjust)
{
  g_assert (self->n_adjust < PD_SESSION_MAX_ADJUST);
  self->adjust[self->n_adjust++] = *adjust;
}

void
pd_session_draw_noise (PdSession *self, float *out)
{
  pd_noise_normal (self->seed, self->n_draws++, 0, self->n_elements, out);
}

/* @progress: step, n_steps, tiles and n_tiles are set. */
static void
report_progress (const PdSession *self, PdProgress progress, double done)
{
  /* Shares of the canvas's time: measured with the embedded model at its native size; the decoder's
   * share falls with the number of steps, which this leaves out. */
  static const double denoise_from = 0.02, denoise_to = 0.95;
  double share = 0;

  if (self->listener == NULL || self->listener->progress == NULL)
    return;
  progress.stage = self->stage;
  progress.level = self->level;
  progress.n_levels = self->n_levels;
  progress.eta_seconds = -1;
  if (g_str_equal (self->stage, "denoise"))
    share = denoise_from + (denoise_to - denoise_from) * done;
  else if (g_str_equal (self->stage, "decode"))
    share = denoise_to + (1 - denoise_to) * done;
  progress.fraction = self->from + (self->to - self->from) * share;
  if (share > denoise_from)
    progress.eta_seconds = seconds_since (self->stage_start) * (1 - progress.fraction) /
                           (progress.fraction - self->from);
  self->listener->progress (&progress, self->listener->user_data);
}

static void
begin_stage (PdSession *self, const char *stage)
{
  self->stage = stage;
  self->stage_start = g_get_monotonic_time ();
  report_progress (self, (PdProgress){ 0 }, 0);
}

gboolean
pd_session_encode_text (PdSession *self, GError **error)
{
  const char *prompts[2] = { self->request->negative, self->request->prompt };

  begin_stage (self, "text");
  self->branches = self->request->guidance == 1.0 ? 1 : 2;
  g_clear_pointer (&self->context, g_free);
  if (!pd_model_encode_text (self->model, prompts + 2 - self->branches, self->branches,
                             &self->context, &self->tokens, self->cancellable, error))
    return FALSE;
  self->report->text_seconds += seconds_since (self->stage_start);
  return TRUE;
}

/* A step counts with the share of its tiles. */
static void
report_denoise (const PdDenoiseProgress *progress, gpointer user_data)
{
  const PdSession *self = user_data;
  double step = progress->step;

  if (progress->step == 1 && self->report->first_step_seconds == 0)
    self->report->first_step_seconds = seconds_since (self->engine_start);
  if (progress->n_tiles > 0)
    step += (double) progress->tiles / progress->n_tiles;
  report_progress (self,
                   (PdProgress){ .step = MIN ((guint) step, progress->n_steps),
                                 .n_steps = progress->n_steps,
                                 .tiles = progress->tiles,
                                 .n_tiles = progress->n_tiles },
                   MIN (step / progress->n_steps, 1));
}

static void
adjust_latent (
    const PdSolver *solver, guint i, const PdArea *area, float *latent, gpointer user_data)
{
  const PdSession *self = user_data;

  for (guint k = 0; k < self->n_adjust; k++)
    if (self->adjust[k].latent != NULL)
      self->adjust[k].latent (solver, i, area, latent, self->adjust[k].user_data);
}

static void
adjust_clean (const PdSolver *solver, guint i, const PdArea *area, float *clean, gpointer user_data)
{
  const PdSession *self = user_data;

  for (guint k = 0; k < self->n_adjust; k++)
    if (self->adjust[k].clean != NULL)
      self->adjust[k].clean (solver, i, area, clean, self->adjust[k].user_data);
}

static PdCanvasOptions
canvas_options (const PdSession *self)
{
  const PdRequest *request = self->request;
  guint scale = pd_model_scale (self->model);
  guint tile =
      request->tile > 0 ? MAX (1, request->tile / scale) : pd_session_native_size (self) / scale;

  return (PdCanvasOptions){
    .unet = self->model->unet,
    .height = self->h,
    .width = self->w,
    .tile = tile,
    .overlap = request->overlap >= 0 ? (guint) request->overlap / scale : tile / 4,
    .wrap_y = self->seamless & PD_REQUEST_SEAMLESS_Y,
    .wrap_x = self->seamless & PD_REQUEST_SEAMLESS_X,
    .batch = request->batch > 0                      ? request->batch
             : pd_device_info (self->device)->is_cpu ? 1
                                                     : GPU_BATCH,
    .weight = request->blend == PD_REQUEST_BLEND_GAUSSIAN ? PD_WEIGHT_GAUSSIAN : PD_WEIGHT_RAMP,
    .jitter = !request->fixed_grid,
    .seed = self->seed,
    .sync = (PdSync) request->sync,
    .bank_tokens = request->bank_tokens,
    .bank_level = request->bank_level,
    .bank_strength = request->bank_strength,
    .bank_until = request->bank_until,
    .branches = self->branches,
    .context = self->context,
    .tokens = self->tokens,
    .guidance = request->guidance,
    .guidance_rescale = request->guidance_rescale,
  };
}

gboolean
pd_session_denoise (PdSession *self, float *latent, GError **error)
{
  PdDenoise options = { .canvas = canvas_options (self),
                        .clean = self->clean,
                        .adjust_data = self,
                        .first_draw = self->n_draws,
                        .make_solver = make_solver,
                        .progress = report_denoise,
                        .user_data = self,
                        .cancellable = self->cancellable };
  PdReport *report = self->report;
  PdDenoiseReport denoised;
  gboolean ok;

  for (guint k = 0; k < self->n_adjust; k++)
    {
      if (self->adjust[k].latent != NULL)
        options.adjust_latent = adjust_latent;
      if (self->adjust[k].clean != NULL)
        options.adjust_clean = adjust_clean;
    }
  begin_stage (self, "denoise");
  ok = pd_denoise (&options, latent, &denoised, error);
  self->n_adjust = 0;
  if (!ok)
    return FALSE;
  report->arena_bytes = denoised.graph.arena_bytes;
  report->tensor_bytes = denoised.graph.tensor_bytes;
  report->bank_bytes = denoised.bank_bytes;
  report->n_tiles = denoised.n_tiles;
  report->tile = denoised.tile * pd_model_scale (self->model);
  report->batch = denoised.batch;
  report->unet_forwards += denoised.unet_forwards;
  report->denoise_seconds += seconds_since (self->stage_start);
  return TRUE;
}

gboolean
pd_session_invert (PdSession *self, float *latent, double *alpha, double *sigma, GError **error)
{
  PdInversion options = { .canvas = canvas_options (self),
                          .make_solver = make_inverting_solver,
                          .progress = report_denoise,
                          .user_data = self,
                          .cancellable = self->cancellable };
  gsize width = (gsize) pd_unet_config (self->model->unet)->cross_attention_dim;
  g_autoptr (PdSolver) solver = make_inverting_solver (1, self, error);
  guint forwards;

  if (solver == NULL)
    return FALSE;
  pd_solver_level (solver, 0, alpha, sigma);
  options.canvas.context = self->context + (self->branches - 1) * self->tokens * width;
  options.canvas.branches = 1;
  options.canvas.guidance = 1;
  begin_stage (self, "invert");
  if (!pd_invert (&options, latent, &forwards, error))
    return FALSE;
  self->report->unet_forwards += forwards;
  self->report->denoise_seconds += seconds_since (self->stage_start);
  return TRUE;
}

static PdCoderOptions
coder_options (const PdSession *self)
{
  return (PdCoderOptions){ .model = self->model,
                           .height = self->h,
                           .width = self->w,
                           .tile = CODER_TILE,
                           .batch = 1,
                           .wrap_y = self->seamless & PD_REQUEST_SEAMLESS_Y,
                           .wrap_x = self->seamless & PD_REQUEST_SEAMLESS_X };
}

static void
report_coded (guint tiles_done, guint n_tiles, gpointer user_data)
{
  report_progress (user_data, (PdProgress){ .tiles = tiles_done, .n_tiles = n_tiles },
                   (double) tiles_done / n_tiles);
}

/* Colours outside sRGB are clamped. */
static gboolean
read_pixels (guint x, guint y, guint w, guint h, float *rgb, gpointer user_data, GError **error)
{
  gegl_buffer_get (user_data, GEGL_RECTANGLE ((int) x, (int) y, (int) w, (int) h), 1.0,
                   babl_format (pixel_format), rgb, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_CLAMP);
  for (gsize i = 0; i < (gsize) w * h * 3; i++)
    rgb[i] = CLAMP (rgb[i], 0.0f, 1.0f);
  return TRUE;
}

/* GEGL drops what is outside the buffer. */
static gboolean
write_pixels (
    guint x, guint y, guint w, guint h, const float *rgb, gpointer user_data, GError **error)
{
  gegl_buffer_set (user_data, GEGL_RECTANGLE ((int) x, (int) y, (int) w, (int) h), 0,
                   babl_format (pixel_format), rgb, GEGL_AUTO_ROWSTRIDE);
  return TRUE;
}

gboolean
pd_session_encode (PdSession *self, GeglBuffer *input, float *latent, GError **error)
{
  return pd_session_encode_from (self, read_pixels, input, latent, error);
}

gboolean
pd_session_encode_from (
    PdSession *self, PdPixelsReadFunc read, gpointer user_data, float *latent, GError **error)
{
  PdCoderOptions options = coder_options (self);

  begin_stage (self, "encode");
  if (!pd_encode_canvas (&options, read, user_data, self->seed, self->n_draws++, latent,
                         report_coded, self, self->cancellable, error))
    return FALSE;
  self->report->encode_seconds += seconds_since (self->stage_start);
  return TRUE;
}

gboolean
pd_session_decode (PdSession *self, const float *latent, GeglBuffer *output, GError **error)
{
  PdCoderOptions options = coder_options (self);

  begin_stage (self, "decode");
  if (!pd_decode_canvas (&options, latent, write_pixels, output, report_coded, self,
                         self->cancellable, error))
    return FALSE;
  self->report->decode_seconds += seconds_since (self->stage_start);
  return TRUE;
}
