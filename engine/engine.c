// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/resource.h>

#include <glib/gi18n-lib.h>

#include "engine/engine.h"
#include "engine/base/error.h"
#include "engine/gpu/account.h"
#include "engine/gpu/queue.h"
#include "engine/run/estimate.h"
#include "engine/gpu/kernel.h"
#include "engine/request/mode.h"
#include "engine/base/host-memory.h"
#include "engine/run/host-plan.h"
#include "engine/run/inpaint.h"
#include "engine/files/catalog.h"
#include "engine/run/levels.h"
#include "engine/run/original.h"
#include "engine/run/plan.h"
#include "engine/run/region.h"
#include "engine/pictures/storage.h"
#include "engine/run/session.h"
#include "engine/run/syntax.h"

struct _PdEngine
{
  PdDevice *device;
  PdBackend backend;
  PdModel *model;
  PdResume *resume;  /* of the last run; may be NULL */
  gint64 start_time; /* µs, monotonic */
  double load_seconds;
};

PdEngine *
pd_engine_new (PdRequest *request,
               const char *data_folder,
               GCancellable *cancellable,
               GError **error)
{
  const PdDeviceWatch watch = { .cancellable = cancellable };
  g_autoptr (PdEngine) self = g_new0 (PdEngine, 1);
  g_autoptr (PdCatalog) catalog = pd_catalog_new (data_folder);
  g_autofree char *path = NULL;
  const PdModelParts parts = { .vae = request->vae, .text_encoder = request->text_encoder };
  PdDeviceOptions options = { .selector = request->device, .memory_limit = request->memory };

  self->start_time = g_get_monotonic_time ();
  path = pd_catalog_find (catalog, request->model, error);
  if (path == NULL)
    return NULL;
  self->device = pd_device_new (&options, error);
  if (self->device == NULL ||
      !pd_backend_init (&self->backend, self->device, request->kernels, request->precision, error))
    return NULL;
  pd_queue_set_watch (self->device, &watch);
  self->model = pd_model_load (&self->backend, path, &parts, error);
  pd_queue_set_watch (self->device, NULL);
  if (self->model == NULL)
    return NULL;
  self->load_seconds = (double) (g_get_monotonic_time () - self->start_time) / G_USEC_PER_SEC;
  return g_steal_pointer (&self);
}

gboolean
pd_engine_is_current (const PdEngine *self)
{
  return pd_model_changed_file (self->model) == NULL;
}

void
pd_engine_free (PdEngine *self)
{
  if (self == NULL)
    return;
  pd_resume_free (self->resume);
  pd_model_free (self->model);
  pd_device_free (self->device);
  g_free (self);
}

/* The start latent: noise, or the input's latent noised to the level of the first step. */
static gboolean
start_latent (PdSession *session, GeglBuffer *input, float *latent, GError **error)
{
  const gsize n = session->n_elements;
  g_autofree float *noise = pd_try_new (float, n, _ ("the canvas"), error), *clean = NULL;

  if (noise == NULL)
    return FALSE;
  if (input == NULL)
    {
      pd_session_draw_noise (session, noise);
      for (gsize i = 0; i < session->n_elements; i++)
        latent[i] = (float) (noise[i] * pd_schedule_init_sigma (session->schedule));
      return TRUE;
    }
  clean = pd_try_new (float, n, _ ("the canvas"), error);
  if (clean == NULL || !pd_session_encode (session, input, clean, error))
    return FALSE;
  if (pd_schedule_n_calls (session->schedule) == 0)
    {
      memcpy (latent, clean, session->n_elements * sizeof *latent);
      return TRUE;
    }
  pd_session_draw_noise (session, noise);
  pd_schedule_add_noise (session->schedule, 0, session->n_elements, clean, noise, latent);
  return TRUE;
}

static gboolean
same_size (GeglBuffer *buffer, guint width, guint height)
{
  return gegl_buffer_get_width (buffer) == (int) width &&
         gegl_buffer_get_height (buffer) == (int) height;
}

/* What the mode needs is there and fits the request. */
static gboolean
check_images (const PdRequest *request, const PdImages *images, GError **error)
{
  const PdModeInfo *mode = &pd_modes[request->mode];

  if (!(mode->needs & PD_TAKES_INPUT))
    return TRUE;
  if (images->input == NULL || (mode->needs & PD_TAKES_MASK && images->mask == NULL))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   images->input == NULL ? _ ("“%s” needs a picture to start from")
                                         : _ ("“%s” needs a mask of what to repaint"),
                   mode->name);
      return FALSE;
    }
  if (!same_size (images->input, request->width, request->height))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("The picture has %d × %d pixels, the request is for %u × %u"),
                   gegl_buffer_get_width (images->input), gegl_buffer_get_height (images->input),
                   request->width, request->height);
      return FALSE;
    }
  if (images->mask != NULL && !same_size (images->mask, request->width, request->height))
    {
      g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
                   _ ("The mask has %d × %d pixels, the picture %u × %u; they must be of one size"),
                   gegl_buffer_get_width (images->mask), gegl_buffer_get_height (images->mask),
                   request->width, request->height);
      return FALSE;
    }
  return TRUE;
}

/* What the model has is enough for the mode. */
static gboolean
check_parts (const PdModel *model, const PdRequest *request, guint n_levels, GError **error)
{
  const PdModeInfo *mode = &pd_modes[request->mode];
  gboolean starts = mode->needs & PD_TAKES_INPUT;

  if ((!starts && n_levels == 1) || pd_model_files_has_encoder (model->files))
    return TRUE;
  if (!starts)
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                 _ ("%s: the model's autoencoder has no encoder, which a picture made in levels "
                    "needs; turn progressive off"),
                 model->files->path);
  else
    g_set_error (error, PD_ERROR, PD_ERROR_BAD_MODEL,
                 _ ("%s: the model's autoencoder has no encoder, which %s needs"),
                 model->files->path, mode->name);
  return FALSE;
}

/* A picture in one go: generate, restyle. */
static gboolean
run_plain (PdSession *session, const PdImages *images, GError **error)
{
  const PdRequest *request = session->request;
  gboolean restyle = request->mode == PD_REQUEST_MODE_RESTYLE;
  guint scale = session->model->autoencoder->info.scale;
  g_autofree float *latent = NULL;

  if (!pd_session_set_canvas (session, (request->height + scale - 1) / scale,
                              (request->width + scale - 1) / scale,
                              restyle ? request->strength : 1.0, error))
    return FALSE;
  session->report->full_width = session->w * scale;
  session->report->full_height = session->h * scale;
  latent = pd_try_new (float, session->n_elements, _ ("the canvas"), error);
  return latent != NULL && pd_session_encode_text (session, error) &&
         start_latent (session, restyle ? images->input : NULL, latent, error) &&
         pd_session_denoise (session, latent, error) &&
         pd_session_decode (session, latent, images->output, error);
}

/* Tells what is to be said of the regions' masks. */
static void
note_regions (const PdRegions *regions, const PdListener *listener)
{
  if (listener == NULL || listener->note == NULL)
    return;
  for (guint i = 0; i < pd_regions_count (regions); i++)
    {
      const GPtrArray *notes = pd_regions_notes (regions, i);

      for (guint k = 0; notes != NULL && k < notes->len; k++)
        listener->note (notes->pdata[k], listener->user_data);
    }
}

/* The journal of the run that @session is about to do, which takes the seed from it if it goes on
 * from there. */
static gboolean
begin_journal (PdEngine *self, PdSession *session, const PdImages *images, GError **error)
{
  const PdResumeKey key = { .request = session->request,
                            .images = images,
                            .model = self->model,
                            .regions = session->regions,
                            .kernels = session->report->kernels,
                            .precision = session->report->precision };
  const PdListener *listener = session->listener;
  const PdJournal *journal;

  g_clear_pointer (&self->resume, pd_resume_free);
  self->resume = session->resume = pd_resume_new (&key);
  if (!session->request->resume)
    return TRUE;
  if (!pd_resume_load (self->resume, session->cancellable, error))
    return FALSE;
  journal = pd_resume_journal (self->resume);
  if (journal != NULL)
    {
      session->seed = journal->seed;
      session->report->seed = journal->seed;
    }
  else if (listener != NULL && listener->note != NULL)
    listener->note (session->request->sync == PD_SYNC_NONE
                        ? _ ("runs with --sync none keep no journal: started anew")
                        : _ ("there is no journal of such a run: started anew"),
                    listener->user_data);
  return TRUE;
}

static void
note_prompt (const PdSession *session, const char *prompt, const char *name)
{
  g_autoptr (GPtrArray) notes = pd_syntax_notes (prompt, name);

  for (guint i = 0; i < notes->len; i++)
    session->listener->note (g_ptr_array_index (notes, i), session->listener->user_data);
}

/* What is syntax elsewhere and words here. */
static void
note_syntax (const PdSession *session)
{
  if (session->listener == NULL || session->listener->note == NULL)
    return;
  note_prompt (session, session->request->prompt, "prompt");
  note_prompt (session, session->request->negative, "negative");
  for (guint i = 0; session->regions != NULL && i < pd_regions_count (session->regions); i++)
    note_prompt (session, pd_regions_prompt (session->regions, i), "region");
}

void
pd_engine_done (PdEngine *self)
{
  if (self->resume != NULL)
    pd_resume_remove (self->resume);
}

/* What the run takes of the machine is there; a journal that has no room is only told of. @levels:
 * of the request; with a mask only the part around what is made anew is worked on. */
static gboolean
check_machine (
    PdSession *session, const PdImages *images, const PdLevel *levels, guint n, GError **error)
{
  PdRequest *request = session->request;
  const PdListener *listener = session->listener;
  gboolean masked = request->mode == PD_REQUEST_MODE_INPAINT ||
                    (request->mode == PD_REQUEST_MODE_RESTYLE && images->mask != NULL);
  g_autofree char *folder = pd_journal_folder ();
  g_autoptr (GError) problem = NULL;
  GeglRectangle bounds;
  PdLevel part;
  PdRegion region;
  PdHostPlan plan;

  if (masked)
    {
      if (!pd_region_bounds (images->mask, &bounds, error))
        return FALSE;
      pd_region_plan (&region, &bounds, request->width, request->height, request->padding,
                      pd_session_native_size (session), session->model->autoencoder->info.scale);
      part = (PdLevel){ .width = region.work_w, .height = region.work_h };
      levels = &part;
      n = 1;
    }
  if (!pd_host_plan (session, levels, n, request->mode == PD_REQUEST_MODE_UPSCALE, masked, &plan,
                     error) ||
      !pd_host_plan_check (&plan, error))
    return FALSE;
  if (!pd_storage_check_space (folder, plan.journal, _ ("journals of the run"), &problem) &&
      listener != NULL && listener->note != NULL)
    listener->note (problem->message, listener->user_data);
  return TRUE;
}

/* For later estimates. A run that goes on from a journal did less than was planned, and one that
 * compiled kernels was slower than the next will be. */
static void
record_rate (PdEngine *self, const PdSession *session, double kernel_seconds, gboolean ok)
{
  const PdReport *report = session->report;
  double seconds = report->encode_seconds + report->denoise_seconds + report->decode_seconds;

  if (ok && !session->request->resume && kernel_seconds < 0.05 * seconds)
    pd_plan_record_rate (&self->backend, session->work, seconds);
}

/* A function of PdDeviceWatch. */
static void
report_kernels (guint done, guint n, gpointer user_data)
{
  const PdSession *self = user_data;
  const PdProgress progress = { .phase = PD_PHASE_KERNELS,
                                .level = self->level,
                                .n_levels = self->n_levels,
                                .step = done,
                                .n_steps = n,
                                .fraction = self->fraction,
                                .eta_seconds = -1 };

  if (self->listener != NULL && self->listener->progress != NULL)
    self->listener->progress (&progress, self->listener->user_data);
}

gboolean
pd_engine_run (PdEngine *self,
               PdRequest *request,
               const PdImages *images,
               const PdListener *listener,
               GCancellable *cancellable,
               PdReport *report,
               GError **error)
{
  g_auto (PdSession) session = { .device = self->device,
                                 .model = self->model,
                                 .engine_start = self->start_time,
                                 .request = request,
                                 .listener = listener,
                                 .cancellable = cancellable,
                                 .report = report,
                                 .seamless = request->seamless,
                                 .channels = self->model->denoiser->info.channels,
                                 .level = 1,
                                 .n_levels = 1,
                                 .to = 1 };
  const PdDeviceWatch watch = { .cancellable = cancellable,
                                .kernels = report_kernels,
                                .user_data = &session };
  const PdPartFiles *parts = self->model->files->parts;
  g_auto (PdOriginal) original = { 0 };
  PdImages shown = *images;
  PdLevel levels[PD_MAX_LEVELS];
  guint n_levels;
  g_autoptr (PdRegions) regions = NULL;
  g_autoptr (PdPreview) preview = NULL;
  struct rusage usage;
  double kernel_seconds = pd_kernel_seconds (self->device);
  gboolean ok;

  g_return_val_if_fail (images->output != NULL, FALSE);
  *report = (PdReport){ .seed = request->draws_seed ? g_random_int () : request->seed,
                        .width = request->width,
                        .height = request->height,
                        .load_seconds = self->load_seconds,
                        .device = pd_device_info (self->device)->name,
                        .kernels = pd_kernels_to_string (self->backend.kernels),
                        .precision = self->backend.weights == PD_FORMAT_F16 ? "f16" : "f32" };
  if (parts[PD_PART_VAE].is_other)
    report->vae = pd_checkpoint_get_path (parts[PD_PART_VAE].checkpoint);
  if (parts[PD_PART_TEXT_ENCODER].is_other)
    report->text_encoder = pd_checkpoint_get_path (parts[PD_PART_TEXT_ENCODER].checkpoint);
  session.seed = report->seed;
  n_levels = pd_levels_of (request, pd_session_native_size (&session),
                           self->model->autoencoder->info.scale, levels);
  if (!check_parts (self->model, request, n_levels, error) ||
      !check_images (request, images, error) || !pd_original_open (&original, images, error))
    return FALSE;
  for (guint i = 0; i < self->model->files->notes->len; i++)
    if (listener != NULL && listener->note != NULL)
      listener->note (self->model->files->notes->pdata[i], listener->user_data);
  pd_original_note (&original, request, images, listener);
  shown.input = original.shown;
  if (original.work != NULL)
    shown.output = original.work;
  if (*request->regions)
    {
      regions = session.regions =
          pd_regions_new (request->regions, request->width, request->height, error);
      if (regions == NULL)
        return FALSE;
      note_regions (regions, listener);
    }
  if (listener != NULL && listener->preview != NULL)
    preview = session.preview = pd_preview_new (self->model, listener, request->preview_every);
  n_levels = pd_levels_of (request, pd_session_native_size (&session),
                           self->model->autoencoder->info.scale, levels);
  if (!check_machine (&session, &shown, levels, n_levels, error) ||
      !begin_journal (self, &session, &shown, error))
    return FALSE;
  note_syntax (&session);
  pd_account_reset_peak (self->device);
  report->weight_bytes = pd_account_used (self->device);

  pd_queue_set_watch (self->device, &watch);
  if (request->mode == PD_REQUEST_MODE_INPAINT)
    ok = pd_inpaint_run (&session, &shown, 1, error);
  else if (request->mode == PD_REQUEST_MODE_RESTYLE && images->mask != NULL)
    ok = pd_inpaint_run (&session, &shown, request->strength, error);
  else if (n_levels > 1 || request->mode == PD_REQUEST_MODE_UPSCALE)
    ok = pd_levels_run (&session, levels, n_levels, &shown, error);
  else
    ok = run_plain (&session, &shown, error);
  pd_queue_set_watch (self->device, NULL);
  if (ok && original.work != NULL)
    ok = pd_original_finish (&original, request, images, error);

  record_rate (self, &session, pd_kernel_seconds (self->device) - kernel_seconds, ok);
  getrusage (RUSAGE_SELF, &usage);
  report->peak_device_bytes = pd_account_peak (self->device);
  report->peak_host_bytes = (guint64) usage.ru_maxrss * 1024;
  report->n_kernels = pd_kernel_count (self->device);
  report->kernel_seconds = pd_kernel_seconds (self->device);
  return ok;
}

gboolean
pd_engine_estimate (PdEngine *self,
                    PdRequest *request,
                    guint input_width,
                    guint input_height,
                    PdEstimate *estimate,
                    GError **error)
{
  g_autoptr (PdRequest) sized = pd_request_copy (request);
  gboolean from_picture = pd_modes[request->mode].needs & PD_TAKES_INPUT;
  PdReport report = { 0 };
  g_auto (PdSession) session = { .device = self->device,
                                 .model = self->model,
                                 .request = sized,
                                 .report = &report,
                                 .seamless = request->seamless,
                                 .channels = self->model->denoiser->info.channels };
  PdLevel levels[PD_MAX_LEVELS];
  guint n;

  if (from_picture)
    {
      sized->width = input_width;
      sized->height = input_height;
    }
  n = pd_levels_of (sized, pd_session_native_size (&session), self->model->autoencoder->info.scale,
                    levels);
  if (!check_parts (self->model, request, n, error))
    return FALSE;
  return pd_estimate_levels (&session, &self->backend, levels, n, from_picture, estimate, error);
}
