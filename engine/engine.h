// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

#include "engine/request.h"

/* One device with one model on it: the engine's whole public surface beside PdRequest.
 *
 *   g_autoptr (PdEngine) engine = pd_engine_new (request, data_folder, &error);
 *   float *pixels = pd_engine_run (engine, request, NULL, progress, data, cancellable, &report,
 *                                  &error);
 *
 * Not thread-safe; one run at a time. */
typedef struct _PdEngine PdEngine;

/* Opens request->device with request->memory, kernels and precision, and loads request->model.
 * @data_folder: where the embedded models are, may be NULL. Errors: PD_ERROR_NO_DEVICE,
 * PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY. */
PdEngine *pd_engine_new (PdRequest *request, const char *data_folder, GError **error);
void pd_engine_free (PdEngine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdEngine, pd_engine_free)

typedef struct
{
  const char *stage;   /* "text", "encode", "denoise", "decode" */
  guint step, n_steps; /* of the stage; 0 of 0 where it has no steps */
  double fraction;     /* of the whole run, 0 … 1 */
  double eta_seconds;  /* until the end of the run; negative: not known yet */
} PdProgress;

typedef void (*PdProgressFunc) (const PdProgress *progress, gpointer user_data);

typedef struct
{
  gint64 seed;                   /* the one used */
  guint width, height;           /* of the picture */
  guint full_width, full_height; /* worked at, before cropping */
  double load_seconds;           /* device and weights */
  double text_seconds, encode_seconds, denoise_seconds, decode_seconds;
  double first_step_seconds; /* from pd_engine_new to the end of the first denoising step */
  guint unet_forwards, n_tiles;
  guint tile, batch; /* side of the tiles in pixels, tiles per UNet call, as the memory allowed */
  guint n_pipelines;
  double pipeline_seconds; /* summed over threads */
  guint64 peak_device_bytes, peak_host_bytes;
  guint64 weight_bytes, bank_bytes;
  guint64 arena_bytes, tensor_bytes; /* the UNet's activations: placed, and without reuse */
  const char *device, *kernels, *precision, *solver; /* the engine's */
} PdReport;

/* Makes one picture. @input (restyle only): request->width × request->height × 3 R'G'B' floats in
 * [0, 1], row by row. Sizes that are no multiple of the autoencoder's scale are worked at the next
 * multiple (the input's last row and column repeated) and cropped.
 *
 * Returns: the picture, in the input's form, clamped to [0, 1]; g_free. NULL with
 * PD_ERROR_BAD_REQUEST, PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST, G_IO_ERROR_CANCELLED. */
float *pd_engine_run (PdEngine *self,
                      PdRequest *request,
                      const float *input,
                      PdProgressFunc progress,
                      gpointer user_data,
                      GCancellable *cancellable,
                      PdReport *report,
                      GError **error);
