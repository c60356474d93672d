// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/job.h"
#include "engine/pictures/buffer-file.h"
#include "engine/base/error.h"
#include "engine/request/mode.h"
#include "engine/wire/messages.h"
#include "plug-in/layer.h"

#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <json-glib/json-glib.h>
#include <string.h>

enum
{
  USUAL_NATIVE = 512, /* of a model the engine does not list */
};

typedef struct
{
  gint32 image, drawable;
  PdRequest *request; /* as the caller gave it */
  PdPlace place;
  PdOrigin *origin;
  GeglBuffer *selection;
  PdRest rest;
  char *input, *mask, *output, *preview; /* files; NULL: not used */
  gint32 layer;
} Job;

static void
remove_file (char *path)
{
  if (path)
    g_unlink (path);
  g_free (path);
}

static void
job_free (Job *job)
{
  g_object_unref (job->request);
  g_clear_object (&job->selection);
  pd_origin_free (job->origin);
  pd_rest_clear (&job->rest);
  remove_file (job->input);
  remove_file (job->mask);
  remove_file (job->output);
  remove_file (job->preview);
  g_free (job);
}

guint
pd_job_native (PdRequest *request, GVariant *engine)
{
  g_autoptr (GArray) models = pd_offered_models (engine);

  for (guint i = 0; i < models->len; i++)
    {
      const PdOfferedModel *model = &g_array_index (models, PdOfferedModel, i);

      if (model->native > 0 && (g_strcmp0 (model->name, request->model) == 0 ||
                                g_strcmp0 (model->path, request->model) == 0))
        return model->native;
    }
  return USUAL_NATIVE;
}

GVariant *
pd_job_describe (PdRequest *request)
{
  g_autofree char *json = pd_request_to_json (request, 0);

  return json_gvariant_deserialize_data (json, -1, "a{sv}", NULL);
}

void
pd_job_allow_files (PdEngineClient *client, PdRequest *request)
{
  g_auto (GStrv) regions = g_strsplit (request->regions, "\n", -1);

  pd_engine_client_allow (client, request->model);
  pd_engine_client_allow (client, request->vae);
  pd_engine_client_allow (client, request->text_encoder);
  for (guint i = 0; regions[i]; i++)
    {
      g_autofree char *mask = pd_request_region_mask (regions[i]);

      if (mask)
        pd_engine_client_allow (client, mask);
    }
}

/* What the engine is sent: sizes are the context's, all of which it may look at. */
static GVariant *
job_params (const Job *job)
{
  g_autoptr (PdRequest) sent = pd_request_copy (job->request);
  GVariantDict dict;

  g_object_set (sent, "width", job->place.width, "height", job->place.height, "padding",
                (gint64) MAX (job->place.width, job->place.height), NULL);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "request", pd_job_describe (sent));
  g_variant_dict_insert (&dict, "output", "s", job->output);
  g_variant_dict_insert (&dict, "preview", "s", job->preview);
  if (job->input)
    g_variant_dict_insert (&dict, "input", "s", job->input);
  if (job->mask)
    g_variant_dict_insert (&dict, "mask", "s", job->mask);
  return g_variant_dict_end (&dict);
}

/* Of what is outside sRGB, as much as there is left of what the picture starts from. */
static double
job_share (const Job *job)
{
  if (pd_mode_enlarges (job->request->mode))
    return 1.0;
  return pd_mode_takes (job->request->mode, "strength") ? 1.0 - job->request->strength : 0.0;
}

/* What a person should know of the source. */
static void
job_tell_source (const Job *job, PdEngineClient *client)
{
  const PdRest *rest = &job->rest;
  g_autofree char *numbers =
      g_strdup_printf (_ ("%" PRIu64 " pixels that are not finite numbers count as transparent"),
                       rest->n_not_finite);
  g_autofree char *outside =
      g_strdup_printf (_ ("%" PRIu64 " pixels have colours outside sRGB, which the model does not "
                          "see: as much of them is kept as of the source"),
                       rest->n_outside);

  if (job->request->source == PD_REQUEST_SOURCE_VISIBLE && !pd_place_is_shown (job->place.layer))
    pd_engine_client_note (client,
                           _ ("The selected layer is hidden and does not count: show it, or "
                              "start from the layer alone (source=layer)"));
  if (rest->n_not_finite)
    pd_engine_client_note (client, numbers);
  if (rest->n_outside && job_share (job) < 1.0)
    pd_engine_client_note (client, outside);
  if (rest->empty && pd_mode_takes (job->request->mode, "strength"))
    pd_engine_client_note (client, _ ("All there is to start from is transparent: it counts as "
                                      "gray, and the result is opaque"));
}

/* What the engine starts from. */
static gboolean
job_save_source (Job *job, PdEngineClient *client, const char *folder, GError **error)
{
  const PdRequestMode mode = job->request->mode;

  job->input = g_build_filename (folder, "input.gegl", NULL);
  if (!pd_pixels_save_source (&job->place, job->request->source, job->input, &job->rest, error))
    return FALSE;
  /* What is filled is opaque, and so is a new version of nothing. */
  if (pd_modes[mode].needs & PD_TAKES_MASK || (pd_mode_takes (mode, "strength") && job->rest.empty))
    g_clear_object (&job->rest.alpha);
  job_tell_source (job, client);
  return TRUE;
}

/* Found out before the long work: files of the context's size, as the engine reads and writes them.
 * What cannot be told does not hinder. */
static gboolean
job_check_space (const Job *job, const char *folder, GError **error)
{
  const PdRequest *request = job->request;
  const guint64 n = (guint64) job->place.width * job->place.height;
  const guint64 scale = pd_mode_scale (request);
  const guint64 color = 3 * sizeof (float);
  const guint64 input = pd_modes[request->mode].needs & PD_TAKES_INPUT ? n * color : 0;
  const guint64 mask = pd_modes[request->mode].needs & PD_TAKES_MASK ? n * sizeof (float) : 0;
  const guint64 needed = input + mask + n * scale * scale * color;
  g_autoptr (GFile) file = g_file_new_for_path (folder);
  g_autoptr (GFileInfo) info =
      g_file_query_filesystem_info (file, G_FILE_ATTRIBUTE_FILESYSTEM_FREE, NULL, NULL);
  g_autofree char *needed_text = NULL, *free_text = NULL;
  guint64 free_bytes;

  if (!info || !g_file_info_has_attribute (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE))
    return TRUE;
  free_bytes = g_file_info_get_attribute_uint64 (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE);
  if (free_bytes >= needed)
    return TRUE;
  needed_text = g_format_size_full (needed, G_FORMAT_SIZE_IEC_UNITS);
  free_text = g_format_size_full (free_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST,
               _ ("%s: the run needs %s of space there, %s are free: make room, or set TMPDIR to "
                  "another folder"),
               folder, needed_text, free_text);
  return FALSE;
}

/* Everything that is needed of the image, as it is now. */
static gboolean
job_take_snapshot (Job *job, PdEngineClient *client, GVariant *engine, GError **error)
{
  const PdModeInfo *mode = &pd_modes[job->request->mode];
  const char *folder = pd_engine_client_get_folder (client, error);

  if (!folder ||
      !pd_place_find (&job->place, job->image, job->drawable, job->request,
                      pd_job_native (job->request, engine), error) ||
      !job_check_space (job, folder, error))
    return FALSE;
  job->output = g_build_filename (folder, "output.gegl", NULL);
  job->preview = g_build_filename (folder, "preview.png", NULL);
  if (!pd_mode_enlarges (job->request->mode))
    job->selection = pd_pixels_copy_selection (&job->place);
  job->origin = pd_origin_new (&job->place, job->selection);
  if (job->place.left_out)
    pd_engine_client_note (client, _ ("Part of the selection lies outside the layer and is left "
                                      "out: enlarge the layer (Layer → Layer to Image Size), or "
                                      "start from what is visible (source=visible)"));
  if (mode->needs & PD_TAKES_INPUT && !job_save_source (job, client, folder, error))
    return FALSE;
  if (mode->needs & PD_TAKES_MASK)
    {
      job->mask = g_build_filename (folder, "mask.gegl", NULL);
      return pd_pixels_save_mask (&job->place, job->selection, job->mask, error);
    }
  return TRUE;
}

/* Keeps what was used where the request left it to the engine. */
static void
job_note_used (Job *job, GVariant *report)
{
  PdReport used;

  pd_fields_read (pd_report_fields, report, &used);
  pd_request_set_seed (job->request, used.seed);
  g_object_set (job->request, "width", job->place.width, "height", job->place.height, NULL);
}

static gboolean
job_commit (Job *job, PdEngineClient *client, GError **error)
{
  g_autoptr (GeglBuffer) made = pd_buffer_file_load (job->output, error);
  g_autoptr (GeglBuffer) cut = NULL;
  PdLayerResult result = { .rest = &job->rest,
                           .share = job_share (job),
                           .selection = job->selection,
                           .request = job->request };
  const char *note = NULL;

  if (!made)
    return FALSE;
  if (pd_mode_enlarges (job->request->mode))
    {
      result.picture = made;
      job->layer = pd_layer_new_image (job->origin, &result, error);
    }
  else
    {
      result.picture = cut = pd_pixels_cut (&job->place, made);
      job->layer = pd_layer_add (job->origin, &result, &note, error);
    }
  if (note)
    pd_engine_client_note (client, note);
  return job->layer != -1;
}

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) report =
      pd_engine_client_call_finish (PD_ENGINE_CLIENT (source), result, &error);
  Job *job = g_task_get_task_data (task);

  if (report)
    job_note_used (job, report);
  if (!report || g_task_return_error_if_cancelled (task) ||
      !job_commit (job, PD_ENGINE_CLIENT (source), &error))
    {
      if (error)
        g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  g_task_return_pointer (task, g_steal_pointer (&report), (GDestroyNotify) g_variant_unref);
}

/* task: (transfer full) */
static void
job_start (GTask *task, GVariant *engine)
{
  g_autoptr (GTask) owned = task;
  g_autoptr (GError) error = NULL;
  PdEngineClient *client = g_task_get_source_object (task);
  Job *job = g_task_get_task_data (task);

  if (!job_take_snapshot (job, client, engine, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  pd_engine_client_call_async (client, pd_modes[job->request->mode].name, job_params (job),
                               g_task_get_cancellable (task), on_result, g_steal_pointer (&owned));
}

static void
on_initialized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) engine =
      pd_engine_client_call_finish (PD_ENGINE_CLIENT (source), result, &error);

  if (engine)
    job_start (g_steal_pointer (&task), engine);
  else
    g_task_return_error (task, error);
}

void
pd_job_run_async (PdEngineClient *client,
                  GVariant *engine,
                  gint32 image,
                  gint32 drawable,
                  PdRequest *request,
                  GCancellable *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer user_data)
{
  GTask *task = g_task_new (client, cancellable, callback, user_data);
  Job *job = g_new0 (Job, 1);

  job->image = image;
  job->drawable = drawable;
  job->request = pd_request_copy (request);
  job->layer = -1;
  g_task_set_task_data (task, job, (GDestroyNotify) job_free);
  /* A layer that was added is a result, even if cancellation came a moment later. */
  g_task_set_check_cancellable (task, FALSE);
  pd_job_allow_files (client, request);
  if (engine)
    job_start (task, engine);
  else
    pd_engine_client_call_async (client, "initialize", NULL, cancellable, on_initialized, task);
}

GVariant *
pd_job_run_finish (PdEngineClient *client, GAsyncResult *result, gint32 *layer, GError **error)
{
  GTask *task = G_TASK (result);
  const Job *job = g_task_get_task_data (task);

  if (layer)
    *layer = job->layer;
  return g_task_propagate_pointer (task, error);
}
