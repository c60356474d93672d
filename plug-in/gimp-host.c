// SPDX-License-Identifier: GPL-3.0-or-later
#include "plug-in/gimp-host.h"
#include "plug-in/arguments.h"
#include "plug-in/pixels.h"
#include "plug-in/job.h"
#include "plug-in/style-picture.h"
#include "engine/request/mode.h"

#include <libgimp/gimp.h>

struct _PdGimpHost
{
  GObject parent_instance;

  PdEngineClient *client;
  GVariant *engine; /* what it said when it was started; NULL: not yet */
  gint32 image;
  gint32 drawable; /* the dialog was opened for it … */
  gint32 active;   /* … while this one was active in the image */
  gint32 layer;    /* the newest of ours, -1: none */
  PdPlace place;   /* of the run under way */
};

static void pd_gimp_host_host_init (PdHostInterface *iface);

G_DEFINE_TYPE_WITH_CODE (PdGimpHost,
                         pd_gimp_host,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (PD_TYPE_HOST, pd_gimp_host_host_init))

/* Returns: the layer to work on. Once another layer becomes active in the image, it is that one. */
static gint32
get_drawable (PdGimpHost *self)
{
  const gint32 active =
      gimp_image_is_valid (self->image) ? gimp_image_get_active_drawable (self->image) : -1;

  if (active != self->active)
    self->drawable = self->active = active;
  return self->drawable;
}

static gboolean
find_place (PdGimpHost *self, PdRequest *request, PdPlace *place, GError **error)
{
  return pd_place_find (place, self->image, get_drawable (self), request,
                        pd_job_native (request, self->engine), error);
}

static gboolean
get_region (PdHost *host, PdRequest *request, guint *width, guint *height, GError **error)
{
  PdPlace place;

  if (!find_place (PD_GIMP_HOST (host), request, &place, error))
    return FALSE;
  *width = (guint) place.target.width;
  *height = (guint) place.target.height;
  return TRUE;
}

static void
free_pixels (guchar *pixels, gpointer user_data)
{
  g_free (pixels);
}

/* @small: "R'G'B'A u8"
 * Returns: (transfer full) the same for GTK. */
static GdkPixbuf *
pixbuf_of (GeglBuffer *small)
{
  const GeglRectangle *extent = gegl_buffer_get_extent (small);
  guchar *pixels = g_malloc ((gsize) 4 * extent->width * extent->height);

  gegl_buffer_get (small, NULL, 1.0, babl_format ("R'G'B'A u8"), pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return gdk_pixbuf_new_from_data (pixels, GDK_COLORSPACE_RGB, TRUE, 8, extent->width,
                                   extent->height, 4 * extent->width, free_pixels, NULL);
}

static GdkPixbuf *
get_original (PdHost *host, PdRequest *request, guint max_side, GError **error)
{
  g_autoptr (GeglBuffer) small = NULL;
  PdPlace place;

  if (!find_place (PD_GIMP_HOST (host), request, &place, error))
    return NULL;
  small = pd_pixels_small (&place, request->source, max_side, error);
  return small != NULL ? pixbuf_of (small) : NULL;
}

static GPtrArray *
list_styles (PdHost *host)
{
  return pd_style_picture_list (PD_GIMP_HOST (host)->image);
}

static GdkPixbuf *
get_style (PdHost *host, const char *style, guint max_side, GError **error)
{
  g_autoptr (GeglBuffer) small = pd_style_picture_small (style, max_side, error);

  return small != NULL ? pixbuf_of (small) : NULL;
}

/* @error: (transfer full) of the engine. Returns: (transfer full) it, as the dialog says it. */
static GError *
name_options (GError *error)
{
  g_autoptr (GError) owned = error;
  g_autofree char *named = pd_arguments_name_options (error->message, TRUE);

  return g_error_new_literal (error->domain, error->code, named);
}

static void
on_note (PdGimpHost *self, const char *text)
{
  g_autofree char *named = pd_arguments_name_options (text, TRUE);

  pd_host_note (PD_HOST (self), named);
}

/* Passes the client's answer on to the task that the dialog waits for. */
static void
on_call (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GVariant *answer = pd_engine_client_call_finish (PD_ENGINE_CLIENT (source), result, &error);

  if (answer != NULL)
    g_task_return_pointer (task, answer, (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, name_options (error));
}

static GVariant *
finish (PdHost *host, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
start_engine_async (PdHost *host,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  GTask *task = g_task_new (host, cancellable, callback, user_data);

  pd_engine_client_call_async (PD_GIMP_HOST (host)->client, "initialize", NULL, cancellable,
                               on_call, task);
}

static GVariant *
start_engine_finish (PdHost *host, GAsyncResult *result, GError **error)
{
  PdGimpHost *self = PD_GIMP_HOST (host);
  GVariant *engine = finish (host, result, error);

  if (engine != NULL)
    {
      g_clear_pointer (&self->engine, g_variant_unref);
      self->engine = g_variant_ref (engine);
    }
  return engine;
}

/* Adds the mask of what is selected to the parameters of an estimate, where the mode has one. One
 * that is white is left out: it is large, and the window does not answer while it is written. */
static gboolean
add_mask (PdGimpHost *self,
          const PdRequest *request,
          const PdPlace *place,
          GVariantDict *dict,
          GError **error)
{
  g_autoptr (GeglBuffer) selection = NULL;
  g_autofree char *path = NULL;
  const char *folder;

  if ((pd_modes[request->mode].needs & PD_TAKES_MASK) == 0 || pd_pixels_mask_is_white (place))
    return TRUE;
  folder = pd_engine_client_get_folder (self->client, error);
  if (folder == NULL)
    return FALSE;
  selection = pd_pixels_copy_selection (place);
  path = g_build_filename (folder, "estimate.gegl", NULL);
  g_variant_dict_insert (dict, "mask", "s", path);
  return pd_pixels_save_mask (place, selection, path, error);
}

static void
estimate_async (PdHost *host,
                PdRequest *request,
                GCancellable *cancellable,
                GAsyncReadyCallback callback,
                gpointer user_data)
{
  PdGimpHost *self = PD_GIMP_HOST (host);
  GTask *task = g_task_new (host, cancellable, callback, user_data);
  g_autoptr (PdRequest) sent = pd_request_copy (request);
  GError *error = NULL;
  GVariantDict dict;
  PdPlace place;

  if (!find_place (self, request, &place, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  pd_job_allow_files (self->client, request);
  /* As in a run. */
  g_object_set (sent, "width", place.width, "height", place.height, "padding",
                (gint64) MAX (place.width, place.height), NULL);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "request", pd_job_describe (sent));
  g_variant_dict_insert (&dict, "width", "x", (gint64) place.width);
  g_variant_dict_insert (&dict, "height", "x", (gint64) place.height);
  if (!add_mask (self, request, &place, &dict, &error))
    {
      g_variant_dict_clear (&dict);
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  pd_engine_client_call_async (self->client, "estimate", g_variant_dict_end (&dict), cancellable,
                               on_call, task);
}

static void
show_result (PdGimpHost *self)
{
  const int side = 512; /* the most that GIMP gives */
  g_autoptr (GdkPixbuf) small =
      gimp_drawable_get_thumbnail (self->layer, side, side, GIMP_PIXBUF_KEEP_ALPHA);

  if (small != NULL)
    pd_host_preview (PD_HOST (self), small);
}

static void
on_job (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  PdGimpHost *self = g_task_get_source_object (task);
  GError *error = NULL;
  gint32 layer;
  GVariant *report = pd_job_run_finish (PD_ENGINE_CLIENT (source), result, &layer, &error);

  if (report == NULL)
    {
      g_task_return_error (task, name_options (error));
      return;
    }
  self->layer = layer;
  show_result (self);
  if (gimp_item_get_image (layer) != self->image)
    gimp_display_new (gimp_item_get_image (layer));
  gimp_displays_flush ();
  g_task_return_pointer (task, report, (GDestroyNotify) g_variant_unref);
}

static void
run_async (PdHost *host,
           PdRequest *request,
           GCancellable *cancellable,
           GAsyncReadyCallback callback,
           gpointer user_data)
{
  PdGimpHost *self = PD_GIMP_HOST (host);
  const PdJob job = { .image = self->image,
                      .drawable = get_drawable (self),
                      .request = request,
                      .engine = self->engine,
                      .place = &self->place };

  pd_job_run_async (self->client, &job, cancellable, on_job,
                    g_task_new (host, cancellable, callback, user_data));
}

/* Of a picture of the context, the part that shows the target. */
static GdkPixbuf *
cut_target (const PdPlace *place, GdkPixbuf *picture)
{
  const GeglRectangle *context = &place->context;
  const GeglRectangle *target = &place->target;
  const int width = gdk_pixbuf_get_width (picture);
  const int height = gdk_pixbuf_get_height (picture);
  const int x = (target->x - context->x) * width / MAX (context->width, 1);
  const int y = (target->y - context->y) * height / MAX (context->height, 1);
  const int w = MAX (target->width * width / MAX (context->width, 1), 1);
  const int h = MAX (target->height * height / MAX (context->height, 1), 1);

  if (x < 0 || y < 0 || x + w > width || y + h > height)
    return g_object_ref (picture);
  return gdk_pixbuf_new_subpixbuf (picture, x, y, w, h);
}

static void
on_preview (PdGimpHost *self, const char *path)
{
  /* A picture that is being replaced or gone is followed by another one. */
  g_autoptr (GdkPixbuf) preview = gdk_pixbuf_new_from_file (path, NULL);

  if (preview != NULL)
    {
      g_autoptr (GdkPixbuf) part = cut_target (&self->place, preview);

      pd_host_preview (PD_HOST (self), part);
    }
}

static void
pd_gimp_host_dispose (GObject *object)
{
  PdGimpHost *self = PD_GIMP_HOST (object);

  if (self->client != NULL)
    g_signal_handlers_disconnect_by_data (self->client, self);
  g_clear_object (&self->client);
  g_clear_pointer (&self->engine, g_variant_unref);
  G_OBJECT_CLASS (pd_gimp_host_parent_class)->dispose (object);
}

static void
pd_gimp_host_class_init (PdGimpHostClass *class)
{
  G_OBJECT_CLASS (class)->dispose = pd_gimp_host_dispose;
}

static void
pd_gimp_host_init (PdGimpHost *self)
{
  self->layer = -1;
}

static void
pd_gimp_host_host_init (PdHostInterface *iface)
{
  iface->get_region = get_region;
  iface->get_original = get_original;
  iface->list_styles = list_styles;
  iface->get_style = get_style;
  iface->start_engine_async = start_engine_async;
  iface->start_engine_finish = start_engine_finish;
  iface->estimate_async = estimate_async;
  iface->estimate_finish = finish;
  iface->run_async = run_async;
  iface->run_finish = finish;
}

PdGimpHost *
pd_gimp_host_new (PdEngineClient *client, gint32 image, gint32 drawable)
{
  PdGimpHost *self = g_object_new (PD_TYPE_GIMP_HOST, NULL);

  self->client = g_object_ref (client);
  self->image = image;
  self->drawable = drawable;
  self->active = gimp_image_get_active_drawable (image);
  g_signal_connect_swapped (client, "progress", G_CALLBACK (pd_host_progress), self);
  g_signal_connect_swapped (client, "preview", G_CALLBACK (on_preview), self);
  g_signal_connect_swapped (client, "note", G_CALLBACK (on_note), self);
  return self;
}

gint32
pd_gimp_host_get_layer (PdGimpHost *self)
{
  return self->layer;
}
