// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/nn/graph.h"

#include <glib/gi18n-lib.h>

#include "engine/base/error.h"
#include "engine/base/host-memory.h"
#include "engine/gpu/account.h"
#include "engine/gpu/queue.h"
#include "engine/nn/dump.h"
#include "engine/nn/placement.h"

struct _PdGraph
{
  const PdBackend *backend;
  GPtrArray *tensors;  /* PdTensor */
  GPtrArray *storages; /* PdStorage, activations only */
  PdDispatch *dispatches;
  gsize n_dispatches, dispatch_room;
  GPtrArray *arena; /* PdBuffer, one per block */
  PdCommands *commands;
  PdGraphStats stats;
  GArray *counts;  /* Count */
  GError *failure; /* of the first op that could not be done */
};

/* Floating-point operations of an op. */
typedef struct
{
  const char *label;
  double operations;
} Count;

/* Bytes that a dispatch touched since the last barrier. */
typedef struct
{
  const PdBuffer *buffer;
  gsize start, end;
  PdAccessMode mode;
} Touched;

typedef struct
{
  Touched *touched;
  gsize n, room;
} Pending;

static void
pending_clear (Pending *self)
{
  g_free (self->touched);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pending, pending_clear)

PdGraph *
pd_graph_new (const PdBackend *backend)
{
  PdGraph *self = g_new0 (PdGraph, 1);

  self->backend = backend;
  self->tensors = g_ptr_array_new_with_free_func (g_free);
  self->storages = g_ptr_array_new_with_free_func (g_free);
  self->arena = g_ptr_array_new_with_free_func ((GDestroyNotify) pd_buffer_free);
  self->counts = g_array_new (FALSE, FALSE, sizeof (Count));
  return self;
}

void
pd_graph_free (PdGraph *self)
{
  if (self == NULL)
    return;
  pd_commands_free (self->commands);
  g_ptr_array_unref (self->tensors);
  g_ptr_array_unref (self->storages);
  g_free (self->dispatches);
  g_ptr_array_unref (self->arena);
  g_array_unref (self->counts);
  g_clear_error (&self->failure);
  g_free (self);
}

const PdBackend *
pd_graph_backend (const PdGraph *self)
{
  return self->backend;
}

void
pd_graph_fail (PdGraph *self, GError *error)
{
  if (self->failure == NULL)
    self->failure = error;
  else
    g_error_free (error);
}

PdStorage *
pd_graph_scratch (PdGraph *self, gsize size)
{
  PdStorage *storage = g_new0 (PdStorage, 1);

  storage->size = size;
  storage->first = G_MAXINT;
  storage->last = -1;
  g_ptr_array_add (self->storages, storage);
  return storage;
}

static PdTensor *
add_tensor (PdGraph *self, const PdTensor *values)
{
  PdTensor *tensor = g_memdup2 (values, sizeof *values);

  g_ptr_array_add (self->tensors, tensor);
  return tensor;
}

PdTensor *
pd_graph_tensor_typed (PdGraph *self, PdType type, guint n, guint h, guint w, guint c, guint border)
{
  PdTensor tensor = {
    .type = type, .n = n, .h = h, .w = w, .c = c, .ld = pd_align_channels (c), .border = border
  };
  gsize slack = (gsize) PD_PIXEL_SLACK * tensor.ld * pd_type_size (type);

  tensor.storage = pd_graph_scratch (self, pd_tensor_bytes (&tensor) + slack);
  tensor.storage->slack = slack;
  return add_tensor (self, &tensor);
}

PdTensor *
pd_graph_tensor (PdGraph *self, guint n, guint h, guint w, guint c, guint border)
{
  return pd_graph_tensor_typed (self, self->backend->activations, n, h, w, c, border);
}

PdTensor *
pd_tensor_channels (PdGraph *self, PdTensor *tensor, guint first, guint count)
{
  PdTensor *view = add_tensor (self, tensor);

  g_return_val_if_fail (first % PD_CHANNEL_ALIGN == 0 && first + count <= tensor->ld, view);
  view->c = count;
  view->offset += first * pd_type_size (tensor->type);
  return view;
}

PdTensor *
pd_tensor_images (PdGraph *self, PdTensor *tensor, guint first, guint count)
{
  PdTensor *view = add_tensor (self, tensor);

  g_return_val_if_fail (first + count <= tensor->n, view);
  view->n = count;
  view->offset += first * pd_tensor_image_pitch (tensor) * pd_type_size (tensor->type);
  return view;
}

PdTensor *
pd_tensor_image (PdGraph *self, PdTensor *tensor, guint image)
{
  return pd_tensor_images (self, tensor, image, 1);
}

PdTensor *
pd_tensor_tokens (PdGraph *self, PdTensor *tensor, guint image, guint first, guint h, guint w)
{
  PdTensor *view = pd_tensor_image (self, tensor, image);

  g_return_val_if_fail (tensor->border == 0 && first + h * w <= tensor->h * tensor->w, view);
  view->h = h;
  view->w = w;
  view->offset += (gsize) first * tensor->ld * pd_type_size (tensor->type);
  return view;
}

PdTensor *
pd_tensor_join (PdGraph *self, PdTensor *tensor, guint first, guint count)
{
  PdTensor *view = pd_tensor_image (self, tensor, first);

  g_return_val_if_fail (tensor->border == 0 && first + count <= tensor->n, view);
  view->h = count * tensor->h;
  return view;
}

PdStorage *
pd_graph_external (PdGraph *self, PdBuffer *buffer, gsize offset, gsize size)
{
  PdStorage *storage = pd_graph_scratch (self, size);

  storage->buffer = buffer;
  storage->offset = offset;
  return storage;
}

PdTensor *
pd_graph_place (PdGraph *self, PdStorage *storage, PdType type, guint n, guint h, guint w, guint c)
{
  PdTensor tensor = {
    .type = type, .n = n, .h = h, .w = w, .c = c, .ld = pd_align_channels (c), .storage = storage
  };

  return add_tensor (self, &tensor);
}

/* An input is touched by the host before the first dispatch. */
static PdTensor *
mark_input (PdTensor *tensor)
{
  tensor->storage->first = 0;
  tensor->storage->last = 0;
  tensor->border_zero = tensor->border > 0;
  return tensor;
}

PdTensor *
pd_graph_input (PdGraph *self, guint n, guint h, guint w, guint c, guint border)
{
  return mark_input (pd_graph_tensor (self, n, h, w, c, border));
}

PdTensor *
pd_graph_input_f32 (PdGraph *self, guint n, guint h, guint w, guint c)
{
  return mark_input (pd_graph_tensor_typed (self, PD_TYPE_F32, n, h, w, c, 0));
}

PdTensor *
pd_graph_output (PdGraph *self, PdTensor *tensor)
{
  tensor->storage->keep = TRUE;
  return tensor;
}

void
pd_graph_dispatch (PdGraph *self, const PdDispatch *dispatch)
{
  int index = (int) self->n_dispatches;
  GError *error = NULL;

  if (!pd_try_grow (self->dispatches, self->n_dispatches, &self->dispatch_room,
                    _ ("the list of the device's work"), &error))
    {
      pd_graph_fail (self, error);
      return;
    }
  for (guint i = 0; i < dispatch->n_access; i++)
    {
      PdStorage *storage = dispatch->access[i].storage;

      if (storage->buffer != NULL)
        continue;
      storage->first = MIN (storage->first, index);
      storage->last = MAX (storage->last, index);
    }
  self->dispatches[self->n_dispatches++] = *dispatch;
}

void
pd_graph_count (PdGraph *self, const char *label, double operations)
{
  const Count count = { label, operations };

  g_array_append_val (self->counts, count);
}

double
pd_graph_operations (const PdGraph *self, const char *label)
{
  double sum = 0;

  for (guint i = 0; i < self->counts->len; i++)
    {
      const Count *count = &g_array_index (self->counts, Count, i);

      if (label == NULL || strcmp (count->label, label) == 0)
        sum += count->operations;
    }
  return sum;
}

static gboolean
place_activations (PdGraph *self, GError **error)
{
  const PdDeviceInfo *info = pd_device_info (self->backend->device);
  gsize limit = MIN (info->max_memory_allocation_size, info->max_buffer_size);
  g_autofree guint *block_of = g_new (guint, self->storages->len + 1);
  g_autoptr (GArray) blocks = NULL;
  guint too_large = 0;

  for (guint i = 0; i < self->storages->len; i++)
    {
      PdStorage *storage = g_ptr_array_index (self->storages, i);

      if (storage->keep)
        storage->last = (int) self->n_dispatches;
      if (storage->first <= storage->last)
        self->stats.tensor_bytes += storage->size;
    }
  blocks = pd_placement_find (self->storages, limit, pd_queue_cancellable (self->backend->device),
                              block_of, &too_large);
  if (blocks == NULL && too_large == G_MAXUINT)
    return pd_queue_check_cancelled (self->backend->device, error);
  if (blocks == NULL)
    {
      const PdStorage *storage = g_ptr_array_index (self->storages, too_large);

      g_set_error (error, PD_ERROR, PD_ERROR_OUT_OF_MEMORY,
                   _ ("One tensor of this size takes %zu MiB, but %s allocates at most %zu MiB at "
                      "once; choose a smaller size"),
                   storage->size >> 20, info->name, limit >> 20);
      return FALSE;
    }
  for (guint b = 0; b < blocks->len; b++)
    {
      PdBuffer *buffer = pd_buffer_new (self->backend->device, g_array_index (blocks, gsize, b),
                                        PD_BUFFER_DEVICE, error);

      if (buffer == NULL)
        return FALSE;
      pd_buffer_set_name (buffer, "activations");
      g_ptr_array_add (self->arena, buffer);
      self->stats.arena_bytes += pd_buffer_size (buffer);
    }
  for (guint i = 0; i < self->storages->len; i++)
    if (block_of[i] != G_MAXUINT)
      ((PdStorage *) g_ptr_array_index (self->storages, i))->buffer =
          g_ptr_array_index (self->arena, block_of[i]);
  return TRUE;
}

static PdKernelSpec
kernel_spec (const PdDispatch *dispatch)
{
  return (PdKernelSpec){ .shader = dispatch->shader,
                         .constants = dispatch->constants,
                         .n_constants = dispatch->n_constants };
}

/* In a rehearsal it is only noted which kernels are missing. */
static gboolean
prepare_kernels (PdGraph *self, GError **error)
{
  PdDevice *device = self->backend->device;
  guint n = (guint) self->n_dispatches;
  g_autofree PdKernelSpec *specs =
      pd_try_new (PdKernelSpec, n, _ ("the list of the device's work"), error);

  if (specs == NULL && n > 0)
    return FALSE;
  for (guint i = 0; i < n; i++)
    specs[i] = kernel_spec (&self->dispatches[i]);
  if (!pd_account_is_rehearsing (device))
    return pd_prepare_kernels (device, specs, n, error);
  pd_prepare_rehearse (device, specs, n);
  return TRUE;
}

/* The bytes of @access, slack included: a kernel may write past the end of its result. */
static Touched
touched_by (const PdAccess *access)
{
  const PdStorage *storage = access->storage;
  gsize end = access->offset + access->range;

  if (end >= storage->size - storage->slack)
    end = storage->size;
  return (Touched){ .buffer = storage->buffer,
                    .start = storage->offset + access->offset,
                    .end = storage->offset + end,
                    .mode = access->mode };
}

static gboolean
conflicts (const Pending *pending, const Touched *now)
{
  for (gsize i = 0; i < pending->n; i++)
    {
      const Touched *before = &pending->touched[i];

      if (((before->mode | now->mode) & PD_ACCESS_WRITE) && before->buffer == now->buffer &&
          before->start < now->end && now->start < before->end)
        return TRUE;
    }
  return FALSE;
}

static gboolean
record_dispatch (
    PdGraph *self, PdDispatch *dispatch, Pending *pending, PdDump *dump, GError **error)
{
  PdBinding bindings[PD_DISPATCH_MAX_ACCESS] = { 0 };
  PdKernelSpec spec = kernel_spec (dispatch);
  PdKernel *kernel = pd_kernel_get_spec (self->backend->device, &spec, error);
  gboolean barrier = FALSE;
  guint n_bindings = 0;

  if (kernel == NULL)
    return FALSE;
  for (guint i = 0; i < dispatch->n_access && !barrier; i++)
    {
      Touched now = touched_by (&dispatch->access[i]);

      barrier = conflicts (pending, &now);
    }
  pd_dump_dispatch (dump, dispatch, barrier);
  if (barrier)
    {
      pd_commands_barrier (self->commands);
      pending->n = 0;
      self->stats.n_barriers++;
    }
  for (guint i = 0; i < dispatch->n_access; i++)
    {
      const PdAccess *access = &dispatch->access[i];
      Touched now = touched_by (access);

      /* Neither Vulkan nor a validation layer checks accesses by address. */
      g_assert (access->offset <= access->storage->size &&
                access->range <= access->storage->size - access->offset);
      if (!pd_try_grow (pending->touched, pending->n, &pending->room,
                        _ ("the list of the device's work"), error))
        return FALSE;
      pending->touched[pending->n++] = now;
      if (access->binding < 0)
        {
          guint64 address = pd_buffer_address (access->storage->buffer) + access->storage->offset +
                            access->offset;

          memcpy (dispatch->push + access->address_at, &address, sizeof address);
          continue;
        }
      bindings[access->binding] =
          (PdBinding){ access->storage->buffer, access->storage->offset + access->offset,
                       access->range };
      n_bindings = MAX (n_bindings, (guint) access->binding + 1);
    }
  pd_commands_label (self->commands, dispatch->label);
  pd_commands_dispatch (
      self->commands,
      &(PdLaunch){ .kernel = kernel,
                   .bindings = bindings,
                   .n_bindings = n_bindings,
                   .push = dispatch->push,
                   .push_size = dispatch->push_size,
                   .groups = { dispatch->groups[0], dispatch->groups[1], dispatch->groups[2] },
                   .work = dispatch->work });
  return TRUE;
}

static void
count_work (PdGraph *self)
{
  self->stats.n_dispatches = (guint) self->n_dispatches;
  for (gsize i = 0; i < self->n_dispatches; i++)
    self->stats.work += self->dispatches[i].work;
}

gboolean
pd_graph_compile (PdGraph *self, gboolean timestamps, GError **error)
{
  g_auto (Pending) pending = { 0 };
  g_autoptr (PdDump) dump = NULL;

  if (self->failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->failure));
      return FALSE;
    }
  if (!pd_queue_check_cancelled (self->backend->device, error) || !place_activations (self, error))
    return FALSE;
  count_work (self);
  dump = pd_dump_new (self->storages, self->tensors, self->arena);
  if (!prepare_kernels (self, error))
    return FALSE;
  if (pd_account_is_rehearsing (self->backend->device))
    return TRUE;

  self->commands = pd_commands_new (self->backend->device, timestamps);
  for (gsize i = 0; i < self->n_dispatches; i++)
    if (!record_dispatch (self, &self->dispatches[i], &pending, dump, error))
      return FALSE;
  return pd_commands_end (self->commands, error);
}

gboolean
pd_graph_run (PdGraph *self, GCancellable *cancellable, GError **error)
{
  return pd_commands_run (self->commands, cancellable, error);
}

void
pd_graph_stats (const PdGraph *self, PdGraphStats *stats)
{
  *stats = self->stats;
}

GArray *
pd_graph_times (PdGraph *self)
{
  g_autoptr (GArray) times = pd_commands_get_times (self->commands);
  GArray *sums = g_array_new (FALSE, FALSE, sizeof (PdOpTime));

  for (guint i = 0; times != NULL && i < times->len; i++)
    {
      const PdCommandTime *time = &g_array_index (times, PdCommandTime, i);
      PdOpTime *sum = NULL;

      for (guint j = 0; j < sums->len && sum == NULL; j++)
        if (strcmp (g_array_index (sums, PdOpTime, j).label, time->label) == 0)
          sum = &g_array_index (sums, PdOpTime, j);
      if (sum == NULL)
        {
          PdOpTime fresh = { .label = time->label };

          g_array_append_val (sums, fresh);
          sum = &g_array_index (sums, PdOpTime, sums->len - 1);
        }
      sum->seconds += time->seconds;
      sum->count++;
    }
  return sums;
}
