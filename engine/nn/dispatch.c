// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/dispatch.h"

#include <string.h>

enum
{
  WORKGROUP = 64,
};

/* Floating-point operations that take as long as moving a byte: small ops take about 0.6 CPU-ns per
 * byte on lavapipe (norms, GEGLU, concat; busy machine), and 40 GFLOP/s is what its uniform matrix
 * products are meant to make. Not measured on a GPU. */
static const double WORK_PER_BYTE = 25;

gsize
pd_dispatch_bind (PdDispatch *self,
                  const PdBackend *backend,
                  const PdBytes *bytes,
                  PdAccessMode mode)
{
  gsize align = pd_device_info (backend->device)->min_storage_buffer_offset_alignment;
  gsize skip = bytes->first % align;

  g_assert (self->n_access < PD_DISPATCH_MAX_ACCESS);
  self->access[self->n_access++] = (PdAccess){ .storage = (PdStorage *) bytes->storage,
                                               .offset = bytes->first - skip,
                                               .range = bytes->size + skip,
                                               .mode = mode,
                                               .binding = (int) self->n_bindings++ };
  return skip;
}

void
pd_dispatch_bind_all (PdDispatch *self, const PdStorage *storage, PdAccessMode mode)
{
  g_assert (self->n_access < PD_DISPATCH_MAX_ACCESS);
  self->access[self->n_access++] = (PdAccess){ .storage = (PdStorage *) storage,
                                               .range = storage->size,
                                               .mode = mode,
                                               .binding = (int) self->n_bindings++ };
}

void
pd_dispatch_bind_unused (PdDispatch *self)
{
  PdAccess access = self->access[0];

  g_assert (self->n_access < PD_DISPATCH_MAX_ACCESS && access.binding == 0);
  access.mode = PD_ACCESS_READ;
  access.binding = (int) self->n_bindings++;
  self->access[self->n_access++] = access;
}

void
pd_dispatch_read_at (PdDispatch *self, const PdBytes *bytes, guint address_at)
{
  g_assert (self->n_access < PD_DISPATCH_MAX_ACCESS);
  self->access[self->n_access++] = (PdAccess){ .storage = (PdStorage *) bytes->storage,
                                               .offset = bytes->first,
                                               .range = bytes->size,
                                               .mode = PD_ACCESS_READ,
                                               .binding = -1,
                                               .address_at = address_at };
}

void
pd_dispatch_push (PdDispatch *self, gconstpointer values, gsize size)
{
  g_assert (size <= sizeof self->push);
  memcpy (self->push, values, size);
  self->push_size = (guint) size;
}

guint
pd_dispatch_workgroup (const PdBackend *backend)
{
  return MIN (WORKGROUP, pd_device_info (backend->device)->max_workgroup_size[0]);
}

double
pd_dispatch_memory_work (gsize bytes)
{
  return WORK_PER_BYTE * (double) bytes + 1;
}
