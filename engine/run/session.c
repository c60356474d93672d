// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/run/session.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/diffusion/noise.h"
#include "engine/diffusion/schedule-json.h"
#include "engine/gpu/account.h"
#include "engine/pictures/picture.h"
#include "engine/pictures/storage.h"
#include "engine/run/helpers.h"
#include "engine/run/interrupt.h"
#include "engine/run/plan.h"
#include "engine/run/telling.h"
#include "engine/run/style.h"
#include "engine/tiles/decode.h"
#include "engine/tiles/encode.h"
#include "engine/tiles/invert.h"

enum
{
  CODER_TILE = 96, /* latent pixels, halo included: 768 pixels of a Stable Diffusion picture */
  SHOWN = 2,       /* latent pixels around what changes that are decoded: for colours at its rim */
  DEFAULT_TILE = 64, /* latent pixels, for models that do not tell theirs: Stable Diffusion's */
};

static const char pixel_format[] = "R'G'B' float";

static void
forget_changes (PdSession *self)
{
  g_clear_pointer (&self->changes, pd_changes_free);
  g_clear_pointer (&self->shown, pd_changes_free);
  g_clear_pointer (&self->known, pd_changes_free);
}

void
pd_session_clear (PdSession *self)
{
  g_clear_pointer (&self->schedule, pd_schedule_free);
  g_clear_pointer (&self->conditions, g_ptr_array_unref);
  g_clear_pointer (&self->style_path, g_free);
  forget_changes (self);
}

/* The schedule of solver @type on the model's training schedule; with PD_SOLVER_AUTO of the solver
 * that the model asks for. @notes: of pd_schedule_json_load. */
static PdSchedule *
make_schedule (const PdSession *self, PdSolverType type, GPtrArray *notes, GError **error)
{
  JsonNode *node = self->model->files->scheduler;
  JsonObject *settings = node != NULL ? json_node_get_object (node) : NULL;
  const PdRequest *request = self->request;
  g_auto (PdScheduleConfig) config = { 0 };

  if (settings == NULL)
    {
      pd_schedule_config_init (&config);
      if (type == PD_SOLVER_AUTO)
        type = PD_SOLVER_PNDM; /* published with SD 1.x */
    }
  else if (type == PD_SOLVER_AUTO)
    {
      if (!pd_schedule_json_load (settings, NULL, &type, &config, notes, error))
        return NULL;
    }
  else if (!pd_schedule_json_load_for (settings, type, &config, notes, error))
    return NULL;
  if (request->karras && type != PD_SOLVER_DDIM)
    config.use_karras_sigmas = TRUE;
  config.eta = request->eta;
  return pd_schedule_new (&config, type, self->steps, self->strength, error);
}

guint
pd_session_native_size (const PdSession *self)
{
  guint native = self->model->denoiser->info.native;

  return (native > 0 ? native : DEFAULT_TILE) * self->model->autoencoder->info.scale;
}

/* Noise is found by steps of DDIM, and taken away again by the same. */
static PdSolverType
choose_solver (const PdSession *self)
{
  return self->styled ? PD_SOLVER_DDIM : self->request->solver;
}

/* Tells what of the request the run leaves out; once. */
static void
note_solver (PdSession *self, const GPtrArray *notes)
{
  PdSolverType wanted = self->request->solver;

  if (self->solver_noted)
    return;
  for (guint i = 0; i < notes->len; i++)
    pd_recorder_note (&self->recorder, notes->pdata[i]);
  if (self->styled && wanted != PD_SOLVER_AUTO && wanted != PD_SOLVER_DDIM)
    pd_recorder_note (&self->recorder, _ ("with a style, the solver is ddim"));
  self->solver_noted = TRUE;
}

guint
pd_session_count_branches (const PdSession *self)
{
  const PdRequest *request = self->request;
  gboolean empty = !*request->prompt && !*request->negative && !*request->regions;

  return request->guidance == 1.0 || (self->styled && empty) ? 1 : 2;
}

gboolean
pd_session_set_stage (PdSession *self, const PdStage *stage, GError **error)
{
  guint scale = self->model->autoencoder->info.scale;
  g_autoptr (GPtrArray) notes = g_ptr_array_new_with_free_func (g_free);

  self->h = (stage->height + scale - 1) / scale;
  self->w = (stage->width + scale - 1) / scale;
  self->n_elements = (gsize) self->channels * self->h * self->w;
  self->steps = stage->steps;
  self->strength = stage->strength;
  forget_changes (self);
  g_clear_pointer (&self->schedule, pd_schedule_free);
  self->schedule = make_schedule (self, choose_solver (self), notes, error);
  if (self->schedule == NULL)
    return FALSE;
  note_solver (self, notes);
  self->recorder.report->solver = pd_solver_type_to_string (pd_schedule_type (self->schedule));
  return TRUE;
}

void
pd_session_draw_noise (PdSession *self, float *out)
{
  pd_noise_source_draw (&self->noise, self->n_draws++, 0, self->n_elements, out);
}

gboolean
pd_session_encode_text (PdSession *self, GError **error)
{
  guint n_regions = self->regions != NULL ? pd_regions_count (self->regions) : 0;
  g_autoptr (GPtrArray) prompts = g_ptr_array_new ();

  pd_recorder_begin (&self->recorder, PD_PHASE_TEXT);
  self->branches = pd_session_count_branches (self);
  if (self->branches == 2)
    g_ptr_array_add (prompts, self->request->negative);
  g_ptr_array_add (prompts, self->request->prompt);
  for (guint i = 0; i < n_regions; i++)
    g_ptr_array_add (prompts, (char *) pd_regions_prompt (self->regions, i));
  if (self->styled)
    g_ptr_array_add (prompts, (char *) "");
  g_clear_pointer (&self->conditions, g_ptr_array_unref);
  self->conditions =
      pd_conditioner_encode (self->model->conditioner, (const char *const *) prompts->pdata,
                             prompts->len, 0, self->cancellable, error);
  if (self->conditions == NULL)
    return FALSE;
  self->no_prompt = self->conditions->pdata[self->conditions->len - 1];
  self->prompts = (PdPrompts){ .n = n_regions,
                               .conditions = (const PdCondition *const *) self->conditions->pdata +
                                             self->branches,
                               .weights = pd_regions_weights,
                               .user_data = self->regions };
  self->recorder.report->text_seconds += pd_recorder_phase_seconds (&self->recorder);
  return TRUE;
}

gboolean
pd_session_blank_text (PdSession *self, GError **error)
{
  self->branches = pd_session_count_branches (self);
  g_clear_pointer (&self->conditions, g_ptr_array_unref);
  self->conditions = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_condition_free);
  for (guint branch = 0; branch < self->branches; branch++)
    {
      PdCondition *blank = pd_conditioner_blank (self->model->conditioner, error);

      if (blank == NULL)
        return FALSE;
      g_ptr_array_add (self->conditions, blank);
    }
  self->no_prompt = self->conditions->pdata[0];
  return TRUE;
}

/* A step counts with the share of its tiles. */
static void
report_denoise (const PdDenoiseProgress *progress, gpointer user_data)
{
  PdRecorder *recorder = &((PdSession *) user_data)->recorder;
  PdReport *report = recorder->report;
  double step = progress->step;

  if (progress->step == 1 && report->first_step_seconds == 0)
    report->first_step_seconds =
        (double) (g_get_monotonic_time () - recorder->engine_start) / G_USEC_PER_SEC;
  if (progress->n_tiles > 0)
    step += (double) progress->tiles / progress->n_tiles;
  pd_recorder_tell (recorder,
                    (PdProgress){ .step = MIN ((guint) step, progress->n_steps),
                                  .n_steps = progress->n_steps,
                                  .tile = progress->tiles,
                                  .n_tiles = progress->n_tiles },
                    MIN (step / progress->n_steps, 1));
}

PdCanvasOptions
pd_session_canvas_options (const PdSession *self)
{
  const PdRequest *request = self->request;
  guint scale = self->model->autoencoder->info.scale;
  guint tile =
      request->tile > 0 ? MAX (1, request->tile / scale) : pd_session_native_size (self) / scale;

  return (PdCanvasOptions){
    .denoiser = self->model->denoiser,
    .height = self->h,
    .width = self->w,
    .tile = tile,
    .overlap = request->overlap >= 0 ? (guint) request->overlap / scale : tile / 8,
    .wrap = self->seamless,
    .batch = pd_helpers_batch (self, 0),
    .helpers = pd_helpers_of_canvas (self),
    .blend = request->blend,
    .jitter = !request->fixed_grid,
    .seed = self->noise.seed,
    .changes = self->changes,
    .probe = self->probe,
    .sync = request->sync,
    .norm_share = 1,
    .branches = self->branches,
    .conditions =
        self->conditions != NULL ? (const PdCondition *const *) self->conditions->pdata : NULL,
    .prompts = self->prompts.n > 0 ? &self->prompts : NULL,
    .guidance = request->guidance,
    .guidance_rescale = request->guidance_rescale,
  };
}

PdCoderOptions
pd_session_coder_options (const PdSession *self, gboolean decode)
{
  return (PdCoderOptions){ .autoencoder = self->model->autoencoder,
                           .helpers = pd_helpers_of_coder (self),
                           .height = self->h,
                           .width = self->w,
                           .tile = CODER_TILE,
                           .batch = 1,
                           .wrap = self->seamless,
                           .changes = decode ? self->shown : self->known,
                           .known = decode ? self->known : NULL };
}

gboolean
pd_session_set_changes (PdSession *self, const float *mask, GError **error)
{
  const PdSize canvas = { self->h, self->w };
  const guint halo = self->model->autoencoder->info.halo_decode;
  guint reach;

  forget_changes (self);
  self->changes = pd_changes_new (canvas, self->seamless, mask, error);
  if (self->changes == NULL)
    return FALSE;
  reach = MAX (pd_session_canvas_options (self).tile, SHOWN + halo);
  return (self->shown = pd_changes_grow (self->changes, SHOWN, error)) != NULL &&
         (self->known = pd_changes_grow (self->changes, reach, error)) != NULL;
}

/* Makes batch and tile of @options fit the memory; tells what was chosen for the last canvas of the
 * run, and what all of the run takes of the device. @n_steps: of the solver. */
static gboolean
plan_canvas (PdSession *self, PdCanvasOptions *options, guint n_steps, GError **error)
{
  const guint64 limit = pd_account_limit (self->device);
  guint scale = self->model->autoencoder->info.scale;
  g_autofree char *text = NULL, *kernels = NULL;
  PdCoderOptions coder = pd_session_coder_options (self, TRUE);
  guint64 peak, preview = 0;
  double coding;
  PdPlan plan;

  if (!pd_plan_canvas (self->device, options, scale, &plan, error) ||
      !pd_plan_coder (self->device, &coder, TRUE, &peak, &coding, error))
    return FALSE;
  self->work += plan.work * n_steps;
  kernels = pd_plan_describe_kernels (self->device);
  pd_recorder_tell_plan (&self->recorder, kernels);
  if (self->recorder.level < self->recorder.n_levels)
    return TRUE;
  if (self->preview != NULL)
    preview = pd_preview_device_bytes (self->preview, self->h, self->w);
  peak = MAX (peak, pd_account_peak (self->device));
  peak = MAX (peak, MAX (plan.bytes, MIN (plan.bytes + preview, limit)));
  text = pd_plan_describe (self->device, &plan, peak, scale);
  pd_recorder_tell_plan (&self->recorder, text);
  return TRUE;
}

/* Makes the windows of @options fit the memory. */
static gboolean
plan_coder (PdSession *self, PdCoderOptions *options, gboolean decode, GError **error)
{
  guint64 bytes;
  double work;

  if (!pd_plan_coder (self->device, options, decode, &bytes, &work, error))
    return FALSE;
  self->work += work;
  return TRUE;
}

/* Regions are those of the picture that the request speaks of. The canvas shows the session's area
 * of it, or all of it, perhaps in another size; what the last block of pixels has beyond the
 * picture counts as its edge. */
static gboolean
place_regions (PdSession *self, GError **error)
{
  const PdRequest *request = self->request;
  guint scale = self->model->autoencoder->info.scale;
  guint width = self->w * scale, height = self->h * scale;
  gboolean exact = width >= request->width && width < request->width + scale &&
                   height >= request->height && height < request->height + scale;
  const PdSize canvas = { self->h, self->w };
  PdRect all;

  if (self->regions == NULL)
    return TRUE;
  if (self->area.w > 0)
    return pd_regions_set_canvas (self->regions, &self->area, canvas, PD_TORUS_NONE, error);
  all = (PdRect){ 0, 0, exact ? height : request->height, exact ? width : request->width };
  return pd_regions_set_canvas (self->regions, &all, canvas, request->seamless, error);
}

/* A function of PdHelpersFunc. */
static gboolean
run_denoise (PdSession *self, gconstpointer what, float *latent, GError **error)
{
  const PdSessionDenoise *denoise = what;
  PdDenoise options = { .canvas = pd_session_canvas_options (self),
                        .schedule = self->schedule,
                        .noise = &self->noise,
                        .pulls = denoise->invents && self->prompts.n == 0,
                        .clean = denoise->clean,
                        .adjust_latent = denoise->adjust_latent,
                        .adjust_clean = denoise->adjust_clean,
                        .adjust_data = denoise->adjust_data,
                        .first_draw = self->n_draws,
                        .checkpoint = pd_interrupt_checkpoint,
                        .preview = self->preview != NULL ? pd_preview_hooks (self->preview) : NULL,
                        .progress = report_denoise,
                        .user_data = self,
                        .cancellable = self->cancellable };
  PdReport *report = self->recorder.report;
  g_autoptr (PdTilePrompts) tile_prompts = NULL;
  PdDenoiseReport denoised;
  PdStyle style;
  gboolean ok;

  options.canvas.map = denoise->map;
  options.canvas.style = pd_style_of_canvas (self, denoise->content, &style);
  pd_recorder_begin (&self->recorder, PD_PHASE_DENOISE);
  if (!place_regions (self, error) ||
      !plan_canvas (self, &options.canvas, pd_schedule_n_calls (self->schedule), error) ||
      !pd_telling_find (self, &options.canvas, denoise->clean, &tile_prompts, error) ||
      !pd_interrupt_restore (self, &options, latent, error))
    return FALSE;
  ok = pd_denoise (&options, latent, &denoised, error);
  if (self->preview != NULL)
    pd_preview_release (self->preview);
  if (!ok)
    return FALSE;
  pd_helpers_add (self, &denoised.team, pd_schedule_n_calls (self->schedule));
  report->arena_bytes = denoised.graph.arena_bytes;
  report->tensor_bytes = denoised.graph.tensor_bytes;
  report->bank_bytes = denoised.bank_bytes;
  report->n_tiles = denoised.n_tiles;
  report->tile = denoised.tile * self->model->autoencoder->info.scale;
  report->batch = denoised.batch;
  report->forwards += denoised.forwards;
  report->denoise_seconds += pd_recorder_phase_seconds (&self->recorder);
  return TRUE;
}

gboolean
pd_session_denoise (PdSession *self, const PdSessionDenoise *denoise, float *latent, GError **error)
{
  return pd_helpers_try (self, run_denoise, denoise, latent, error);
}

/* A function of PdHelpersFunc. */
static gboolean
run_invert (PdSession *self, gconstpointer what, float *latent, GError **error)
{
  const PdSessionInversion *inversion = what;
  g_autoptr (PdSchedule) schedule = make_schedule (self, PD_SOLVER_DDIM, NULL, error);
  PdInversion options = { .canvas = pd_session_canvas_options (self),
                          .schedule = schedule,
                          .rounds = inversion->rounds,
                          .noise = inversion->noise,
                          .visit = inversion->visit,
                          .visit_data = inversion->visit_data,
                          .progress = report_denoise,
                          .user_data = self,
                          .cancellable = self->cancellable };
  PdDenoiseReport inverted;
  guint n_steps;

  if (schedule == NULL)
    return FALSE;
  n_steps = pd_schedule_n_calls (schedule) * MAX (options.rounds, 1);
  options.canvas.conditions += self->branches - 1;
  options.canvas.branches = 1;
  options.canvas.guidance = 1;
  if (inversion->no_prompt)
    {
      options.canvas.conditions = &self->no_prompt;
      options.canvas.prompts = NULL;
    }
  if (inversion->whole)
    {
      options.canvas.tile = MAX (self->h, self->w);
      options.canvas.overlap = 0;
    }
  pd_recorder_begin (&self->recorder, PD_PHASE_INVERT);
  if (!plan_canvas (self, &options.canvas, n_steps, error) ||
      !pd_invert (&options, latent, &inverted, error))
    return FALSE;
  pd_helpers_add (self, &inverted.team, n_steps);
  self->recorder.report->forwards += inverted.forwards;
  self->recorder.report->denoise_seconds += pd_recorder_phase_seconds (&self->recorder);
  return TRUE;
}

gboolean
pd_session_invert (PdSession *self,
                   const PdSessionInversion *inversion,
                   float *latent,
                   PdNoiseLevel *level,
                   GError **error)
{
  g_autoptr (PdSchedule) schedule = make_schedule (self, PD_SOLVER_DDIM, NULL, error);

  if (schedule == NULL)
    return FALSE;
  *level = pd_schedule_level (schedule, 0);
  return pd_helpers_try (self, run_invert, inversion, latent, error);
}

static void
report_coded (guint tiles_done, guint n_tiles, gpointer user_data)
{
  PdSession *self = user_data;

  pd_recorder_tell (&self->recorder, (PdProgress){ .tile = tiles_done, .n_tiles = n_tiles },
                    (double) tiles_done / n_tiles);
}

gboolean
pd_session_read_pixels (const PdRect *rect, float *rgb, gpointer buffer, GError **error)
{
  const GeglRectangle place = pd_picture_rectangle (rect);

  gegl_buffer_get (buffer, &place, 1.0, babl_format (pixel_format), rgb, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_CLAMP);
  for (gsize i = 0; i < 3 * pd_rect_area (rect); i++)
    rgb[i] = CLAMP (rgb[i], 0.0f, 1.0f);
  return pd_storage_check (error);
}

/* GEGL drops what is outside the buffer. */
static gboolean
write_pixels (const PdRect *rect, const float *rgb, gpointer user_data, GError **error)
{
  const GeglRectangle place = pd_picture_rectangle (rect);

  gegl_buffer_set (user_data, &place, 0, babl_format (pixel_format), rgb, GEGL_AUTO_ROWSTRIDE);
  return pd_storage_check (error);
}

/* What is encoded. */
typedef struct
{
  PdEncodeSource source;
  float *latent;
} Encoding;

/* A function of PdHelpersFunc. */
static gboolean
run_encode (PdSession *self, gconstpointer what, float *latent, GError **error)
{
  const Encoding *encoding = what;
  PdCoderOptions options = pd_session_coder_options (self, FALSE);
  const PdMonitor monitor = { report_coded, self, self->cancellable };
  gboolean left[PD_WORKERS_MAX] = { FALSE };

  pd_recorder_begin (&self->recorder, PD_PHASE_ENCODE);
  if (!plan_coder (self, &options, FALSE, error))
    return FALSE;
  options.left = left;
  if (self->known != NULL)
    memset (encoding->latent, 0, self->n_elements * sizeof *encoding->latent);
  if (!pd_encode_canvas (&options, &encoding->source, encoding->latent, &monitor, error))
    return FALSE;
  pd_helpers_note (self, left, 1 + options.helpers.n);
  self->recorder.report->encode_seconds += pd_recorder_phase_seconds (&self->recorder);
  return TRUE;
}

gboolean
pd_session_encode_from (
    PdSession *self, PdPixelsReadFunc read, gpointer user_data, float *latent, GError **error)
{
  const Encoding encoding = { { read, user_data, &self->noise, self->n_draws++ }, latent };

  return pd_helpers_try (self, run_encode, &encoding, NULL, error);
}

/* What is decoded, and where to. */
typedef struct
{
  const float *latent;
  GeglBuffer *output;
} Decoding;

/* A function of PdHelpersFunc. */
static gboolean
run_decode (PdSession *self, gconstpointer what, float *latent, GError **error)
{
  const Decoding *decoding = what;
  PdCoderOptions options = pd_session_coder_options (self, TRUE);
  const PdMonitor monitor = { report_coded, self, self->cancellable };
  gboolean left[PD_WORKERS_MAX] = { FALSE };

  pd_recorder_begin (&self->recorder, PD_PHASE_DECODE);
  if (!plan_coder (self, &options, TRUE, error))
    return FALSE;
  options.left = left;
  if (!pd_decode_canvas (&options, decoding->latent, write_pixels, decoding->output, &monitor,
                         error))
    return FALSE;
  pd_helpers_note (self, left, 1 + options.helpers.n);
  self->recorder.report->decode_seconds += pd_recorder_phase_seconds (&self->recorder);
  return TRUE;
}

gboolean
pd_session_decode (PdSession *self, const float *latent, GeglBuffer *output, GError **error)
{
  return pd_helpers_try (self, run_decode, &(Decoding){ latent, output }, NULL, error);
}
