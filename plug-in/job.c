// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/job.h"
#include "engine/pictures/buffer-file.h"
#include "engine/base/error.h"
#include "engine/request/mode.h"
#include "engine/wire/messages.h"
#include "plug-in/layer.h"
#include "plug-in/style-picture.h"

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
  PdPlace *told_place; /* the caller's copy; may be NULL */
  PdOrigin *origin;
  GeglBuffer *selection;
  PdRest rest;
  char *given[PD_N_GIVEN], *output, *preview; /* files; NULL: not used */
  gint32 layer;
} Run;

static void
remove_file (char *path)
{
  if (path != NULL)
    g_unlink (path);
  g_free (path);
}

static void
run_free (Run *run)
{
  g_object_unref (run->request);
  g_clear_object (&run->selection);
  pd_origin_free (run->origin);
  pd_rest_clear (&run->rest);
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    remove_file (run->given[given]);
  remove_file (run->output);
  remove_file (run->preview);
  g_free (run);
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
  g_autofree GParamSpec **params = NULL;
  guint n_params;
  PdGiven given;

  pd_engine_client_allow (client, request->model);
  params = g_object_class_list_properties (G_OBJECT_GET_CLASS (request), &n_params);
  for (guint i = 0; i < n_params; i++)
    if (params[i]->flags & PD_REQUEST_PARAM_FILE && !(params[i]->flags & PD_REQUEST_PARAM_LOCAL) &&
        !pd_given_find (params[i]->name, &given))
      {
        g_autofree char *path = pd_request_get_text (request, params[i]->name);

        pd_engine_client_allow (client, path);
      }
  for (guint i = 0; regions[i] != NULL; i++)
    {
      g_autofree char *mask = pd_request_region_mask (regions[i]);

      if (mask != NULL)
        pd_engine_client_allow (client, mask);
    }
}

/* Returns: (transfer floating) the parameters of the call. Its sizes are the context's, all of
 * which the engine may look at. */
static GVariant *
run_params (const Run *run)
{
  g_autoptr (PdRequest) sent = pd_request_copy (run->request);
  GVariantDict dict;

  g_object_set (sent, "width", run->place.width, "height", run->place.height, "padding",
                (gint64) MAX (run->place.width, run->place.height), NULL);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "request", pd_job_describe (sent));
  g_variant_dict_insert (&dict, "output", "s", run->output);
  g_variant_dict_insert (&dict, "preview", "s", run->preview);
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    if (run->given[given] != NULL)
      g_variant_dict_insert (&dict, pd_given[given].name, "s", run->given[given]);
  return g_variant_dict_end (&dict);
}

/* Returns: how much of the colours outside sRGB to keep: as much as the result keeps of its source,
 * but none beside those of a style. */
static double
run_share (const Run *run)
{
  if (pd_mode_enlarges (run->request->mode))
    return 1.0;
  return run->request->mode == PD_REQUEST_MODE_RESTYLE ? 1.0 - run->request->strength : 0.0;
}

/* Notes about the source that a person should know. */
static void
run_tell_source (const Run *run, PdEngineClient *client)
{
  const PdRest *rest = &run->rest;
  g_autofree char *numbers =
      g_strdup_printf (_ ("%" PRIu64 " pixels that are not finite numbers count as transparent"),
                       rest->n_not_finite);
  g_autofree char *outside =
      g_strdup_printf (_ ("%" PRIu64 " pixels have colours outside sRGB, which the model does not "
                          "see: as much of them is kept as of the source"),
                       rest->n_outside);

  if (run->request->source == PD_REQUEST_SOURCE_VISIBLE && !pd_place_is_shown (run->place.layer))
    pd_engine_client_note (client,
                           _ ("The selected layer is hidden and does not count: show it, or "
                              "start from the layer alone (source=layer)"));
  if (rest->n_not_finite)
    pd_engine_client_note (client, numbers);
  if (rest->n_outside && run_share (run) < 1.0)
    pd_engine_client_note (client, outside);
  if (rest->empty && pd_mode_takes (run->request->mode, "strength"))
    pd_engine_client_note (client, _ ("All there is to start from is transparent: it counts as "
                                      "gray, and the result is opaque"));
}

/* Writes the pixels that the engine starts from. */
static gboolean
run_save_source (Run *run, PdEngineClient *client, const char *path, GError **error)
{
  const PdRequestMode mode = run->request->mode;

  if (!pd_pixels_save_source (&run->place, run->request->source, path, &run->rest, error))
    return FALSE;
  /* Filled pixels are opaque, and so is a new version of nothing but transparency. */
  if (pd_modes[mode].needs & PD_TAKES_MASK || (pd_mode_takes (mode, "strength") && run->rest.empty))
    g_clear_object (&run->rest.alpha);
  run_tell_source (run, client);
  return TRUE;
}

static gboolean
run_save_mask (Run *run, PdEngineClient *client, const char *path, GError **error)
{
  return pd_pixels_save_mask (&run->place, run->selection, path, error);
}

static gboolean
run_save_style (Run *run, PdEngineClient *client, const char *path, GError **error)
{
  gboolean transparent = FALSE;

  if (!pd_style_picture_save (run->request->style, path, &transparent, error))
    return FALSE;
  if (transparent)
    pd_engine_client_note (client, _ ("Part of the style's picture is transparent and counts as "
                                      "gray: a picture without gives its colours alone"));
  return TRUE;
}

/* By PdGiven: what writes its file. */
static const struct
{
  gboolean (*save) (Run *run, PdEngineClient *client, const char *path, GError **error);
  guint channels; /* floats a pixel of the context, at most; 0: it is not of its size */
} givers[] = {
  [PD_GIVEN_INPUT] = { run_save_source, 3 },
  [PD_GIVEN_MASK] = { run_save_mask, 1 },
  [PD_GIVEN_STYLE] = { run_save_style, 0 },
};

G_STATIC_ASSERT (G_N_ELEMENTS (givers) == PD_N_GIVEN);

/* Whether the mode needs it, or makes something of it and it was chosen. */
static gboolean
run_gives (const Run *run, PdGiven given)
{
  const PdModeInfo *mode = &pd_modes[run->request->mode];

  return (mode->needs & 1u << given) != 0 ||
         ((mode->optional & 1u << given) != 0 && *pd_given_path (run->request, given));
}

/* Writes all that the run is given. */
static gboolean
run_save_given (Run *run, PdEngineClient *client, const char *folder, GError **error)
{
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    if (run_gives (run, given))
      {
        g_autofree char *name = g_strconcat (pd_given[given].name, ".gegl", NULL);

        run->given[given] = g_build_filename (folder, name, NULL);
        if (!givers[given].save (run, client, run->given[given], error))
          return FALSE;
      }
  return TRUE;
}

/* Checks before the long work that the folder has room for the files that the engine reads and
 * writes, of the context's size. A file system that does not tell is taken to have it. */
static gboolean
run_check_space (const Run *run, const char *folder, GError **error)
{
  const guint64 n = (guint64) run->place.width * run->place.height;
  const guint64 scale = pd_mode_scale (run->request);
  guint64 needed = n * scale * scale * 3 * sizeof (float);
  g_autoptr (GFile) file = g_file_new_for_path (folder);
  g_autoptr (GFileInfo) info =
      g_file_query_filesystem_info (file, G_FILE_ATTRIBUTE_FILESYSTEM_FREE, NULL, NULL);
  g_autofree char *needed_text = NULL, *free_text = NULL;
  guint64 free_bytes;

  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    if (run_gives (run, given))
      needed += n * givers[given].channels * sizeof (float);
  if (info == NULL || !g_file_info_has_attribute (info, G_FILE_ATTRIBUTE_FILESYSTEM_FREE))
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

/* Takes everything that the run needs of the image, as it is now. */
static gboolean
run_take_snapshot (Run *run, PdEngineClient *client, GVariant *engine, GError **error)
{
  const char *folder = pd_engine_client_get_folder (client, error);

  if (folder == NULL ||
      !pd_place_find (&run->place, run->image, run->drawable, run->request,
                      pd_job_native (run->request, engine), error) ||
      !run_check_space (run, folder, error))
    return FALSE;
  if (run->told_place != NULL)
    *run->told_place = run->place;
  run->output = g_build_filename (folder, "output.gegl", NULL);
  run->preview = g_build_filename (folder, "preview.png", NULL);
  if (!pd_mode_enlarges (run->request->mode))
    run->selection = pd_pixels_copy_selection (&run->place);
  run->origin = pd_origin_new (&run->place, run->selection);
  if (run->place.left_out)
    pd_engine_client_note (client, _ ("Part of the selection lies outside the layer and is left "
                                      "out: enlarge the layer (Layer → Layer to Image Size), or "
                                      "start from what is visible (source=visible)"));
  return run_save_given (run, client, folder, error);
}

/* Puts values that the request left to the engine into it, and in the place of what is open now
 * what tells later. */
static void
run_note_used (Run *run, GVariant *report)
{
  g_autofree char *style =
      *run->request->style ? pd_style_picture_name (run->request->style) : NULL;
  PdReport used;

  pd_fields_read (pd_report_fields, report, &used);
  pd_request_set_seed (run->request, used.seed);
  g_object_set (run->request, "width", run->place.width, "height", run->place.height, "style",
                style, NULL);
}

static gboolean
run_commit (Run *run, PdEngineClient *client, GError **error)
{
  g_autoptr (GeglBuffer) made = pd_buffer_file_load (run->output, error);
  g_autoptr (GeglBuffer) cut = NULL;
  PdLayerResult result = { .rest = &run->rest,
                           .share = run_share (run),
                           .selection = run->selection,
                           .request = run->request };
  const char *note = NULL;

  if (made == NULL)
    return FALSE;
  if (pd_mode_enlarges (run->request->mode))
    {
      result.picture = made;
      run->layer = pd_layer_new_image (run->origin, &result, error);
    }
  else
    {
      result.picture = cut = pd_pixels_cut (&run->place, made);
      run->layer = pd_layer_add (run->origin, &result, &note, error);
    }
  if (note != NULL)
    pd_engine_client_note (client, note);
  return run->layer != -1;
}

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) report =
      pd_engine_client_call_finish (PD_ENGINE_CLIENT (source), result, &error);
  Run *run = g_task_get_task_data (task);

  if (report != NULL)
    run_note_used (run, report);
  if (report == NULL || g_task_return_error_if_cancelled (task) ||
      !run_commit (run, PD_ENGINE_CLIENT (source), &error))
    {
      if (error != NULL)
        g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  g_task_return_pointer (task, g_steal_pointer (&report), (GDestroyNotify) g_variant_unref);
}

/* @task: (transfer full) */
static void
run_start (GTask *task, GVariant *engine)
{
  g_autoptr (GTask) owned = task;
  g_autoptr (GError) error = NULL;
  PdEngineClient *client = g_task_get_source_object (task);
  Run *run = g_task_get_task_data (task);

  if (!run_take_snapshot (run, client, engine, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  pd_engine_client_call_async (client, pd_modes[run->request->mode].name, run_params (run),
                               g_task_get_cancellable (task), on_result, g_steal_pointer (&owned));
}

static void
on_initialized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  g_autoptr (GVariant) engine =
      pd_engine_client_call_finish (PD_ENGINE_CLIENT (source), result, &error);

  if (engine != NULL)
    run_start (g_steal_pointer (&task), engine);
  else
    g_task_return_error (task, error);
}

void
pd_job_run_async (PdEngineClient *client,
                  const PdJob *job,
                  GCancellable *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer user_data)
{
  GTask *task = g_task_new (client, cancellable, callback, user_data);
  Run *run = g_new0 (Run, 1);

  run->image = job->image;
  run->drawable = job->drawable;
  run->request = pd_request_copy (job->request);
  run->told_place = job->place;
  run->layer = -1;
  g_task_set_task_data (task, run, (GDestroyNotify) run_free);
  /* A layer that was added is a result, even if cancellation came a moment later. */
  g_task_set_check_cancellable (task, FALSE);
  pd_job_allow_files (client, job->request);
  if (job->engine != NULL)
    run_start (task, job->engine);
  else
    pd_engine_client_call_async (client, "initialize", NULL, cancellable, on_initialized, task);
}

GVariant *
pd_job_run_finish (PdEngineClient *client, GAsyncResult *result, gint32 *layer, GError **error)
{
  GTask *task = G_TASK (result);
  const Run *run = g_task_get_task_data (task);

  if (layer != NULL)
    *layer = run->layer;
  return g_task_propagate_pointer (task, error);
}
