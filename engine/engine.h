// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

#include "engine/run/run.h"

/* Devices with one model on them: the engine's whole public surface beside PdRequest.
 *
 *   g_autoptr (PdEngine) engine = pd_engine_new (request, data_folder, NULL, &error);
 *   PdImages images = { .output = buffer };
 *   gboolean ok = pd_engine_run (engine, request, &images, NULL, NULL, &report, &error);
 *
 * gegl_init() must have been called. Not thread-safe; one run at a time. */
typedef struct _PdEngine PdEngine;

/* Opens the devices of request->device (see pd_device_select) with request->memory for each,
 * kernels and precision, and loads request->model on all of them; on every process of a cluster.
 * @data_folder: where the embedded models are, may be NULL. Errors: PD_ERROR_NO_DEVICE,
 * PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY, G_IO_ERROR_CANCELLED. */
PdEngine *pd_engine_new (PdRequest *request,
                         const char *data_folder,
                         GCancellable *cancellable,
                         GError **error);
void pd_engine_free (PdEngine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdEngine, pd_engine_free)

/* Whether another engine for the same request would be no other: no file of the model was replaced
 * or changed, and no device was lost. */
gboolean pd_engine_is_current (const PdEngine *self);

/* Makes one picture. Sizes that are no multiple of the autoencoder's scale are worked at the next
 * multiple (the input's last row and column repeated) and cropped.
 *
 * @listener may be NULL. Returns: whether images->output holds the picture; what it holds after a
 * failure is not defined. Errors: PD_ERROR_BAD_REQUEST, PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY,
 * PD_ERROR_DEVICE_LOST, G_IO_ERROR_CANCELLED. */
gboolean pd_engine_run (PdEngine *self,
                        PdRequest *request,
                        const PdImages *images,
                        const PdListener *listener,
                        GCancellable *cancellable,
                        PdReport *report,
                        GError **error);

/* Estimates @request, for modes with an input of @input_width × @input_height pixels (else
 * ignored). @mask: "Y float" of that size, what of it is repainted; NULL: all of it. Device memory
 * is not touched, but for a short measurement of the device when none is on record. Errors: as
 * pd_engine_run where they can be known before, PD_ERROR_OUT_OF_MEMORY in particular. */
gboolean pd_engine_estimate (PdEngine *self,
                             PdRequest *request,
                             guint input_width,
                             guint input_height,
                             GeglBuffer *mask,
                             PdEstimate *estimate,
                             GError **error);

/* What the last run made is safe, or nobody wants it: the journal from which request->resume would
 * go on is deleted. Until then a run that failed or was cancelled can be continued, also by another
 * process, and one that is done can be repeated from its last step. */
void pd_engine_done (PdEngine *self);
