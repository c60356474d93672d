// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/base/link.h"
#include "engine/run/devices.h"

/* Devices of the other processes of a cluster (cluster/cluster.h), which find the model by
 * themselves: nothing else of theirs is asked for. */

typedef struct
{
  PdLink *link;
  guint rank;
  char *name;
  char *place; /* which device of which machine: the same for those that are one */
  gboolean is_cpu;
  double rate; /* see pd_plan_rate */
} PdFarDevice;

/* All of them, opened as @request has it, at the same time on all processes. Returns: (transfer
 * full) of PdFarDevice, that frees its elements; empty where this process is alone; NULL with an
 * error: those of pd_devices_open there, with the process before them; PD_ERROR_BAD_MODEL (the
 * model is another one there), PD_ERROR_NO_DEVICE (numbers would be stored in another precision).
 */
GArray *
pd_rank_open (PdRequest *request, const PdDevices *own, GCancellable *cancellable, GError **error);

/* FALSE if one of @devices (PdFarDevice) was lost: they have to be opened anew. */
gboolean pd_rank_is_current (const GArray *devices);

/* This machine's device, as PdFarDevice.place has it. Returns: (transfer full) */
char *pd_rank_place (PdDevice *device);

/* Returns: (transfer full) what is to be said of a process that has ended or does not answer, and
 * with it the run; NULL if there is none. */
char *pd_rank_missing (void);

/* Of a process that is not the first: works for that until it leaves. @data_folder: see
 * pd_engine_new. */
void pd_rank_serve (const char *data_folder);
