// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/service/worker.h"
#include "engine/pictures/buffer-file.h"
#include "engine/engine.h"
#include "engine/base/error.h"
#include "engine/service/describe.h"
#include "engine/service/rephrase.h"
#include "engine/gpu/self-test.h"
#include "engine/pictures/storage.h"
#include "engine/request/mode.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <unistd.h>

struct _PdRpcWork
{
  const char *data_folder;
  PdWorkerNotifyFunc notify;
  PdWorkerDoneFunc done;
  gpointer user_data;

  /* The worker thread's. */
  PdEngine *engine;
  char *engine_key;        /* what it was opened for */
  PdCall *call;            /* the one under way */
  gboolean preview_failed; /* of that call, and was told */

  /* Between the threads: only the newest progress and preview are told. */
  GMutex lock;
  PdProgress progress;
  gboolean progress_waits;
  guint preview_width, preview_height;
  gboolean preview_waits;
};

PdWorker *
pd_worker_new (const char *data_folder,
               PdWorkerNotifyFunc notify,
               PdWorkerDoneFunc done,
               gpointer user_data)
{
  PdWorker *self = g_new0 (PdWorker, 1);

  self->data_folder = data_folder;
  self->notify = notify;
  self->done = done;
  self->user_data = user_data;
  g_mutex_init (&self->lock);
  return self;
}

void
pd_worker_free (PdWorker *self)
{
  if (self == NULL)
    return;
  pd_engine_free (self->engine);
  g_free (self->engine_key);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gboolean
tell_progress (gpointer user_data)
{
  PdWorker *self = user_data;
  PdProgress progress;

  g_mutex_lock (&self->lock);
  progress = self->progress;
  self->progress_waits = FALSE;
  g_mutex_unlock (&self->lock);
  self->notify ("progress", pd_fields_to_variant (pd_progress_fields, &progress), self->user_data);
  return G_SOURCE_REMOVE;
}

static void
on_progress (const PdProgress *progress, gpointer user_data)
{
  PdWorker *self = user_data;

  g_mutex_lock (&self->lock);
  self->progress = *progress;
  if (!self->progress_waits)
    g_idle_add_full (G_PRIORITY_DEFAULT, tell_progress, self, NULL);
  self->progress_waits = TRUE;
  g_mutex_unlock (&self->lock);
}

/* A note on its way from the worker's thread to the main one. */
typedef struct
{
  PdWorker *work;
  char *text;
} Note;

static gboolean
tell_note (gpointer user_data)
{
  Note *note = user_data;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "message", "s", note->text);
  note->work->notify ("note", g_variant_dict_end (&dict), note->work->user_data);
  g_free (note->text);
  g_free (note);
  return G_SOURCE_REMOVE;
}

static void
on_note (const char *text, gpointer user_data)
{
  Note *note = g_new0 (Note, 1);

  note->work = user_data;
  note->text = pd_rephrase (text);
  g_idle_add_full (G_PRIORITY_DEFAULT, tell_note, note, NULL);
}

static gboolean
tell_preview (gpointer user_data)
{
  PdWorker *self = user_data;
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_mutex_lock (&self->lock);
  g_variant_dict_insert (&dict, "path", "s", self->call->preview);
  g_variant_dict_insert (&dict, "width", "x", (gint64) self->preview_width);
  g_variant_dict_insert (&dict, "height", "x", (gint64) self->preview_height);
  self->preview_waits = FALSE;
  g_mutex_unlock (&self->lock);
  self->notify ("preview", g_variant_dict_end (&dict), self->user_data);
  return G_SOURCE_REMOVE;
}

/* A preview that cannot be written is no reason to stop, and is told once. */
static void
on_preview (guint width, guint height, const guint8 *rgb, gpointer user_data)
{
  PdWorker *self = user_data;
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_data (
      rgb, GDK_COLORSPACE_RGB, FALSE, 8, (int) width, (int) height, (int) width * 3, NULL, NULL);
  g_autofree char *temporary = g_strconcat (self->call->preview, ".part", NULL);
  g_autoptr (GError) error = NULL;

  if (!gdk_pixbuf_save (pixbuf, temporary, "png", &error, "compression", "1", NULL) ||
      g_rename (temporary, self->call->preview) != 0)
    {
      g_autofree char *text =
          g_strdup_printf (_ ("%s: no preview can be written: %s"), self->call->preview,
                           error != NULL ? error->message : g_strerror (errno));

      if (!self->preview_failed)
        on_note (text, self);
      self->preview_failed = TRUE;
      g_unlink (temporary);
      return;
    }
  g_mutex_lock (&self->lock);
  self->preview_width = width;
  self->preview_height = height;
  if (!self->preview_waits)
    g_idle_add_full (G_PRIORITY_DEFAULT, tell_preview, self, NULL);
  self->preview_waits = TRUE;
  g_mutex_unlock (&self->lock);
}

static void
close_engine (PdWorker *self)
{
  g_clear_pointer (&self->engine, pd_engine_free);
  g_clear_pointer (&self->engine_key, g_free);
}

/* The engine for a request, the one at hand if it suits and its model's files are as they were. */
static gboolean
open_engine (PdWorker *self, PdCall *call, GError **error)
{
  static const PdProgress loading = { .level = 1, .n_levels = 1, .eta_seconds = -1 };
  PdRequest *request = call->request;
  g_autofree char *key =
      g_strdup_printf ("%s\n%" G_GUINT64_FORMAT "\n%d\n%d\n%s\n%s\n%s", request->device,
                       request->memory, (int) request->kernels, (int) request->precision,
                       request->model, request->vae, request->text_encoder);

  if (self->engine != NULL && g_str_equal (key, self->engine_key) &&
      pd_engine_is_current (self->engine))
    return TRUE;
  close_engine (self);
  on_progress (&loading, self);
  g_cancellable_push_current (call->cancellable);
  self->engine = pd_engine_new (request, self->data_folder, call->cancellable, error);
  g_cancellable_pop_current (call->cancellable);
  if (self->engine == NULL)
    return FALSE;
  self->engine_key = g_steal_pointer (&key);
  return TRUE;
}

static gboolean
load_given (const PdCall *call, PdImages *images, GError **error)
{
  for (PdGiven given = 0; given < PD_N_GIVEN; given++)
    if (call->given[given] != NULL &&
        (images->given[given] = pd_buffer_file_load (call->given[given], error)) == NULL)
      return FALSE;
  return pd_images_check (images, call->request, error);
}

static gboolean
run_engine (PdWorker *self, PdCall *call, const PdImages *images, GError **error)
{
  const gint64 start = g_get_monotonic_time ();
  const PdListener listener = { .progress = on_progress,
                                .preview = call->preview != NULL ? on_preview : NULL,
                                .note = on_note,
                                .user_data = self };
  PdReport report;

  if (!pd_engine_run (self->engine, call->request, images, &listener, call->cancellable, &report,
                      error) ||
      !pd_buffer_file_save (images->output, call->output, error) || !pd_storage_check (error))
    return FALSE;
  pd_engine_done (self->engine);
  report.total_seconds = (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  call->result = g_variant_ref_sink (pd_fields_to_variant (pd_report_fields, &report));
  return TRUE;
}

/* Found out before the long work. */
static gboolean
check_output (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);

  if (g_access (folder, W_OK | X_OK) == 0)
    return TRUE;
  g_set_error (error, PD_ERROR, PD_ERROR_BAD_REQUEST, _ ("%s: no file can be made there: %s"), path,
               g_strerror (errno));
  return FALSE;
}

static gboolean
make_picture (PdWorker *self, PdCall *call, GError **error)
{
  PdRequest *request = call->request;
  const int scale = (int) pd_mode_scale (request);
  const GeglRectangle extent = { 0, 0, (int) request->width * scale,
                                 (int) request->height * scale };
  g_auto (PdImages) images = { .apart = TRUE };
  gboolean with_alpha, good;

  pd_storage_watch ();
  self->preview_failed = FALSE;
  if (!check_output (call->output, error) || !load_given (call, &images, error) ||
      !open_engine (self, call, error) ||
      g_cancellable_set_error_if_cancelled (call->cancellable, error))
    return FALSE;
  with_alpha =
      images.input != NULL && babl_format_has_alpha (gegl_buffer_get_format (images.input));
  images.output =
      gegl_buffer_new (&extent, babl_format (with_alpha ? "R'G'B'A float" : "R'G'B' float"));
  good = pd_buffer_file_reserve (images.output, call->output, error) &&
         run_engine (self, call, &images, error);
  pd_buffer_file_give_back (call->output);
  return good;
}

static gboolean
estimate (PdWorker *self, PdCall *call, GError **error)
{
  g_auto (PdEstimate) estimate = { 0 };
  const char *path = call->given[PD_GIVEN_MASK];
  g_autoptr (GeglBuffer) mask = path != NULL ? pd_buffer_file_load (path, error) : NULL;

  if (path != NULL && mask == NULL)
    return FALSE;
  if (!open_engine (self, call, error) ||
      !pd_engine_estimate (self->engine, call->request, call->width, call->height, mask, &estimate,
                           error))
    return FALSE;
  call->result = g_variant_ref_sink (pd_fields_to_variant (pd_estimate_fields, &estimate));
  return TRUE;
}

static gboolean
test_device (PdCall *call, GError **error)
{
  g_autofree char *name = NULL;
  double seconds;
  GVariantDict dict;

  if (!pd_self_test (call->device, &name, &seconds, error))
    return FALSE;
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "ok", "b", TRUE);
  g_variant_dict_insert (&dict, "device", "s", name);
  g_variant_dict_insert (&dict, "seconds", "d", seconds);
  call->result = g_variant_ref_sink (g_variant_dict_end (&dict));
  return TRUE;
}

static void
work (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  PdWorker *self = data;
  PdCall *call = self->call;

  switch (call->kind)
    {
    case PD_CALL_INITIALIZE:
      call->result = g_variant_ref_sink (pd_describe_engine (self->data_folder));
      break;
    case PD_CALL_PICTURE:
      make_picture (self, call, &call->error);
      break;
    case PD_CALL_ESTIMATE:
      estimate (self, call, &call->error);
      break;
    case PD_CALL_TEST:
    default:
      test_device (call, &call->error);
    }
  /* The device does not come back by itself. */
  if (g_error_matches (call->error, PD_ERROR, PD_ERROR_DEVICE_LOST))
    close_engine (self);
  g_task_return_boolean (task, TRUE);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  PdWorker *self = user_data;

  self->done (g_steal_pointer (&self->call), self->user_data);
}

void
pd_worker_start (PdWorker *self, PdCall *call)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_done, self);

  self->call = call;
  g_task_set_task_data (task, self, NULL);
  g_task_run_in_thread (task, work);
}
