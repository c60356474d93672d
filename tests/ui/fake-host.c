// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/ui/fake-host.h"

static void fake_host_iface_init (PdHostInterface *iface);

G_DEFINE_TYPE_WITH_CODE (FakeHost,
                         fake_host,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (PD_TYPE_HOST, fake_host_iface_init))

/* A run under way: the task's data. */
typedef struct
{
  guint step;
} Run;

static gboolean
get_region (PdHost *host, PdRequest *request, guint *width, guint *height, GError **error)
{
  FakeHost *self = FAKE_HOST (host);

  if (!self->width)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The layer is gone");
      return FALSE;
    }
  *width = self->width;
  *height = self->height;
  return TRUE;
}

/* A slope from dark to light, in `red`. */
static GdkPixbuf *
picture (guint width, guint height, guint max_side, gboolean red)
{
  const guint longest = MAX (width, height);
  const double scale = MIN (1.0, (double) max_side / longest);
  GdkPixbuf *pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, MAX (1, (int) (width * scale)),
                                      MAX (1, (int) (height * scale)));
  const int stride = gdk_pixbuf_get_rowstride (pixbuf);
  guchar *pixels = gdk_pixbuf_get_pixels (pixbuf);

  for (int y = 0; y < gdk_pixbuf_get_height (pixbuf); y++)
    for (int x = 0; x < gdk_pixbuf_get_width (pixbuf); x++)
      {
        guchar *pixel = pixels + y * stride + 3 * x;
        const guchar value = (guchar) (255 * (x + 1) / gdk_pixbuf_get_width (pixbuf));

        pixel[0] = red ? 255 : value;
        pixel[1] = value;
        pixel[2] = red ? value / 2 : (guchar) (255 * (y + 1) / gdk_pixbuf_get_height (pixbuf));
      }
  return pixbuf;
}

static GdkPixbuf *
get_original (PdHost *host, PdRequest *request, guint max_side, GError **error)
{
  FakeHost *self = FAKE_HOST (host);

  return picture (self->width, self->height, max_side, FALSE);
}

static void
add_style (GPtrArray *list, const char *style, const char *title)
{
  PdHostStyle *made = g_new0 (PdHostStyle, 1);

  made->style = g_strdup (style);
  made->title = g_strdup (title);
  g_ptr_array_add (list, made);
}

static GPtrArray *
list_styles (PdHost *host)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_host_style_free);

  if (!FAKE_HOST (host)->style_gone)
    add_style (list, "layer:7", "Layer: Waves");
  add_style (list, "image:2", "Image: sunflowers.jpg");
  return list;
}

static GdkPixbuf *
get_style (PdHost *host, const char *style, guint max_side, GError **error)
{
  FakeHost *self = FAKE_HOST (host);

  self->n_styles++;
  if ((g_str_equal (style, "layer:7") && self->style_gone) ||
      (g_path_is_absolute (style) && !g_file_test (style, G_FILE_TEST_EXISTS)))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s is not there", style);
      return NULL;
    }
  return picture (400, 300, max_side, TRUE);
}

static GVariant *
finish (PdHost *host, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
answer (GTask *task, const GError *error, GVariant *message)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (message);

  if (g_task_return_error_if_cancelled (task))
    return;
  if (error)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_pointer (task, g_steal_pointer (&owned), (GDestroyNotify) g_variant_unref);
}

static gboolean
answer_start (gpointer user_data)
{
  GTask *task = user_data;
  FakeHost *self = g_task_get_source_object (task);

  g_autofree char *text = g_strdup_printf (
      "{'version': <'1'>, 'devices': <%s>, 'models': <%s>}",
      self->n_models ? self->devices : "@av []",
      self->n_models ? "[<{'name': <'default'>}>, <{'name': <'large'>}>]" : "@av []");

  answer (task, self->start_error, g_variant_parse (NULL, text, NULL, NULL, NULL));
  return G_SOURCE_REMOVE;
}

static void
start_engine_async (PdHost *host,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  GTask *task = g_task_new (host, cancellable, callback, user_data);

  FAKE_HOST (host)->n_starts++;
  g_timeout_add_full (G_PRIORITY_DEFAULT, 20, answer_start, task, g_object_unref);
}

static gboolean
answer_estimate (gpointer user_data)
{
  static const PdEstimate estimate = { .n_tiles = 12,
                                       .seconds = 40,
                                       .peak_device_bytes = 1200000000 };
  GTask *task = user_data;
  FakeHost *self = g_task_get_source_object (task);

  answer (task, self->estimate_error, pd_fields_to_variant (pd_estimate_fields, &estimate));
  return G_SOURCE_REMOVE;
}

static void
estimate_async (PdHost *host,
                PdRequest *request,
                GCancellable *cancellable,
                GAsyncReadyCallback callback,
                gpointer user_data)
{
  FakeHost *self = FAKE_HOST (host);
  GTask *task = g_task_new (host, cancellable, callback, user_data);

  self->n_estimates++;
  g_clear_object (&self->last_estimate);
  self->last_estimate = pd_request_copy (request);
  g_timeout_add_full (G_PRIORITY_DEFAULT, 20, answer_estimate, task, g_object_unref);
}

static gboolean
run_step (gpointer user_data)
{
  GTask *task = user_data;
  FakeHost *self = g_task_get_source_object (task);
  const PdReport report = { .seed = 4711,
                            .total_seconds = 2,
                            .workers = self->workers,
                            .worker_tiles = self->workers > 1 ? "38 37" : NULL,
                            .idle_share = 0.027 };
  Run *run = g_task_get_task_data (task);
  PdProgress progress;
  g_autoptr (GdkPixbuf) preview = NULL;

  if (g_task_return_error_if_cancelled (task))
    return G_SOURCE_REMOVE;
  run->step++;
  if (self->run_error && run->step > 1)
    {
      g_task_return_error (task, g_error_copy (self->run_error));
      return G_SOURCE_REMOVE;
    }
  if (run->step > self->steps && self->steps)
    {
      answer (task, NULL, pd_fields_to_variant (pd_report_fields, &report));
      return G_SOURCE_REMOVE;
    }
  progress = (PdProgress){ .phase = PD_PHASE_DENOISE,
                           .level = 1,
                           .n_levels = 1,
                           .step = run->step,
                           .n_steps = MAX (self->steps, run->step),
                           .fraction = (double) run->step / MAX (self->steps, run->step),
                           .eta_seconds = 12 };
  preview = picture (self->width, self->height, 512, TRUE);
  pd_host_progress (PD_HOST (self), &progress);
  pd_host_preview (PD_HOST (self), preview);
  if (self->note)
    pd_host_note (PD_HOST (self), self->note);
  return G_SOURCE_CONTINUE;
}

static void
run_async (PdHost *host,
           PdRequest *request,
           GCancellable *cancellable,
           GAsyncReadyCallback callback,
           gpointer user_data)
{
  FakeHost *self = FAKE_HOST (host);
  GTask *task = g_task_new (host, cancellable, callback, user_data);

  self->n_runs++;
  g_clear_object (&self->last_run);
  self->last_run = pd_request_copy (request);
  g_task_set_task_data (task, g_new0 (Run, 1), g_free);
  g_timeout_add_full (G_PRIORITY_DEFAULT, 20, run_step, task, g_object_unref);
}

static void
fake_host_iface_init (PdHostInterface *iface)
{
  iface->get_region = get_region;
  iface->get_original = get_original;
  iface->list_styles = list_styles;
  iface->get_style = get_style;
  iface->start_engine_async = start_engine_async;
  iface->start_engine_finish = finish;
  iface->estimate_async = estimate_async;
  iface->estimate_finish = finish;
  iface->run_async = run_async;
  iface->run_finish = finish;
}

static void
fake_host_finalize (GObject *object)
{
  FakeHost *self = FAKE_HOST (object);

  g_clear_error (&self->start_error);
  g_clear_error (&self->estimate_error);
  g_clear_error (&self->run_error);
  g_clear_object (&self->last_estimate);
  g_clear_object (&self->last_run);
  G_OBJECT_CLASS (fake_host_parent_class)->finalize (object);
}

static void
fake_host_class_init (FakeHostClass *class)
{
  G_OBJECT_CLASS (class)->finalize = fake_host_finalize;
}

static void
fake_host_init (FakeHost *self)
{
  self->width = 640;
  self->height = 480;
  self->n_models = 2;
  self->devices = "[<{'name': <'Fast GPU'>, 'uuid': <'f0'>}>, "
                  "<{'name': <'Old GPU'>, 'uuid': <'f1'>, 'reason': <'too old'>}>]";
  self->steps = 3;
}

FakeHost *
fake_host_new (void)
{
  return g_object_new (FAKE_TYPE_HOST, NULL);
}
