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
#include "engine/run/devices.h"
#include "engine/run/original.h"
#include "engine/run/plan.h"
#include "engine/run/crop.h"
#include "engine/pictures/storage.h"
#include "engine/run/rank.h"
#include "engine/run/session.h"
#include "engine/run/style.h"
#include "engine/run/syntax.h"

struct _PdEngine
{
  PdDevices devices;
  GArray *far;       /* PdFarDevice, of other processes */
  PdResume *resume;  /* of the last run; may be NULL */
  gint64 start_time; /* µs, monotonic */
  double load_seconds;
  char *worker_tiles; /* of the last report */
};

PdEngine *
pd_engine_new (PdRequest *request,
               const char *data_folder,
               GCancellable *cancellable,
               GError **error)
{
  g_autoptr (PdEngine) self = g_new0 (PdEngine, 1);
  g_autoptr (PdCatalog) catalog = pd_catalog_new (data_folder);
  g_autofree char *path = NULL;

  self->start_time = g_get_monotonic_time ();
  path = pd_catalog_find (catalog, request->model, error);
  if (path == NULL ||
      !pd_devices_open (&self->devices, request, path, PD_DEVICES_RUN, cancellable, error) ||
      (self->far = pd_rank_open (request, &self->devices, cancellable, error)) == NULL)
    return NULL;
  self->load_seconds = (double) (g_get_monotonic_time () - self->start_time) / G_USEC_PER_SEC;
  return g_steal_pointer (&self);
}

gboolean
pd_engine_is_current (const PdEngine *self)
{
  for (guint i = 0; i < self->devices.n; i++)
    if (pd_device_is_lost (self->devices.list[i].device))
      return FALSE;
  return pd_rank_is_current (self->far) && pd_model_changed_file (self->devices.model) == NULL;
}

void
pd_engine_free (PdEngine *self)
{
  if (self == NULL)
    return;
  pd_resume_free (self->resume);
  g_clear_pointer (&self->far, g_array_unref);
  pd_devices_clear (&self->devices);
  g_free (self->worker_tiles);
  g_free (self);
}

/* What the model has is enough for the run. */
static gboolean
check_parts (
    const PdModel *model, const PdRequest *request, const PdStage *stages, guint n, GError **error)
{
  if ((n == 1 && stages[0].start == PD_START_NOISE) || pd_model_files_has_encoder (model->files))
    return TRUE;
  if (stages[0].start == PD_START_NOISE)
    pd_error_set_bad_model (
        error,
        _ ("%s: the model's autoencoder has no encoder, which a picture made in levels "
           "needs; turn progressive off"),
        model->files->path);
  else
    pd_error_set_bad_model (error, _ ("%s: the model's autoencoder has no encoder, which %s needs"),
                            model->files->path,
                            pd_request_nick (PD_TYPE_REQUEST_MODE, (int) request->mode));
  return FALSE;
}

/* A model that was made for inpainting does nothing else. */
static gboolean
check_map (const PdModel *model, const PdStage *stage, GError **error)
{
  if (model->denoiser->info.map_channels == 0 || stage->masked)
    return TRUE;
  pd_error_set_bad_model (error,
                          _ ("%s: the model was made for inpainting and needs a mask of what to "
                             "paint; choose “inpaint”, or another model"),
                          model->files->path);
  return FALSE;
}

/* Tells what is to be said of the regions' masks. */
static void
note_regions (const PdRegions *regions, const PdRecorder *recorder)
{
  for (guint i = 0; i < pd_regions_count (regions); i++)
    {
      const GPtrArray *notes = pd_regions_notes (regions, i);

      for (guint k = 0; notes != NULL && k < notes->len; k++)
        pd_recorder_note (recorder, notes->pdata[k]);
    }
}

/* The journal of the run that @session is about to do, which takes the seed from it if it goes on
 * from there. */
static gboolean
begin_journal (PdEngine *self,
               PdSession *session,
               const PdOriginal *original,
               const PdImages *images,
               GError **error)
{
  const PdResumeKey key = { .request = session->request,
                            .parts = original->parts,
                            .n_parts = original->n_parts,
                            .images = images,
                            .model = self->devices.model,
                            .regions = session->regions,
                            .kernels = session->recorder.report->kernels,
                            .precision = session->recorder.report->precision };
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
      session->noise.seed = journal->seed;
      session->recorder.report->seed = journal->seed;
    }
  else
    pd_recorder_note (&session->recorder,
                      session->request->sync == PD_SYNC_NONE
                          ? _ ("runs with --sync none keep no journal: started anew")
                          : _ ("there is no journal of such a run: started anew"));
  return TRUE;
}

static void
note_prompt (const PdSession *session, const char *prompt, const char *name)
{
  g_autoptr (GPtrArray) notes = pd_syntax_notes (prompt, name);

  for (guint i = 0; i < notes->len; i++)
    pd_recorder_note (&session->recorder, g_ptr_array_index (notes, i));
}

/* What is syntax elsewhere and words here. */
static void
note_syntax (const PdSession *session)
{
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

/* What the run takes of the machine is there; a journal that has no room is only told of. */
static gboolean
check_machine (PdSession *session, const PdStage *stages, guint n, GError **error)
{
  g_autofree char *folder = pd_journal_folder ();
  g_autoptr (GError) problem = NULL;
  PdHostPlan plan;

  if (!pd_host_plan (session, stages, n, &plan, error) || !pd_host_plan_check (&plan, error))
    return FALSE;
  if (!pd_storage_check_space (folder, plan.journal, _ ("journals of the run"), &problem))
    pd_recorder_note (&session->recorder, problem->message);
  return TRUE;
}

/* For later estimates. A run that goes on from a journal did less than was planned, one that
 * compiled kernels was slower than the next will be, and of several devices each has a rate of its
 * own. */
static void
record_rate (PdEngine *self, const PdSession *session, double kernel_seconds, gboolean ok)
{
  const PdReport *report = session->recorder.report;
  double seconds = report->encode_seconds + report->denoise_seconds + report->decode_seconds;

  if (ok && self->devices.n == 1 && self->far->len == 0 && !session->request->resume &&
      kernel_seconds < 0.05 * seconds)
    pd_plan_record_rate (&self->devices.list[0].backend, session->work, seconds);
}

static void
report_workers (PdEngine *self, const PdSession *session, PdReport *report)
{
  const PdTeamReport *team = &session->team;
  const guint n = self->devices.n + self->far->len;
  g_autoptr (GString) tiles = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (tiles, "%s%" G_GUINT64_FORMAT, i > 0 ? " " : "", team->items[i]);
  for (guint i = 0; i < self->devices.n; i++)
    {
      PdDevice *device = self->devices.list[i].device;

      report->peak_device_bytes = MAX (report->peak_device_bytes, pd_account_peak (device));
      report->n_kernels += pd_kernel_count (device);
      report->kernel_seconds += pd_kernel_seconds (device);
    }
  g_free (self->worker_tiles);
  self->worker_tiles = n > 1 ? g_string_free (g_steal_pointer (&tiles), FALSE) : NULL;
  report->workers = n;
  report->worker_tiles = self->worker_tiles;
  if (team->seconds > 0)
    report->idle_share = CLAMP (1 - team->busy / (team->seconds * n), 0, 1);
  report->step_exchange_bytes = team->exchanged / MAX (session->team_steps, 1);
}

/* A function of PdDeviceWatch. */
static void
report_kernels (guint done, guint n, gpointer user_data)
{
  pd_recorder_tell_kernels (user_data, done, n);
}

/* The parts of the input that are worked on where its mask leaves some of it. Returns: their
 * number; 0 with an error. */
static guint
find_crops (const PdSession *session, GeglBuffer *mask, PdCrop *crops, GError **error)
{
  const PdRequest *request = session->request;
  const PdCropOptions options = { .picture = { request->height, request->width },
                                  .padding = request->padding,
                                  .native = pd_session_native_size (session),
                                  .scale = session->model->autoencoder->info.scale,
                                  .wrap = request->seamless };

  return pd_crop_find (mask, &options, crops, error);
}

/* The stages of the session's request; @crops: see pd_stages_plan. */
static guint
plan_stages (
    const PdSession *session, const PdCrop *crops, guint n_crops, PdStage *stages, GError **error)
{
  const PdStageModel model = { .native = pd_session_native_size (session),
                               .scale = session->model->autoencoder->info.scale,
                               .level_strength = session->model->files->pipeline.level_strength,
                               .few_steps = pd_levels_have_few_steps (session) };

  return pd_stages_plan (session->request, &model, crops, n_crops, stages, error);
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
  g_auto (PdSession) session = { .device = self->devices.list[0].device,
                                 .model = self->devices.model,
                                 .far = self->far,
                                 .request = request,
                                 .cancellable = cancellable,
                                 .recorder = { .listener = listener,
                                               .report = report,
                                               .engine_start = self->start_time,
                                               .level = 1,
                                               .n_levels = 1,
                                               .to = 1 },
                                 .seamless = request->seamless,
                                 .channels = self->devices.model->denoiser->info.channels,
                                 .styled = pd_style_is_wanted (request, images->style != NULL) };
  const PdDeviceWatch watch = { .cancellable = cancellable,
                                .kernels = report_kernels,
                                .user_data = &session.recorder };
  const PdPartFiles *files = self->devices.model->files->parts;
  PdRect parts[PD_MAX_CROPS];
  g_auto (PdOriginal) original = { .parts = parts };
  PdImages shown = *images;
  PdStage stages[PD_MAX_LEVELS];
  PdCrop crops[PD_MAX_CROPS];
  guint n_stages, n_crops = 0;
  gboolean masked;
  g_autoptr (PdRegions) regions = NULL;
  g_autoptr (PdPreview) preview = NULL;
  struct rusage usage;
  double kernel_seconds = pd_kernel_seconds (self->devices.list[0].device);
  gboolean ok;

  g_return_val_if_fail (images->output != NULL, FALSE);
  for (guint i = 0; i < self->devices.n; i++)
    session.numbers[i] = i;
  *report =
      (PdReport){ .seed = request->draws_seed ? g_random_int () : request->seed,
                  .width = request->width,
                  .height = request->height,
                  .load_seconds = self->load_seconds,
                  .device = pd_device_info (self->devices.list[0].device)->name,
                  .kernels = pd_kernels_to_string (self->devices.list[0].backend.kernels),
                  .precision =
                      self->devices.list[0].backend.weights == PD_FORMAT_F16 ? "f16" : "f32" };
  if (files[PD_PART_VAE].is_other)
    report->vae = pd_checkpoint_get_path (files[PD_PART_VAE].checkpoint);
  if (files[PD_PART_TEXT_ENCODER].is_other)
    report->text_encoder = pd_checkpoint_get_path (files[PD_PART_TEXT_ENCODER].checkpoint);
  session.noise.seed = report->seed;
  n_stages = plan_stages (&session, NULL, 0, stages, error);
  if (n_stages == 0 || !check_parts (self->devices.model, request, stages, n_stages, error) ||
      !pd_images_check (images, request, error))
    return FALSE;
  masked = images->mask != NULL && stages[0].start == PD_START_PICTURE;
  if (masked && ((n_crops = find_crops (&session, images->mask, crops, error)) == 0 ||
                 (n_stages = plan_stages (&session, crops, n_crops, stages, error)) == 0))
    return FALSE;
  for (original.n_parts = 0; original.n_parts < n_crops; original.n_parts++)
    parts[original.n_parts] = crops[original.n_parts].part;
  if (!pd_original_open (&original, images, error))
    return FALSE;
  for (guint i = 0; i < self->devices.model->files->notes->len; i++)
    pd_recorder_note (&session.recorder, self->devices.model->files->notes->pdata[i]);
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
      note_regions (regions, &session.recorder);
    }
  if (listener != NULL && listener->preview != NULL)
    preview = session.preview =
        pd_preview_new (self->devices.model, listener, request->preview_every);
  session.style_picture = session.styled ? shown.style : NULL;
  if ((session.styled && !pd_style_check (self->devices.model, request, error)) ||
      !check_map (self->devices.model, &stages[0], error) ||
      !check_machine (&session, stages, n_stages, error) ||
      !begin_journal (self, &session, &original, &shown, error))
    return FALSE;
  note_syntax (&session);
  for (guint i = 0; i < self->devices.n; i++)
    pd_account_reset_peak (self->devices.list[i].device);
  report->weight_bytes = pd_account_used (self->devices.list[0].device);

  pd_devices_set_watch (&self->devices, &watch);
  if (masked && original.work == NULL)
    gegl_buffer_copy (shown.input, NULL, GEGL_ABYSS_NONE, shown.output, NULL);
  ok = masked ? pd_inpaint_run (&session, stages, crops, n_crops, &shown, error)
              : pd_levels_run (&session, stages, n_stages, &shown, error);
  pd_devices_set_watch (&self->devices, NULL);
  if (ok && original.work != NULL)
    ok = pd_original_finish (&original, request, images, error);

  record_rate (self, &session, pd_kernel_seconds (self->devices.list[0].device) - kernel_seconds,
               ok);
  getrusage (RUSAGE_SELF, &usage);
  report->peak_host_bytes = (guint64) usage.ru_maxrss * 1024;
  report_workers (self, &session, report);
  return ok;
}

gboolean
pd_engine_estimate (PdEngine *self,
                    PdRequest *request,
                    guint input_width,
                    guint input_height,
                    GeglBuffer *mask,
                    PdEstimate *estimate,
                    GError **error)
{
  g_autoptr (PdRequest) sized = pd_request_copy (request);
  gboolean from_picture = pd_modes[request->mode].needs & PD_TAKES_INPUT;
  PdReport report = { 0 };
  g_auto (PdSession) session = { .device = self->devices.list[0].device,
                                 .model = self->devices.model,
                                 .far = self->far,
                                 .request = sized,
                                 .recorder = { .report = &report },
                                 .seamless = request->seamless,
                                 .channels = self->devices.model->denoiser->info.channels,
                                 .styled = pd_style_is_wanted (request, *request->style != '\0') };
  PdStage stages[PD_MAX_LEVELS];
  PdCrop crops[PD_MAX_CROPS];
  const PdEstimateParts parts = { .mask = mask, .crops = crops };
  gboolean masked = FALSE;
  guint n, n_crops;

  if (from_picture)
    {
      sized->width = input_width;
      sized->height = input_height;
    }
  n = plan_stages (&session, NULL, 0, stages, error);
  if (n > 0 && mask != NULL && stages[0].start == PD_START_PICTURE)
    {
      if (!pd_images_check_size (mask, PD_GIVEN_MASK, sized, error) ||
          (n_crops = find_crops (&session, mask, crops, error)) == 0)
        return FALSE;
      masked = TRUE;
      n = plan_stages (&session, crops, n_crops, stages, error);
    }
  return n > 0 && check_parts (self->devices.model, request, stages, n, error) &&
         (!session.styled || pd_style_check (self->devices.model, request, error)) &&
         check_map (self->devices.model, &stages[0], error) &&
         pd_estimate_stages (&session, stages, n, masked ? &parts : NULL, estimate, error);
}
