// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gio/gio.h>

#include "engine/gpu/kernel.h"
#include "engine/gpu/buffer.h"

/* A sequence of dispatches, recorded once and run any number of times. Buffers and
 * kernels are borrowed and must outlive it. One thread at a time may use a PdCommands; several
 * PdCommands of a device may be recorded and run from several threads.
 *
 * A misuse while recording (named below) makes the sequence unusable: the first one is reported by
 * pd_commands_end(). */
typedef struct _PdCommands PdCommands;

enum
{
  PD_MAX_BINDINGS = 8,
  PD_MAX_PUSH = 128, /* bytes, what every Vulkan device offers */
};

/* bytes [offset, offset + range) of a buffer; range 0: to its end. The offset must be a multiple of
 * PdDeviceInfo.min_storage_buffer_offset_alignment, the range at most max_storage_buffer_range. */
typedef struct
{
  PdBuffer *buffer;
  gsize offset;
  gsize range;
} PdBinding;

typedef struct
{
  const char *label; /* owned by the commands */
  double seconds;    /* of the last run */
} PdCommandTime;

/* @timestamps: measure every operation (ignored if the device cannot). */
PdCommands *pd_commands_new (PdDevice *device, gboolean timestamps);
void pd_commands_free (PdCommands *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdCommands, pd_commands_free)

/* Names the operations recorded after it for pd_commands_get_times() and for messages; NULL: a
 * dispatch is named after its kernel. Copied. */
void pd_commands_label (PdCommands *self, const char *label);

/* Workgroups of a kernel. A dispatch is never cut: callers keep one below about 0.3 s. */
typedef struct
{
  PdKernel *kernel;
  const PdBinding *bindings; /* as many as the shader declares */
  guint n_bindings;
  const void *push; /* copied */
  gsize push_size;  /* bytes, a multiple of 4, at most PD_MAX_PUSH */
  guint groups[3];  /* of each dimension, at least 1 */
  double work; /* estimated floating point operations (for a memory-bound operation: what arithmetic
                  would take as long); by its sum the sequence is cut into submissions */
} PdLaunch;

/* Appends a launch. Misuse: number of bindings, range or alignment ("binding 2 of kernel matmul
 * …"), push_size, workgroup counts of 0 or beyond the device's. */
void pd_commands_dispatch (PdCommands *self, const PdLaunch *launch);

/* Makes all writes before it visible to everything after it. Without one, neighbouring operations
 * may run at the same time. Before the first and after the last operation of a sequence none is
 * needed: runs are ordered among each other and with the host. */
void pd_commands_barrier (PdCommands *self);

/* Ends recording. Errors: the first misuse (PD_ERROR_BAD_REQUEST), PD_ERROR_OUT_OF_MEMORY,
 * PD_ERROR_DEVICE_LOST. */
gboolean pd_commands_end (PdCommands *self, GError **error);

/* Runs the sequence and waits for it. It is handed over in submissions of about 0.2 s, two at a
 * time; between them the cancellable is looked at. The device stays usable after a cancellation,
 * the buffers then hold whatever had been done. Errors: G_IO_ERROR_CANCELLED, PD_ERROR_DEVICE_LOST,
 * PD_ERROR_OUT_OF_MEMORY. */
gboolean pd_commands_run (PdCommands *self, GCancellable *cancellable, GError **error);

/* Seconds per operation of the last run, in order; operations without a barrier between them may
 * overlap, then the later one gets what the earlier left.
 * Returns: (element-type PdCommandTime) new array; NULL without timestamps or before a finished
 * run. */
GArray *pd_commands_get_times (PdCommands *self);
