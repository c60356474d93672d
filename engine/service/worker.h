// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/service/call.h"

/* Does what calls ask for, one at a time, in a thread of its own. Keeps the engine (device, model)
 * between calls for as long as they name the same device, memory, kernels, precision and model. */
typedef struct _PdRpcWork PdWorker;

/* Both are called in the main thread. @params: floating. */
typedef void (*PdWorkerNotifyFunc) (const char *method, GVariant *params, gpointer user_data);
typedef void (*PdWorkerDoneFunc) (PdCall *call, gpointer user_data);

/* @data_folder: kept, not copied; where the embedded models are. gegl_init() must have been called.
 */
PdWorker *pd_worker_new (const char *data_folder,
                         PdWorkerNotifyFunc notify,
                         PdWorkerDoneFunc done,
                         gpointer user_data);

/* No call may be under way. NULL is fine. */
void pd_worker_free (PdWorker *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdWorker, pd_worker_free)

/* No other call may be under way. @call is borrowed until the done function gets it, with its
 * result or error set. */
void pd_worker_start (PdWorker *self, PdCall *call);
