// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/gpu/device.h"

/* One Vulkan buffer with memory of its own, usable as storage buffer, as source and target of
 * copies and, where the device can, through its address. Meant to be few and large: tensors are
 * slices. */
typedef struct _PdBuffer PdBuffer;

typedef enum
{
  PD_BUFFER_DEVICE,   /* device-local; mapped too on devices with unified memory */
  PD_BUFFER_UPLOAD,   /* mapped, for writing by the host */
  PD_BUFFER_READBACK, /* mapped, for reading by the host (cached where possible) */
} PdBufferUse;

/* @size: bytes, > 0. Contents are undefined.
 * Errors: PD_ERROR_OUT_OF_MEMORY (memory limit, allocation or buffer size limit of the device; the
 * message names asked, used and limit), PD_ERROR_BAD_REQUEST (size 0). */
PdBuffer *pd_buffer_new (PdDevice *device, gsize size, PdBufferUse use, GError **error);
/* For messages of the validation layer and for tools; without it a buffer is named after its use.
 */
void pd_buffer_set_name (PdBuffer *self, const char *name);
/* The device must be done with it, which pd_commands_run() and pd_buffer_read/write() guarantee. */
void pd_buffer_free (PdBuffer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PdBuffer, pd_buffer_free)

gsize pd_buffer_size (const PdBuffer *self);
/* VkDeviceAddress of the first byte, 0 if the device has no buffer addresses. */
guint64 pd_buffer_address (const PdBuffer *self);
/* Host address of the first byte or NULL. Coherent: what is written before pd_commands_run() is
 * seen by it, and what it wrote is seen when it returns. */
void *pd_buffer_mapped (const PdBuffer *self);

/* Copies size bytes (any number, 0 included, any offset) to or from the buffer, through the mapping
 * or in pieces through a staging buffer; finished on return. Errors: PD_ERROR_BAD_REQUEST (outside
 * the buffer), PD_ERROR_OUT_OF_MEMORY, PD_ERROR_DEVICE_LOST; for a write G_IO_ERROR_CANCELLED of
 * the device's watch. */
gboolean
pd_buffer_write (PdBuffer *self, gsize offset, const void *data, gsize size, GError **error);
gboolean pd_buffer_read (PdBuffer *self, gsize offset, void *data, gsize size, GError **error);
