// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/host.h"

enum
{
  SIGNAL_PROGRESS,
  SIGNAL_PREVIEW,
  SIGNAL_NOTE,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_INTERFACE (PdHost, pd_host, G_TYPE_OBJECT)

static void
pd_host_default_init (PdHostInterface *iface)
{
  signals[SIGNAL_PROGRESS] =
      g_signal_new ("progress", PD_TYPE_HOST, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                    g_cclosure_marshal_VOID__POINTER, G_TYPE_NONE, 1, G_TYPE_POINTER);
  signals[SIGNAL_PREVIEW] =
      g_signal_new ("preview", PD_TYPE_HOST, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                    g_cclosure_marshal_VOID__OBJECT, G_TYPE_NONE, 1, GDK_TYPE_PIXBUF);
  signals[SIGNAL_NOTE] =
      g_signal_new ("note", PD_TYPE_HOST, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                    g_cclosure_marshal_VOID__STRING, G_TYPE_NONE, 1, G_TYPE_STRING);
}

gboolean
pd_host_get_region (PdHost *self, PdRequest *request, guint *width, guint *height, GError **error)
{
  return PD_HOST_GET_IFACE (self)->get_region (self, request, width, height, error);
}

GdkPixbuf *
pd_host_get_original (PdHost *self, PdRequest *request, guint max_side, GError **error)
{
  return PD_HOST_GET_IFACE (self)->get_original (self, request, max_side, error);
}

void
pd_host_style_free (PdHostStyle *self)
{
  if (self == NULL)
    return;
  g_free (self->style);
  g_free (self->title);
  g_free (self);
}

GPtrArray *
pd_host_list_styles (PdHost *self)
{
  return PD_HOST_GET_IFACE (self)->list_styles (self);
}

GdkPixbuf *
pd_host_get_style (PdHost *self, const char *style, guint max_side, GError **error)
{
  return PD_HOST_GET_IFACE (self)->get_style (self, style, max_side, error);
}

void
pd_host_start_engine_async (PdHost *self,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  PD_HOST_GET_IFACE (self)->start_engine_async (self, cancellable, callback, user_data);
}

GVariant *
pd_host_start_engine_finish (PdHost *self, GAsyncResult *result, GError **error)
{
  return PD_HOST_GET_IFACE (self)->start_engine_finish (self, result, error);
}

void
pd_host_estimate_async (PdHost *self,
                        PdRequest *request,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  PD_HOST_GET_IFACE (self)->estimate_async (self, request, cancellable, callback, user_data);
}

GVariant *
pd_host_estimate_finish (PdHost *self, GAsyncResult *result, GError **error)
{
  return PD_HOST_GET_IFACE (self)->estimate_finish (self, result, error);
}

void
pd_host_run_async (PdHost *self,
                   PdRequest *request,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data)
{
  PD_HOST_GET_IFACE (self)->run_async (self, request, cancellable, callback, user_data);
}

GVariant *
pd_host_run_finish (PdHost *self, GAsyncResult *result, GError **error)
{
  return PD_HOST_GET_IFACE (self)->run_finish (self, result, error);
}

void
pd_host_progress (PdHost *self, const PdProgress *progress)
{
  g_signal_emit (self, signals[SIGNAL_PROGRESS], 0, progress);
}

void
pd_host_preview (PdHost *self, GdkPixbuf *preview)
{
  g_signal_emit (self, signals[SIGNAL_PREVIEW], 0, preview);
}

void
pd_host_note (PdHost *self, const char *note)
{
  g_signal_emit (self, signals[SIGNAL_NOTE], 0, note);
}
