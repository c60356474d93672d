// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/request/request.h"
#include "plug-in/engine-client.h"
#include "plug-in/place.h"

/* One run: pixels of an image into files, the engine, its result as a new layer. The image is
 * changed at the very end or not at all. The client tells of progress by its signals, and what else
 * a person should know by notes. */

/* Finds in the engine's answer to "initialize" (NULL: not known) the side in pixels that the
 * request's model was trained at. */
guint pd_job_native (PdRequest *request, GVariant *engine);

/* Returns: the request's parameters as an a{sv}, floating. */
GVariant *pd_job_describe (PdRequest *request);

/* Lets the engine read the files that @request names beside the pictures: a model, its
 * parts and masks of regions. Before a call that sends the request. */
void pd_job_allow_files (PdEngineClient *client, PdRequest *request);

typedef struct
{
  gint32 image, drawable;
  PdRequest *request;
  GVariant *engine; /* the answer to "initialize"; NULL: it is not known yet */
  PdPlace *place;   /* NULL, or where to write where the run works, as soon as that is known */
} PdJob;

/* @job is copied, with its request. With the engine's answer in it, pixels and selection are those
 * of the moment of this call; else the engine is asked first. */
void pd_job_run_async (PdEngineClient *client,
                       const PdJob *job,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data);

/* @layer: the new one
 * Returns: (transfer full) the engine's report. Errors: those of pd_place_find (), pixels, layers
 * and PdEngineClient; G_IO_ERROR_CANCELLED. */
GVariant *
pd_job_run_finish (PdEngineClient *client, GAsyncResult *result, gint32 *layer, GError **error);
