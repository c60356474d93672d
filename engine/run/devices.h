// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/queue.h"
#include "engine/networks/model.h"
#include "engine/request/request.h"

enum
{
  PD_DEVICES_MAX = 16,
};

/* The devices of this process with one model on all of them. */
typedef struct
{
  guint n;
  struct
  {
    PdDevice *device;
    PdBackend backend;
  } list[PD_DEVICES_MAX]; /* the first does what is not shared, too */
  PdModel *model;
} PdDevices;

/* What the model is loaded for. */
typedef enum
{
  PD_DEVICES_RUN,
  PD_DEVICES_TILES, /* without what reads prompts */
} PdDevicesUse;

/* Opens the devices of request->device (see pd_device_select) with request->memory for each,
 * kernels and precision, and loads the model at @path on all of them. Errors: PD_ERROR_NO_DEVICE,
 * PD_ERROR_BAD_MODEL, PD_ERROR_OUT_OF_MEMORY, G_IO_ERROR_CANCELLED. */
gboolean pd_devices_open (PdDevices *self,
                          const PdRequest *request,
                          const char *path,
                          PdDevicesUse use,
                          GCancellable *cancellable,
                          GError **error);
void pd_devices_clear (PdDevices *self);

/* That of the first one; the others can only be cancelled. NULL: none. */
void pd_devices_set_watch (PdDevices *self, const PdDeviceWatch *watch);
