// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"
#include "engine/wire/messages.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <gio/gio.h>

/* Where the dialog runs and what it asks of that place: the image (plug-in/ in GIMP) and the
 * engine. The dialog knows neither libgimp nor JSON-RPC.
 *
 * All functions are called on the main thread and must not block it for longer than a frame or two;
 * only what begins with get and list answers at once, get_style after reading a file. The dialog
 * never has more than one estimate and one run under way. Every GError's message is shown to a
 * person: what was wrong and what would be right.
 *
 * Signals, only while a run is under way:
 *   "progress" (const PdProgress *)
 *   "preview" (GdkPixbuf *)   a small picture of the whole region as it is now, and no more of the
 *     image than that; the last one is of the result
 *   "note" (const char *)   something worth knowing that is no failure, one line */
#define PD_TYPE_HOST (pd_host_get_type ())
G_DECLARE_INTERFACE (PdHost, pd_host, PD, HOST, GObject)

/* A picture whose style can be taken. */
typedef struct
{
  char *style; /* the value of the request's "style" */
  char *title; /* as a person knows it */
} PdHostStyle;

void pd_host_style_free (PdHostStyle *self);

struct _PdHostInterface
{
  GTypeInterface parent;

  gboolean (*get_region) (
      PdHost *self, PdRequest *request, guint *width, guint *height, GError **error);
  GdkPixbuf *(*get_original) (PdHost *self, PdRequest *request, guint max_side, GError **error);
  GPtrArray *(*list_styles) (PdHost *self);
  GdkPixbuf *(*get_style) (PdHost *self, const char *style, guint max_side, GError **error);

  void (*start_engine_async) (PdHost *self,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
  GVariant *(*start_engine_finish) (PdHost *self, GAsyncResult *result, GError **error);

  void (*estimate_async) (PdHost *self,
                          PdRequest *request,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data);
  GVariant *(*estimate_finish) (PdHost *self, GAsyncResult *result, GError **error);

  void (*run_async) (PdHost *self,
                     PdRequest *request,
                     GCancellable *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer user_data);
  GVariant *(*run_finish) (PdHost *self, GAsyncResult *result, GError **error);
};

/* The size in pixels of what @request would work on now: the selection or the layer, for upscale
 * the whole image. It may differ between calls, as the image may be edited meanwhile.
 * Errors: it cannot be worked on (indexed colours, the layer was deleted …). */
gboolean
pd_host_get_region (PdHost *self, PdRequest *request, guint *width, guint *height, GError **error);

/* @max_side: longest side of the answer in pixels; the aspect is the region's, nothing is enlarged.
 * Returns: (transfer full) the region's pixels as they are, sRGB, or NULL */
GdkPixbuf *pd_host_get_original (PdHost *self, PdRequest *request, guint max_side, GError **error);

/* Returns: (transfer full) of PdHostStyle: what is open and can be a style now. */
GPtrArray *pd_host_list_styles (PdHost *self);

/* @style: one of that list, or the path of a file
 * @max_side: longest side of the answer in pixels; nothing is enlarged
 * Returns: (transfer full) what the picture shows, sRGB, or NULL. Errors: it is not open any more,
 * or cannot be opened. */
GdkPixbuf *pd_host_get_style (PdHost *self, const char *style, guint max_side, GError **error);

/* Starts the engine, or a new one when the last died.
 * finish returns: (transfer full) the answer to "initialize", for pd_offered_models() and
 * pd_offered_devices() */
void pd_host_start_engine_async (PdHost *self,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
GVariant *pd_host_start_engine_finish (PdHost *self, GAsyncResult *result, GError **error);

/* The request is not changed; implementations that keep it must copy it.
 * finish returns: (transfer full) an a{sv} of pd_estimate_fields */
void pd_host_estimate_async (PdHost *self,
                             PdRequest *request,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
GVariant *pd_host_estimate_finish (PdHost *self, GAsyncResult *result, GError **error);

/* Takes a snapshot of region and request at once, runs the engine and adds the result to the image
 * as one undo step. Starts a new engine when the last died. Cancelling ends in G_IO_ERROR_CANCELLED
 * within a second, whether or not the engine answers, with the image unchanged.
 * finish returns: (transfer full) an a{sv} of pd_report_fields */
void pd_host_run_async (PdHost *self,
                        PdRequest *request,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data);
GVariant *pd_host_run_finish (PdHost *self, GAsyncResult *result, GError **error);

/* For implementations: emit the signals. */
void pd_host_progress (PdHost *self, const PdProgress *progress);
void pd_host_preview (PdHost *self, GdkPixbuf *preview);
void pd_host_note (PdHost *self, const char *note);
