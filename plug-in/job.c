// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/job.h"
#include "engine/buffer-file.h"
#include "plug-in/canvas.h"
#include "plug-in/layer.h"

#include <glib/gstdio.h>
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
  GeglBuffer *selection;
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
  remove_file (job->input);
  remove_file (job->mask);
  remove_file (job->output);
  remove_file (job->preview);
  g_free (job);
}

guint
pd_job_native (PdRequest *request, GVariant *engine)
{
  g_autoptr (GVariant) models =
      engine ? g_variant_lookup_value (engine, "models", G_VARIANT_TYPE ("av")) : NULL;
  const gsize n = models ? g_variant_n_children (models) : 0;

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) boxed = g_variant_get_child_value (models, i);
      g_autoptr (GVariant) model = g_variant_get_variant (boxed);
      const char *name = NULL, *path = NULL;
      gint64 native = 0;

      if (g_variant_is_of_type (model, G_VARIANT_TYPE_VARDICT) &&
          g_variant_lookup (model, "name", "&s", &name) &&
          g_variant_lookup (model, "path", "&s", &path) &&
          (g_str_equal (name, request->model) || g_str_equal (path, request->model)) &&
          g_variant_lookup (model, "native", "x", &native) && native > 0)
        return (guint) native;
    }
  return USUAL_NATIVE;
}

GVariant *
pd_job_describe (PdRequest *request)
{
  g_autofree char *json = pd_request_to_json (request, PD_REQUEST_PARAM_FILE);

  return json_gvariant_deserialize_data (json, -1, "a{sv}", NULL);
}

void
pd_job_allow_files (PdEngineClient *client, PdRequest *request)
{
  static const char mask_prefix[] = "mask=";
  g_auto (GStrv) regions = g_strsplit (request->regions, "\n", -1);

  pd_engine_client_allow (client, request->model);
  for (guint i = 0; regions[i]; i++)
    if (g_str_has_prefix (g_strstrip (regions[i]), mask_prefix))
      {
        g_auto (GStrv) halves = g_strsplit (regions[i] + strlen (mask_prefix), ":", 2);

        pd_engine_client_allow (client, *halves);
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

/* Everything that is needed of the image, as it is now. */
static gboolean
job_take_snapshot (Job *job, PdEngineClient *client, GVariant *engine, GError **error)
{
  const PdRequestMode mode = job->request->mode;
  const char *folder = pd_engine_client_get_folder (client, error);

  if (!folder || !pd_place_find (&job->place, job->image, job->drawable, job->request,
                                 pd_job_native (job->request, engine), error))
    return FALSE;
  job->output = g_build_filename (folder, "output.gegl", NULL);
  job->preview = g_build_filename (folder, "preview.png", NULL);
  if (mode != PD_REQUEST_MODE_UPSCALE)
    job->selection = pd_canvas_copy_selection (&job->place);
  if (mode != PD_REQUEST_MODE_GENERATE)
    {
      job->input = g_build_filename (folder, "input.gegl", NULL);
      if (!pd_canvas_save_source (&job->place, job->request->source, job->input, error))
        return FALSE;
    }
  if (mode == PD_REQUEST_MODE_INPAINT)
    {
      job->mask = g_build_filename (folder, "mask.gegl", NULL);
      return pd_canvas_save_mask (&job->place, job->selection, job->mask, error);
    }
  return TRUE;
}

/* Keeps what was used where the request left it to the engine. */
static void
job_note_used (Job *job, GVariant *report)
{
  g_autofree char *seed = pd_request_seed_of_report (report);

  if (seed)
    g_object_set (job->request, "seed", seed, NULL);
  g_object_set (job->request, "width", job->place.width, "height", job->place.height, NULL);
}

static gboolean
job_commit (Job *job, GError **error)
{
  g_autoptr (GeglBuffer) result = pd_buffer_file_load (job->output, error);
  g_autoptr (GeglBuffer) picture = NULL;

  if (!result)
    return FALSE;
  if (job->request->mode == PD_REQUEST_MODE_UPSCALE)
    job->layer = pd_layer_new_image (&job->place, result, job->request, error);
  else
    {
      picture = pd_canvas_cut (&job->place, result);
      job->layer = pd_layer_add (&job->place, picture, job->selection, job->request, error);
    }
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
  if (!report || g_task_return_error_if_cancelled (task) || !job_commit (job, &error))
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
  pd_engine_client_call_async (
      client, pd_request_nick (PD_TYPE_REQUEST_MODE, (int) job->request->mode), job_params (job),
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
