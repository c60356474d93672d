// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/device.h"
#include "engine/tiles/canvas.h"
#include "engine/tiles/coder.h"

/* What a canvas will take, before it is worked on, and what it is worked on with so that it takes
 * no more device memory than is allowed. Found by rehearsal (engine/gpu/device.h): the bytes are
 * those that the run then has at its peak, text encoder and previews left out. */

typedef struct
{
  guint tile, batch; /* latent pixels; tiles per UNet call */
  guint n_tiles;
  guint64 bytes;               /* on the device at the peak, model included */
  double work;                 /* of a step, as pd_account_work_rate counts it */
  guint tile_over, batch_over; /* the last choice that was too much; 0: what was asked for fits */
  guint64 bytes_over;
} PdPlan;

/* Makes batch and then tile of @options smaller until the canvas fits the limit of @device, as
 * pd_denoise would when an allocation fails; the batches of helpers those of their devices, and the
 * tile fits all of them. @pixels: of a latent pixel's side, for the error's
 * text. Errors: PD_ERROR_OUT_OF_MEMORY, those of pd_canvas_new. */
gboolean pd_plan_canvas (
    PdDevice *device, PdCanvasOptions *options, guint pixels, PdPlan *plan, GError **error);

/* @peak: bytes of the device that the run takes at most, coding included; not less than the plan's.
 * Returns: (transfer full) what was chosen and why, for people. */
char *pd_plan_describe (PdDevice *device, const PdPlan *plan, guint64 peak, guint pixels);

/* Returns: (transfer full) that kernels have to be made for what was rehearsed since the last call,
 * and how long that takes, for people; NULL where there are none or it takes no time to speak of.
 */
char *pd_plan_describe_kernels (PdDevice *device);

/* Makes the window of @options smaller until it fits, also the helpers' devices. @bytes and @work
 * as in pd_coder_plan. */
gboolean pd_plan_coder (PdDevice *device,
                        PdCoderOptions *options,
                        gboolean decode,
                        guint64 *bytes,
                        double *work,
                        GError **error);

/* Work per second of the device with its kernels and precision: of the last run that was recorded
 * in the user's cache, else measured now with a short product. 0 if that failed. */
double pd_plan_rate (const PdBackend *backend);
/* Records what a run of at least a second did. */
void pd_plan_record_rate (const PdBackend *backend, double work, double seconds);
