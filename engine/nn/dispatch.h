// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "engine/nn/tensor.h"

/* A kernel with what it touches, as an op hands it to its graph (pd_graph_dispatch). */

typedef enum
{
  PD_ACCESS_READ = 1,
  PD_ACCESS_WRITE = 2,
} PdAccessMode;

enum
{
  PD_DISPATCH_MAX_ACCESS = 8,
  PD_DISPATCH_MAX_PUSH = 128,
};

/* A range of bytes that a dispatch touches. Bound as the storage buffer of binding number @binding,
 * or, with binding = -1, reached by device address: the 64-bit address of (storage, offset) is then
 * written at byte @address_at of the push constants. Either way offset + range is within the
 * storage, its slack included, and the kernel touches nothing else: no store or load may count on
 * being dropped because it is out of bounds. A descriptor's range must not exceed
 * max_storage_buffer_range: ops split their dispatches by rows. */
typedef struct
{
  PdStorage *storage;
  gsize offset, range;
  PdAccessMode mode;
  int binding;
  guint address_at;
} PdAccess;

typedef struct
{
  const char *label;     /* kind of op, for the bench's shares: a string that lives for ever */
  const char *shader;    /* name in the table of shader variants; lives for ever */
  guint32 constants[24]; /* specialisation constants 0 … n_constants - 1 */
  guint n_constants;
  PdAccess access[PD_DISPATCH_MAX_ACCESS];
  guint n_access, n_bindings;
  guint8 push[PD_DISPATCH_MAX_PUSH] __attribute__ ((aligned (8)));
  guint push_size;
  guint groups[3];
  double work; /* floating-point operations, or what takes as long: submissions are split by it */
} PdDispatch;

/* Bytes @first … @first + @size - 1 of a storage. */
typedef struct
{
  const PdStorage *storage;
  gsize first, size;
} PdBytes;

/* Makes @bytes the next binding. Its offset is aligned down to what the device asks for. Returns:
 * the bytes from the binding's start to @bytes. */
gsize pd_dispatch_bind (PdDispatch *self,
                        const PdBackend *backend,
                        const PdBytes *bytes,
                        PdAccessMode mode);
/* Makes all of @storage, which must fit and start where a binding may, the next binding. */
void pd_dispatch_bind_all (PdDispatch *self, const PdStorage *storage, PdAccessMode mode);
/* Makes the next binding one that the kernel does not read: what is bound first. */
void pd_dispatch_bind_unused (PdDispatch *self);
/* Lets the kernel read @bytes by their address, which the graph writes at byte @address_at of the
 * push constants. */
void pd_dispatch_read_at (PdDispatch *self, const PdBytes *bytes, guint address_at);

/* Sets the push constants. */
void pd_dispatch_push (PdDispatch *self, gconstpointer values, gsize size);

/* Invocations of a workgroup of a small op. */
guint pd_dispatch_workgroup (const PdBackend *backend);
/* The work of an op that moves @bytes and computes little. */
double pd_dispatch_memory_work (gsize bytes);

/* ⌈a / b⌉ */
static inline gsize
pd_divide_up (gsize a, gsize b)
{
  return (a + b - 1) / b;
}
